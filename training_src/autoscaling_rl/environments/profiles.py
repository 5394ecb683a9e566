"""Settings of AutoScaling-v0 and its two profiles, `default` and `sample`."""

from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.controller.observation import DAY, LONGEST_WARMUP, WEEK
from autoscaling_rl.environments.dynamics import Rules, make_rules
from autoscaling_rl.errors import UserError

PROFILES = ("default", "sample")
ACTIONS = ("levels", "desired")
MAX_DESIRED = 1000  # largest number that the action form "desired" can ask for

# Flaws of AWS's sample that can be switched on for comparison; the others (actions that are not
# clipped, no seed, bounds in other units than values, averages that survive a reset) are mended.
SAMPLE_FLAWS = ("no_weekly_cycle", "zero_load_is_down", "fleet_wide_noise")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UserError(f"environment.{name} is {value!r}: choose one of {', '.join(known)}")


def _check_number(name: str, value: object, low: float, high: float, *, whole: bool) -> None:
    kind, words = (Integral, "a whole number") if whole else (Real, "a number")
    if not isinstance(value, kind) or isinstance(value, bool) or not low <= float(value) <= high:
        raise UserError(f"environment.{name} is {value!r}: choose {words}, {low:g} to {high:g}")


@dataclass(frozen=True)
class AutoScalingSettings:
    """Keyword arguments of `gymnasium.make("AutoScaling-v0")`.

    Attributes:
        profile: "default" (realistic) or "sample" (constants and observation of AWS's sample).
        mean_machines: machines that would just serve the mean load; sizes the generated load.
        warmup_minutes: nominal (median) minutes from request to service.
        warmup_spread: standard deviation of the log of that time; 0 makes it fixed.
        launch_failure_rate: probability that a launched machine never joins.
        failure_price: machine-minutes that one machine-minute of failed load costs.
        change_price: machine-minutes that adding or removing one machine costs.
        min_machines: least number of machines.
        max_machines: largest number of machines; 0 means no limit.
        minimum_billed_minutes: minutes that a machine is billed for at least.
        metric_delay_minutes: minutes by which the load that the controller sees lags behind.
        capacity: requests that one machine serves in a minute.
        revenue: machine-minutes earned by one machine-minute of served load.
        down_threshold: share of a minute's load; more failures than that make the minute "down".
        down_penalty: machine-minutes that a down minute costs on top.
        actions: "levels" (add one of `levels`) or "desired" (the action is the number of machines).
        levels: machines added (positive) or removed by each action, ascending.
        episode_minutes: length of an episode.
        flaws: flaws of the sample to switch on, for the profile "sample"; see `SAMPLE_FLAWS`.
    """

    profile: str = "default"
    mean_machines: float = 20.0
    warmup_minutes: int = 5
    warmup_spread: float = 0.25
    launch_failure_rate: float = 0.01
    failure_price: float = 20.0
    change_price: float = 0.0
    min_machines: int = 1
    max_machines: int = 0
    minimum_billed_minutes: int = 0
    metric_delay_minutes: int = 0
    capacity: float = 250.0
    revenue: float = 2.0
    down_threshold: float = 0.005
    down_penalty: float = 0.0
    actions: str = "levels"
    levels: tuple[int, ...] = (-10, -3, -1, 0, 1, 3, 10)
    episode_minutes: int = WEEK
    flaws: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values outside their range, with the remedy."""
        object.__setattr__(self, "levels", tuple(self.levels))
        object.__setattr__(self, "flaws", tuple(self.flaws))
        kinds = {each.name: each.type for each in fields(self)}
        for name, low, high in _RANGES:
            _check_number(name, getattr(self, name), low, high, whole=kinds[name] is int)
        _one_of("profile", self.profile, PROFILES)
        _one_of("actions", self.actions, ACTIONS)
        for flaw in self.flaws:
            _one_of("flaws", flaw, SAMPLE_FLAWS)
        if 0 < self.max_machines < self.min_machines:
            raise UserError(
                f"environment.max_machines is {self.max_machines}, less than min_machines "
                f"{self.min_machines}: raise it, or use 0 for no limit"
            )
        for level in self.levels:
            _check_number("levels", level, -MAX_DESIRED, MAX_DESIRED, whole=True)
        if len(set(self.levels)) < 2 or sorted(self.levels) != list(self.levels):
            raise UserError("environment.levels must be two or more different numbers, ascending")

    @classmethod
    def of(cls, **keywords: Any) -> "AutoScalingSettings":  # noqa: ANN401 - checked by the class
        """Return settings for `keywords` on top of the profile's own defaults."""
        known = [each.name for each in fields(cls)]
        unknown = [name for name in keywords if name not in known]
        if unknown:
            raise UserError(f"environment.{unknown[0]} is unknown: known are {', '.join(known)}")
        if keywords.get("profile") == "sample":
            return replace(SAMPLE, **keywords)
        return cls(**keywords)

    def rules(self, *, capacity: float | None = None, seed: int = 0) -> Rules:
        """Return the rules of the dynamics, for the settings' capacity unless another is given."""
        return make_rules(
            capacity=self.capacity if capacity is None else capacity,
            failure_price=self.failure_price,
            change_price=self.change_price,
            min_machines=self.min_machines,
            max_machines=self.max_machines,
            minimum_billed_minutes=self.minimum_billed_minutes,
            launch_failure_rate=self.launch_failure_rate,
            warmups=warmup_table(self.warmup_minutes, self.warmup_spread),
            seed=seed,
        )


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("mean_machines", 1, 100_000),
    ("warmup_minutes", 0, LONGEST_WARMUP),
    ("warmup_spread", 0, 2),
    ("launch_failure_rate", 0, 0.9),
    ("failure_price", 0.1, 10_000),
    ("change_price", 0, 10_000),
    ("min_machines", 0, 1_000_000),
    ("max_machines", 0, 1_000_000),
    ("minimum_billed_minutes", 0, DAY),
    ("metric_delay_minutes", 0, 60),
    ("capacity", 1e-6, 1e9),
    ("revenue", 0, 1e6),
    ("down_threshold", 0, 1),
    ("down_penalty", 0, 1e6),
    ("episode_minutes", 1, 366 * DAY),
)

