"""Waits for the processes of a job, and ends them when the job must end."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from local_mode.aws.training.host import HostRun
from local_mode.aws.training.job import TrainingJob

_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Ending:
    """How the processes of a job ended.

    Attributes:
        cause: `stop`, `time` (MaxRuntimeInSeconds), `host` (another host failed) or empty when
            the processes ended by themselves.
        failed: The host that failed first, if any.
        code: Its exit code, else 0.
    """

    cause: str
    failed: HostRun | None
    code: int


def watch(job: TrainingJob, hosts: Sequence[HostRun], *, limit: float, grace: float) -> Ending:
    """Wait until every process has ended, for `limit` seconds; then SIGTERM, `grace`, SIGKILL.

    Raises:
        StorageError: If checkpoints cannot be uploaded.
    """
    deadline = time.monotonic() + limit
    kill_at = float("inf")
    codes: dict[HostRun, int] = {}
    cause = ""
    while len(codes) < len(hosts):
        _poll(hosts, codes)
        moment = time.monotonic()
        if moment >= kill_at:
            for host in hosts:
                host.process.kill()
        if not cause and len(codes) < len(hosts):
            cause = _cause_to_end(job, codes, late=moment >= deadline)
            if cause:
                kill_at = moment + grace
                for host in hosts:
                    host.process.terminate()
    failed = next((host for host, code in codes.items() if code != 0), None)
    return Ending(cause, failed, codes[failed] if failed is not None else 0)


def _poll(hosts: Sequence[HostRun], codes: dict[HostRun, int]) -> None:
    for host in hosts:
        if host not in codes:
            code = host.poll(_POLL_SECONDS)
            if code is not None:
                codes[host] = code
                host.close(code)


def _cause_to_end(job: TrainingJob, codes: Mapping[HostRun, int], *, late: bool) -> str:
    if job.stop_requested.is_set():
        return "stop"
    if late:
        return "time"
    return "host" if any(codes.values()) else ""
