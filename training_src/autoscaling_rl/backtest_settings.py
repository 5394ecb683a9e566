"""Options of a back-test, checked, and the rules that follow from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.environments.dynamics import LONGEST_WARMUP, Rules, make_rules
from autoscaling_rl.errors import UserError
from autoscaling_rl.load.file import Bins
from autoscaling_rl.settings import build, setting

WARMUPS = 1024  # equally likely boot times that stand for a distribution


@dataclass(frozen=True, kw_only=True)
class BacktestSettings:
    """Options of a back-test, named like those of the command line.

    Attributes:
        mean_machines: machines that would just serve the window's mean load; sets the capacity.
        warmup_minutes: minutes from request to service.
        failure_price: machine-minutes that one machine-minute of failed load costs.
        history_days: days before the window that may be looked at and tuned on.
        start: start of the window; None: 14 days into the load or half of it, if that is earlier.
        days: length of the window in days; it ends with the load at the latest.
        min_machines: least number of machines.
        max_machines: largest number of machines; 0 means no limit.
        capacity: requests that a machine serves in a minute; None: from `mean_machines`.
        bins: how the file's intervals became minutes.
        warmup_distribution: "lognormal:MEDIAN:SIGMA" or "mix:FAST:SLOW:P_SLOW" in minutes, instead
            of `warmup_minutes`.
        launch_failure_rate: probability that a launched machine never joins.
        metric_delay_minutes: minutes by which the load that a controller sees lags behind.
        change_price: machine-minutes that adding or removing one machine costs.
        minimum_billed_minutes: minutes that a machine is billed for at least.
        seed: seed of boot times and launch failures.
    """

    mean_machines: float = setting(20.0, above=0, maximum=100_000)
    warmup_minutes: int = setting(5, minimum=0, maximum=LONGEST_WARMUP)
    failure_price: float = setting(20.0, minimum=0, maximum=1_000_000)
    history_days: int = setting(14, minimum=1, maximum=366)
    start: datetime | None = None
    days: float = setting(14.0, minimum=1 / 24, maximum=3660)
    min_machines: int = setting(1, minimum=1, maximum=1_000_000)
    max_machines: int = setting(0, minimum=0, maximum=1_000_000)
    capacity: float | None = setting(None, above=0)
    bins: Bins = "interpolate"
    warmup_distribution: str | None = None
    launch_failure_rate: float = setting(0.0, minimum=0, maximum=0.9)
    metric_delay_minutes: int = setting(0, minimum=0, maximum=60)
    change_price: float = setting(0.0, minimum=0, maximum=1_000_000)
    minimum_billed_minutes: int = setting(0, minimum=0, maximum=1440)
    seed: int = setting(0, minimum=0, maximum=2**63 - 1)

    def __post_init__(self) -> None:
        """Refuse options that do not go together."""
        if 0 < self.max_machines < self.min_machines:
            raise UserError(
                f"max_machines is {self.max_machines}, less than min_machines "
                f"{self.min_machines}: raise it, or use 0 for no limit"
            )
        self.warmups()

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "BacktestSettings":
        """Return settings from options by name.

        Raises:
            UserError: names the option as it is written on the command line, and the remedy.
        """

        def place(name: str) -> str:
            return f"--{name.replace('_', '-')}" if name else "options"

        return build(cls, options, place=place, what="backtest")

    def warmups(self) -> NDArray[np.int64]:
        """Return equally likely boot times in whole minutes, ascending."""
        if self.warmup_distribution is None:
            return np.array([self.warmup_minutes], np.int64)
        return warmup_table(self.warmup_distribution)

    def rules(self, capacity: float) -> Rules:
        """Return the rules of the dynamics for machines that serve `capacity` requests a minute."""
        return make_rules(
            capacity=capacity,
            failure_price=self.failure_price,
            change_price=self.change_price,
            min_machines=self.min_machines,
            max_machines=self.max_machines,
            minimum_billed_minutes=self.minimum_billed_minutes,
            launch_failure_rate=self.launch_failure_rate,
            warmups=self.warmups(),
            seed=self.seed,
        )


def warmup_table(text: str) -> NDArray[np.int64]:
    """Return 1024 equally likely boot times of a distribution in whole minutes, ascending.

    A machine serves from the first minute that starts after its boot, so times are rounded up. A
    tail beyond `LONGEST_WARMUP` is cut there.

    Args:
        text: "lognormal:MEDIAN:SIGMA" (SIGMA: standard deviation of the logarithm) or
            "mix:FAST:SLOW:P_SLOW" (SLOW with that probability, else FAST), in minutes.

    Raises:
        UserError: the text is neither.
    """
    kind, *words = text.split(":")
    try:
        numbers = [float(word) for word in words]
        if kind == "lognormal":
            minutes = _lognormal(*numbers)
        elif kind == "mix":
            minutes = _mix(*numbers)
        else:
            raise ValueError("is neither lognormal nor mix")
    except (TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, ValueError) else "has the wrong number of figures"
        raise UserError(
            f"warmup_distribution {text[:60]!r} {reason}: write lognormal:MEDIAN:SIGMA or "
            "mix:FAST:SLOW:P_SLOW, times in minutes, e.g. lognormal:5:0.4 or mix:1:8:0.3"
        ) from error
    return np.minimum(np.ceil(minutes - 1e-9), LONGEST_WARMUP).astype(np.int64)


def _lognormal(median: float, sigma: float) -> NDArray[np.float64]:
    if not (0 < median <= LONGEST_WARMUP and 0 <= sigma <= 3):
        raise ValueError(f"needs a MEDIAN up to {LONGEST_WARMUP} and a SIGMA from 0 to 3")
    quantiles = (np.arange(WARMUPS) + 0.5) / WARMUPS
    normal = np.array([NormalDist().inv_cdf(quantile) for quantile in quantiles])
    return median * np.exp(sigma * normal)


def _mix(fast: float, slow: float, p_slow: float) -> NDArray[np.float64]:
    if not (0 <= fast <= slow <= LONGEST_WARMUP and 0 <= p_slow <= 1):
        raise ValueError(f"needs FAST <= SLOW <= {LONGEST_WARMUP} and P_SLOW from 0 to 1")
    return np.repeat([fast, slow], [WARMUPS - round(WARMUPS * p_slow), round(WARMUPS * p_slow)])
