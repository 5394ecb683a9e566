"""One deployment at a time: from its first call until the smoke test has judged it.

Were the next one to begin before, it would replace what the last one is to be taken back to, and
each would judge and take back what the other has put there. An object in the artifact bucket says
whose turn it is. S3 writes it only if it is what was read before (conditional writes), so that of
two executions one gets the turn.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from lambdas.aws import Client
from lambdas.errors import EndpointBusy
from lambdas.s3 import status_of

ABANDONED = timedelta(minutes=30)
"""A turn ends by itself so long after it began and the endpoint came to rest: to poll, and for
the smoke test, whose function has 15 minutes, a few are enough."""

_LOST = (409, 412)  # another writes at the same time, or has written


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
        holder, since, version = self._read()
        if holder == self.execution:
            return
        oldest = max(since, settled or since)
        if holder is None or datetime.now(UTC) - oldest > ABANDONED:
            if self._write(self.execution, IfMatch=version):
                return
            holder = "another execution"
        raise EndpointBusy(
            f"{holder} is deploying to {self.endpoint}, and its smoke test has not ended: start "
            f"again when it has; a turn that was abandoned ends after {ABANDONED.seconds // 60} "
            "minutes"
        )

    def end(self) -> None:
        """End the turn, if it is still one's own."""
        try:
            holder, _, version = self._read()
        except self.s3.exceptions.NoSuchKey:  # somebody has ended it by hand
            return
        if holder == self.execution:
            self._write(None, IfMatch=version)

    def _read(self) -> tuple[str | None, datetime, str]:
        found = self.s3.get_object(Bucket=self.bucket, Key=self.key)
        holder = json.loads(found["Body"].read())["execution"]
        return holder, found["LastModified"], found["ETag"]

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
