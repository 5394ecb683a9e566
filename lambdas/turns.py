"""One deployment at a time: from its first call until the smoke test has judged it.

Were the next one to begin before, it would replace what the last one is to be taken back to, and
each would judge and take back what the other has put there. An object in the artifact bucket says
whose turn it is. S3 writes it only if it is what was read before (conditional writes), so that of
two executions one gets the turn.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws import Client
from lambdas.errors import EndpointBusy
from lambdas.s3 import status_of

ABANDONED = timedelta(minutes=30)
"""A turn ends by itself so long after it began and the endpoint came to rest: to poll, and for
the smoke test, whose function has 15 minutes, a few are enough."""

_LOST = (404, 409, 412)  # it was deleted meanwhile, another writes at the same time, or has written
_TRIES = 3


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Whose turn it is to change an endpoint.

    Attributes:
        s3: The client.
        bucket: The stage's bucket of artifacts.
        endpoint: The endpoint's name.
        execution: Who asks.
    """

    s3: Client
    bucket: str
    endpoint: str
    execution: str

    @property
    def key(self) -> str:
        """Where in the bucket it is written."""
        return f"deployments/{self.endpoint}.json"

    def take(self, *, settled: datetime | None) -> None:
        """Begin the turn, or go on with it.

        Args:
            settled: When the endpoint was last changed; None if there is none.

        Raises:
            EndpointBusy: It is another execution's.
        """
        if self._write(self.execution, IfNoneMatch="*"):
            return
        holder = "another execution"
        if found := self._read():
            if found.holder == self.execution:
                return
            oldest = max(found.since, settled or found.since)
            if found.holder is None or datetime.now(UTC) - oldest > ABANDONED:
                if self._write(self.execution, IfMatch=found.version):
                    return
            else:
                holder = found.holder
        raise EndpointBusy(
            f"{holder} is deploying to {self.endpoint}, and its smoke test has not ended: start "
            f"again when it has; a turn that was abandoned ends after {ABANDONED.seconds // 60} "
            "minutes"
        )

    def is_anothers(self) -> bool:
        """Tell whether another execution deploys; not so where S3 does not tell.

        A fault of S3 must not keep anybody from rolling back.
        """
        with suppress(ClientError, BotoCoreError):
            found = self._read()
            return found is not None and found.holder not in (None, self.execution)
        return False

    def leave(self) -> None:
        """End the turn, if it is still one's own.

        What it ends with is told already: where S3 refuses, the turn ends by itself.
        """
        with suppress(ClientError, BotoCoreError):
            for _ in range(_TRIES):
                found = self._read()
                if found is None or found.holder != self.execution:
                    return
                if self._write(None, IfMatch=found.version):
                    return

    def _read(self) -> "_Found | None":
        """Return what is written; None if there is nothing, which a person may have deleted."""
        try:
            found = self.s3.get_object(Bucket=self.bucket, Key=self.key)
        except ClientError as error:
            if error.response["Error"].get("Code") == "NoSuchKey":
                return None
            raise
        try:
            holder = str(json.loads(found["Body"].read())["execution"] or "") or None
        except (ValueError, KeyError, TypeError):  # no program wrote that
            holder = None
        return _Found(holder, found["LastModified"], found["ETag"])

    def _write(self, holder: str | None, **condition: str) -> bool:
        """Write who has the turn; tell if nobody else was faster."""
        content = json.dumps({"execution": holder}).encode()
        try:
            self.s3.put_object(Bucket=self.bucket, Key=self.key, Body=content, **condition)
        except ClientError as error:
            if status_of(error) in _LOST:
                return False
            raise
        return True


class _Found(NamedTuple):
    """What is written: whose turn it is, since when, and the object's ETag."""

    holder: str | None
    since: datetime
    version: str
