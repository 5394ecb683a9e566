"""A window of load to show, with what each policy did in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.baselines.window import ACTIVE, FAILED, OWED, PENDING, Trajectory, Window

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a policy did in each minute of a window, in machines.

    Attributes:
        in_service: machines that served the load, shape (minutes,).
        billed: machines in service, on their way or still owed, shape (minutes,).
        failed: load that failed, in machines that it would have kept busy, shape (minutes,).
    """

    in_service: FloatArray
    billed: FloatArray
    failed: FloatArray


@dataclass(frozen=True, kw_only=True)
class Example:
    """A window of load with the runs of some policies.

    Attributes:
        name: what the window is called.
        load: load in machines that it keeps busy, shape (minutes,).
        runs: by name of the policy; "policy" and the baseline are drawn large, "oracle" thin.
        start: time of the first minute, if the load was recorded.
        minute_of_week: minutes since Monday 0:00 at the first minute, for generated load.
    """

    name: str
    load: FloatArray
    runs: Mapping[str, Run]
    start: datetime | None = None
    minute_of_week: int | None = None

    @classmethod
    def of(
        cls,
        name: str,
        window: Window,
        trajectories: Mapping[str, Trajectory],
        *,
        start: datetime | None = None,
        minute_of_week: int | None = None,
    ) -> "Example":
        """Return an example from simulated runs over a window."""
        capacity = window.rules.capacity
        runs = {policy: _run(each, capacity) for policy, each in trajectories.items()}
        load = window.requests / capacity
        return cls(name=name, load=load, runs=runs, start=start, minute_of_week=minute_of_week)

    @property
    def minutes(self) -> int:
        """Length of the window."""
        return len(self.load)

    def hardest(self, names: tuple[str, ...], minutes: int) -> slice:
        """Return the stretch in which most load failed, for all of `names` together.

        Without failures it is the stretch around the highest load.
        """
        minutes = min(minutes, self.minutes)
        failed = np.zeros(self.minutes)
        for name in names:
            failed += np.nan_to_num(self.runs[name].failed)
        if not failed.any():
            failed[int(np.argmax(np.nan_to_num(self.load)))] = 1.0
        total = np.concatenate(([0.0], np.cumsum(failed)))
        sums = total[minutes:] - total[:-minutes]
        best = np.flatnonzero(sums >= sums.max() * (1 - 1e-9))
        first = int(best[0] + best[-1]) // 2  # the failures in the middle
        # Ties need not be neighbours: their middle may hold nothing.
        first = first if sums[first] >= sums.max() * (1 - 1e-9) else int(best[0])
        return slice(first, first + minutes)


def _run(trajectory: Trajectory, capacity: float) -> Run:
    record = trajectory.record
    return Run(
        in_service=record[ACTIVE],
        billed=record[[ACTIVE, PENDING, OWED]].sum(axis=0),
        failed=record[FAILED] / capacity,
    )
