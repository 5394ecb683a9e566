"""The AWS IoT job behind a deployment: who has it, who has done it, when it is given up."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from local_mode.aws.protocol import Document, now

WAITING = ("QUEUED", "IN_PROGRESS")
FAILURES = ("FAILED", "REJECTED", "TIMED_OUT")
_MINUTE = timedelta(minutes=1)
_COUNTS = {
    "CANCELED": "numberOfCanceledThings",
    "SUCCEEDED": "numberOfSucceededThings",
    "FAILED": "numberOfFailedThings",
    "REJECTED": "numberOfRejectedThings",
    "QUEUED": "numberOfQueuedThings",
    "IN_PROGRESS": "numberOfInProgressThings",
    "REMOVED": "numberOfRemovedThings",
    "TIMED_OUT": "numberOfTimedOutThings",
}


@dataclass
class Execution:
    """What one device has made of a job."""

    status: str = "QUEUED"
    queued: datetime = field(default_factory=now)
    started: datetime | None = None
    updated: datetime = field(default_factory=now)
    details: dict[str, str] = field(default_factory=dict)
    version: int = 1

    def move(self, status: str, details: dict[str, str] | None = None) -> None:
        """Note a new status."""
        self.status, self.updated, self.version = status, now(), self.version + 1
        if status == "IN_PROGRESS" and self.started is None:
            self.started = self.updated
        self.details.update(details or {})


class Job:
    """The job of one deployment.

    Args:
        configuration: `iotJobConfiguration` of the deployment.
        continuous: Whether devices that join later get it, too; so it is for groups.

    Attributes:
        executions: What each device has made of it.
        rolling_out: Whether there are devices for which it is not queued yet.
    """

    def __init__(self, configuration: Document, *, continuous: bool) -> None:
        self.configuration = configuration
        self.continuous = continuous
        self.executions: dict[str, Execution] = {}
        self.rolling_out = False

    def aim_at(self, things: Iterable[str]) -> None:
        """Queue the job for devices that are new, and take it from those that have left.

        In a minute as many are queued as the rollout lets.
        """
        wanted = set(things)
        new = sorted(wanted - self.executions.keys())
        queued = new[: self._room()]
        self.executions.update((thing, Execution()) for thing in queued)
        self.rolling_out = len(queued) < len(new)
        for thing, execution in self.executions.items():
            if thing not in wanted and execution.status in WAITING:
                execution.move("REMOVED")

    def _room(self) -> int | None:
        """Count the devices that the rollout lets be queued in this minute; None: all of them."""
        rollout = self.configuration.get("jobExecutionsRolloutConfig", {})
        rate = rollout.get("maximumPerMinute")
        if rate is None:
            rate = rollout.get("exponentialRate", {}).get("baseRatePerMinute")
        if rate is None:
            return None
        since = now() - _MINUTE
        return max(0, int(rate) - sum(it.queued > since for it in self.executions.values()))

    def check_times(self) -> None:
        """Time out what has been in progress for too long."""
        timeout = self.configuration.get("timeoutConfig", {}).get("inProgressTimeoutInMinutes")
        for execution in self.executions.values():
            if timeout and execution.status == "IN_PROGRESS" and execution.started:
                if now() - execution.started > timedelta(minutes=timeout):
                    execution.move("TIMED_OUT")

    def must_abort(self) -> bool:
        """Tell whether so many devices have failed that the job is to be given up."""
        ended = [it.status for it in self.executions.values() if it.status in _ENDED]
        for criterion in self.configuration.get("abortConfig", {}).get("criteriaList", ()):
            kinds = FAILURES if criterion["failureType"] == "ALL" else (criterion["failureType"],)
            failed = sum(status in kinds for status in ended)
            enough = len(ended) >= criterion["minNumberOfExecutedThings"]
            if enough and failed and failed * 100 >= criterion["thresholdPercentage"] * len(ended):
                return True
        return False

    def cancel(self) -> None:
        """Take the job from every device that has not finished it."""
        for execution in self.executions.values():
            if execution.status in WAITING:
                execution.move("CANCELED")

    def counts(self) -> dict[str, int]:
        """Return how many devices have which status, as `jobProcessDetails` has it."""
        found = Counter(execution.status for execution in self.executions.values())
        return {member: found[status] for status, member in _COUNTS.items()}


_ENDED = ("SUCCEEDED", *FAILURES)
