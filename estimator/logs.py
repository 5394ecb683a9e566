"""The lines of a running job, read from CloudWatch Logs page by page.

The SDK's own reader keeps one client for the whole process, made from the environment: it cannot
read the logs of another account, region or a local AWS.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from botocore.client import BaseClient

LOG_GROUP = "/aws/sagemaker/TrainingJobs"


class Line(NamedTuple):
    """One line of a job.

    Attributes:
        host: Name of the host that wrote it.
        text: The line.
        seconds: When, in seconds since 1970.
    """

    host: str
    text: str
    seconds: float


class LogReader:
    """Reads each line of a job's log streams, or of another log group's, once.

    Args:
        client: The client of CloudWatch Logs.
        job_name: Name of the training job; empty: every stream of the group.
        group: The log group.
    """

    def __init__(self, client: "BaseClient", job_name: str, *, group: str = LOG_GROUP) -> None:
        self._client = client
        self._group = group
        self._prefix = f"{job_name}/" if job_name else ""
        self._tokens: dict[str, str | None] = {}

    def lines(self) -> Iterator[Line]:
        """Yield what is there and was not read before, host by host."""
        for stream in self._streams():
            host = stream.removeprefix(self._prefix).rpartition("-")[0]
            for text, milliseconds in self._events(stream):
                yield Line(host, text.rstrip("\n"), milliseconds / 1000)

    def _streams(self) -> list[str]:
        pages = self._client.get_paginator("describe_log_streams")
        named = {"logStreamNamePrefix": self._prefix} if self._prefix else {}
        try:
            for page in pages.paginate(logGroupName=self._group, **named):
                for stream in page["logStreams"]:
                    self._tokens.setdefault(stream["logStreamName"], None)
        except self._client.exceptions.ResourceNotFoundException:
            # The first job of an account has no group until its container writes.
            return []
        return sorted(self._tokens)

    def _events(self, stream: str) -> Iterator[tuple[str, int]]:
        while True:
            token = self._tokens[stream]
            page = self._client.get_log_events(
                logGroupName=self._group,
                logStreamName=stream,
                startFromHead=True,
                **({"nextToken": token} if token else {}),
            )
            self._tokens[stream] = page["nextForwardToken"]
            yield from ((event["message"], event["timestamp"]) for event in page["events"])
            # A page may be empty though more follow; the end answers the token it was asked with.
            if page["nextForwardToken"] == token:
                return
