"""Back-test: a policy and every baseline over a window of recorded load."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from autoscaling_rl import scorecard
from autoscaling_rl.backtest_settings import BacktestSettings
from autoscaling_rl.baselines.registry import BaselineRun, run_baselines
from autoscaling_rl.baselines.window import DAY, Trajectory, Window
from autoscaling_rl.errors import UserError
from autoscaling_rl.load.file import Load

LEAST_HISTORY = LEAST_WINDOW = 60  # minutes

RunPolicy = Callable[[Window, datetime], Trajectory]
"""Runs the policy over a window that starts at a time in UTC, see `Window` for what it may look at.
`replay_decisions` makes one of a function that decides minute by minute."""


@dataclass(frozen=True)
class Result:
    """What a back-test found.

    Attributes:
        load: the recorded load.
        settings: the options.
        start: time of the window's first minute, UTC.
        window: the window with its history.
        runs: `policy`, the baselines and `oracle`, with the knobs chosen for them.
    """

    load: Load
    settings: BacktestSettings
    start: datetime
    window: Window
    runs: dict[str, BaselineRun]

    def scorecard(self) -> dict[str, Any]:
        """Return the scorecard, ready for JSON.

        Savings of the policy over each baseline come with intervals, days being drawn.
        """
        trajectories = {name: run.trajectory for name, run in self.runs.items()}
        sums = {name: scorecard.totals(run, self.window) for name, run in trajectories.items()}
        daily = {name: self._daily_costs(run) for name, run in trajectories.items()}
        figures = scorecard.figures(sums)
        settings = asdict(self.settings)
        settings["start"] = self.start.isoformat()
        return {
            "schema_version": scorecard.SCHEMA_VERSION,
            "metric": "J",
            "unit": scorecard.UNIT,
            "window": {
                "start": self.start.isoformat(),
                "minutes": self.window.minutes,
                "history_minutes": self.window.first,
                "capacity": self.window.rules.capacity,
                "interpolated_gaps": [str(gap) for gap in self.load.gaps],
            },
            "settings": settings,
            "policies": {
                name: {**figures[name], "knobs": run.knobs} for name, run in self.runs.items()
            },
            "savings": scorecard.savings(daily),
        }

    def _daily_costs(self, trajectory: Trajectory) -> np.ndarray:
        costs = trajectory.costs(self.window.rules)
        return np.add.reduceat(costs, np.arange(0, len(costs), DAY))


def backtest(load: Load, settings: BacktestSettings, policy: RunPolicy) -> Result:
    """Run a policy, the baselines (tuned on the history) and the oracle over a window of load.

    Args:
        load: the recorded load.
        settings: the options.
        policy: runs the policy over the window.

    Raises:
        UserError: the options do not fit the load.
    """
    window, history, start = cut(load, settings)
    runs = {scorecard.POLICY: BaselineRun(policy(window, start), {})}
    runs |= run_baselines(window, history=history)
    return Result(load, settings, start, window, runs)


def cut(load: Load, settings: BacktestSettings) -> tuple[Window, Window, datetime]:
    """Return the window to judge, the history to tune on, and the time at which the window starts.

    Raises:
        UserError: the options do not fit the load.
    """
    first, last = _bounds(load, settings)
    days = settings.history_days
    # Forecasts need past days of their own while knobs are tuned on the first days of the history.
    begin = max(0, first - 2 * days * DAY)
    whole = Window(
        load.minute_rates[begin:last],
        first - begin,
        settings.rules(_capacity(load.minute_rates[first:last], settings)),
        settings.metric_delay_minutes,
        (load.start.minute + begin) % 60,
    )
    return whole.recent(days), whole.tuning(days), load.start + timedelta(minutes=first)


def _bounds(load: Load, settings: BacktestSettings) -> tuple[int, int]:
    """Return where the window starts and ends in the load, in minutes."""
    total = len(load.minute_rates)
    first = min(14 * DAY, total // 2)
    if settings.start is not None:
        start = settings.start.replace(tzinfo=settings.start.tzinfo or UTC)
        first = (start - load.start) // timedelta(minutes=1)
    if not LEAST_HISTORY <= first <= total - LEAST_WINDOW:
        earliest, latest = (
            f"{load.start + timedelta(minutes=minutes):%Y-%m-%dT%H:%MZ}"
            for minutes in (LEAST_HISTORY, total - LEAST_WINDOW)
        )
        raise UserError(
            f"--start leaves less than an hour of load before or after it: choose a time from "
            f"{earliest} to {latest}"
        )
    return first, min(total, first + round(settings.days * DAY))


def _capacity(requests: np.ndarray, settings: BacktestSettings) -> float:
    capacity = settings.capacity or float(requests.mean()) / settings.mean_machines
    if not capacity > 0:
        raise UserError("no requests in the window: choose another --start, or give --capacity")
    return capacity
