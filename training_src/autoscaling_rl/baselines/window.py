"""A window of load to run fleets on, with the history before it, and what a run leaves behind."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.environments.dynamics import Fleet, Rules, new_fleet, starting_machines
from autoscaling_rl.errors import UserError

FloatArray = NDArray[np.float64]

DAY = 1440
FORECAST_DAYS = 2  # of history that tuning leaves to the forecasts alone
MOST_MACHINES = 1_000_000

# Rows of a trajectory's record; the kernels of `replay` write them.
DESIRED, ACTIVE, PENDING, FAILED, OWED, CHANGED = range(6)
RECORDS = 6


@dataclass(frozen=True)
class Window:
    """Minutes of load to run a fleet on, and the minutes before them.

    A controller decides for minute t of the window from `load[: first + t - metric_delay]` alone.

    Attributes:
        load: requests per minute, history first, shape (first + minutes,), float64.
        first: minutes of history.
        rules: rules of the dynamics; prices are in machine-minutes.
        metric_delay: minutes by which the load that a controller sees lags behind.
        minute_of_hour: minutes past the full hour at the start of `load`.
        clock: minute of the dynamics at the start of the window; boot times are drawn by it.
    """

    load: FloatArray
    first: int
    rules: Rules
    metric_delay: int = 0
    minute_of_hour: int = 0
    clock: int = 0

    def __post_init__(self) -> None:
        """Refuse what no fleet could be simulated for."""
        peak = float(self.load.max()) / self.rules.capacity
        if not peak <= MOST_MACHINES:
            raise UserError(
                f"the load peaks at {peak:.3g} machines, more than {MOST_MACHINES}: "
                "give a larger capacity or fewer mean machines, or remove the peak"
            )

    @property
    def minutes(self) -> int:
        """Length of the window."""
        return len(self.load) - self.first

    @property
    def requests(self) -> FloatArray:
        """Requests per minute in the window, shape (minutes,)."""
        return self.load[self.first :]

    @property
    def machines(self) -> int:
        """Machines in service at the start."""
        before = float(self.load[max(0, self.first - 1)])
        machines = max(starting_machines(before, self.rules.capacity), self.rules.min_machines)
        return min(machines, self.rules.max_machines or machines)

    def fleet(self) -> Fleet:
        """Return the fleet as it is before the first minute."""
        return new_fleet(self.machines, self.rules)

    def recent(self, days: int) -> "Window":
        """Return the same window with at most `days` of history."""
        cut = max(0, self.first - days * DAY)
        minute_of_hour = (self.minute_of_hour + cut) % 60
        return replace(
            self, load=self.load[cut:], first=self.first - cut, minute_of_hour=minute_of_hour
        )

    def tuning(self, days: int = 14) -> "Window":
        """Return the last `days` of history as a window of its own, to choose knobs on.

        The first two days (half of a shorter history) only feed the forecasts.

        Raises:
            UserError: there is no history.
        """
        if self.first == 0:
            raise UserError("no load is known before the window: baselines cannot be tuned")
        start = max(self.first - days * DAY, min(FORECAST_DAYS * DAY, self.first // 2))
        return replace(self, load=self.load[: self.first], first=start)


@dataclass(frozen=True)
class Trajectory:
    """What happened in each minute of a window.

    Attributes:
        record: shape (RECORDS, minutes), float64: machines desired, in service and on their way
            after the decision, requests failed, machine-minutes still owed for machines removed
            before their minimum billing time, machines added or removed.
    """

    record: FloatArray

    @property
    def desired(self) -> FloatArray:
        """Machines asked for, within the limits, shape (minutes,)."""
        desired: FloatArray = self.record[DESIRED]
        return desired

    def costs(self, rules: Rules) -> FloatArray:
        """Return what each minute adds to J, in machine-minutes, shape (minutes,)."""
        billed = self.record[ACTIVE] + self.record[PENDING] + self.record[OWED]
        price = rules.failure_price / rules.capacity
        changes = rules.change_price * self.record[CHANGED]
        costs: FloatArray = billed + price * self.record[FAILED] + changes
        return costs

    def cost(self, rules: Rules) -> float:
        """Return J in machine-minutes."""
        active, pending, failed, owed, changed = self.record[ACTIVE:].sum(axis=1)
        price = rules.failure_price / rules.capacity
        return float(active + pending + owed + price * failed + rules.change_price * changed)