# Constants of the sample in its own units: a machine-minute costs 0.05 dollars, a down minute 200,
# a machine serves 300 transactions a minute and earns 0.0009 for each.
SAMPLE_MACHINE_COST = 0.05
SAMPLE_INITIAL_MACHINES = 50
SAMPLE_CAPACITY_NOISE = 0.1
SAMPLE = AutoScalingSettings(
    profile="sample",
    mean_machines=4700 / 300,
    warmup_spread=0.0,
    launch_failure_rate=0.0,
    min_machines=0,
    max_machines=833,
    capacity=300.0,
    failure_price=0.9 * 300 / 1000 / SAMPLE_MACHINE_COST,
    revenue=0.9 * 300 / 1000 / SAMPLE_MACHINE_COST,
    down_penalty=200 / SAMPLE_MACHINE_COST,
    levels=tuple(range(-10, 11)),
    episode_minutes=10_001,
)


def warmup_table(median: int, spread: float) -> NDArray[np.int64]:
    """Return equally likely boot times in whole minutes of a log-normal distribution.

    Args:
        median: median of the boot time in minutes.
        spread: standard deviation of its logarithm; 0 gives the median alone.

    Returns:
        Shape (1,) or (256,): a machine serves from the first minute that starts after its boot, so
        times are rounded up; a tail beyond `LONGEST_WARMUP` is cut there.
    """
    if spread == 0 or median == 0:
        return np.array([median], np.int64)
    quantiles = (np.arange(256) + 0.5) / 256
    normal = np.array([NormalDist().inv_cdf(quantile) for quantile in quantiles])
    times = np.ceil(median * np.exp(spread * normal) - 1e-9)
    return np.clip(times, 1, LONGEST_WARMUP).astype(np.int64)
