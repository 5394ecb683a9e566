"""One execution of the state machine: its input, its progress, its end."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_mode.deployment import Deployment

if TYPE_CHECKING:
    from botocore.client import BaseClient

ClientFactory = Callable[[str], "BaseClient"]

_POLL_SECONDS = 0.25
_PROGRESS_SECONDS = 5.0
_JOB_LOG = "/aws/sagemaker/TrainingJobs"
_LONGEST_CAUSE = 500  # characters of one that nobody wrote for people
_TASK_ENTERED = re.compile(r"(Task|Wait)StateEntered")
# Errors that the user can put right, by the class of a handler's exception or a job's exit status.
_MISTAKES = ("InvalidInput",)
_USER_EXIT = re.compile(r"exit code:? 2\b")


@dataclass(frozen=True)
class Finished:
    """An execution that has ended.

    Attributes:
        status: `status` of the output; empty after a failure.
        output: the execution's output, see section 3 of the contracts.
        error: what went wrong, in one line; empty after a success.
        users_mistake: whether the user can put it right.
        seconds: time spent in each state, by name, in order.
    """

    status: str
    output: dict[str, Any]
    error: str = ""
    users_mistake: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


def make_input(
    client: ClientFactory, deployment: Deployment, preset: str, load: Path | None
) -> dict[str, Any]:
    """Return the execution's input; a load file is uploaded first."""
    document: dict[str, Any] = {"preset": preset}
    if load is not None:
        key = f"loads/{load.stem}.csv"  # the channel takes a file of that kind
        client("s3").upload_file(str(load), deployment.bucket, key)
        document["load"] = {"s3_uri": f"s3://{deployment.bucket}/{key}"}
    return document


def follow(client: ClientFactory, deployment: Deployment, document: dict[str, Any]) -> Finished:
    """Start an execution, show its progress, and return how it ended.

    An interrupt stops the execution, and with it the jobs that it waits for.
    """
    states = client("stepfunctions")
    name = f"run-{time.strftime('%Y%m%d-%H%M%S')}"
    arn = states.start_execution(
        stateMachineArn=deployment.state_machine_arn, name=name, input=json.dumps(document)
    )["executionArn"]
    watch = _Watch(client, arn)
    try:
        while True:
            watch.show()
            described = states.describe_execution(executionArn=arn)
            if described["status"] != "RUNNING":
                watch.show()
                return _finish(described, watch)
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        states.stop_execution(executionArn=arn, cause="Interrupted")
        raise


class _Watch:
    """Prints states as they are entered, and now and then the newest line of the running job."""

    def __init__(self, client: ClientFactory, arn: str) -> None:
        self._client, self._arn = client, arn
        self._seen = 0
        self._state, self._since = "", time.monotonic()
        self._next_progress = time.monotonic() + _PROGRESS_SECONDS
        self._shown = ""
        self.seconds: dict[str, float] = {}

    def show(self) -> None:
        for event in self._new_events():
            if _TASK_ENTERED.fullmatch(event["type"]):
                self._enter(event["stateEnteredEventDetails"]["name"])
            elif event["type"].startswith("Execution") and event["type"] != "ExecutionStarted":
                self._enter("")
        if self._state and time.monotonic() > self._next_progress:
            self._next_progress = time.monotonic() + _PROGRESS_SECONDS
            self._progress()

    def _new_events(self) -> Iterator[dict[str, Any]]:
        pages = self._client("stepfunctions").get_paginator("get_execution_history")
        for page in pages.paginate(executionArn=self._arn):
            for event in page["events"]:
                if event["id"] > self._seen:
                    self._seen = event["id"]
                    yield event

    def _enter(self, state: str) -> None:
        now = time.monotonic()
        if self._state:
            spent = now - self._since
            self.seconds[self._state] = self.seconds.get(self._state, 0.0) + spent
        if state and state not in self.seconds:
            print(f"  {time.strftime('%H:%M:%S')}  {state}", flush=True)
        self._state, self._since = state, now

    def _progress(self) -> None:
        """Print the newest progress of the job that runs, as its log has it."""
        jobs = self._client("sagemaker").list_training_jobs(
            StatusEquals="InProgress", SortBy="CreationTime", SortOrder="Descending", MaxResults=1
        )["TrainingJobSummaries"]
        if not jobs:
            return
        name = jobs[0]["TrainingJobName"]
        logs = self._client("logs")
        streams = logs.describe_log_streams(logGroupName=_JOB_LOG, logStreamNamePrefix=name)
        for stream in streams["logStreams"][:1]:
            events = logs.get_log_events(
                logGroupName=_JOB_LOG, logStreamName=stream["logStreamName"], limit=50
            )["events"]
            lines = [e["message"] for e in events if e["message"].startswith("progress:")]
            if lines and lines[-1] != self._shown:
                self._shown = lines[-1]
                print(f"            {lines[-1].removeprefix('progress:').strip()}", flush=True)


def _finish(described: dict[str, Any], watch: _Watch) -> Finished:
    if described["status"] == "SUCCEEDED":
        output = json.loads(described["output"])
        return Finished(output["status"], output, seconds=watch.seconds)
    error, cause = described.get("error", described["status"]), described.get("cause", "")
    text = _reason(cause)
    mistake = error in _MISTAKES or bool(_USER_EXIT.search(cause))
    return Finished("", {}, f"{error}: {text}", mistake, watch.seconds)


def _reason(cause: str) -> str:
    """Return the reason in a cause: a job's description, a function's error, or plain text."""
    try:
        content = json.loads(cause)
    except ValueError:
        return cause
    if not isinstance(content, dict):
        return cause
    for key in ("FailureReason", "errorMessage"):
        if content.get(key):
            return str(content[key])
    told = _state_of_job(content) or content.get("errorType") or cause[:_LONGEST_CAUSE]
    return str(told)


def _state_of_job(described: Mapping[str, Any]) -> str:
    """Return how a job ended that has not failed; empty if it is no job."""
    state, detail = described.get("TrainingJobStatus", ""), described.get("SecondaryStatus", "")
    if detail == "MaxRuntimeExceeded":
        seconds = described.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", "?")
        return f"the job took longer than training.max_run_seconds ({seconds}): give it more"
    return f"the job ended as {state} ({detail})" if state else ""
