"""Fleets in groups that meet the same stretch of load, for policies that are a band of machines.

The fleets of a group meet the same load, prices, boot times and failed launches, minute by minute
(common random numbers; Law, Simulation Modeling and Analysis, ch. 11). They differ by their actions
alone, and so do their costs: what the load did to all of them can be subtracted.
"""

from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.controller.policy import MAX_MACHINES, band_action
from autoscaling_rl.environments.dynamics import (
    IN_SERVICE,
    ON_THEIR_WAY,
    Rules,
    failed_load,
    join,
    make_rules,
    row_length,
    scale,
)
from autoscaling_rl.environments.profiles import AutoScalingSettings, warmup_table
from autoscaling_rl.kernel import jit_fast as jit

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Stretches:
    """Stretches of load of equal length, each with what its fleets have in common.

    Attributes:
        features: shape (stretches, minutes, features), float32, prices filled in, fleets at zero;
            the first is the level. Row t is what is known when minute t is decided.
        load: load in machines, shape (stretches, minutes), float32.
        prices: machine-minutes that a failed machine-minute costs, shape (stretches,), float64.
        change_prices: machine-minutes that adding or removing a machine costs, likewise.
        gains: machine-minutes per minute that there are to gain, likewise.
        warmups: equally likely boot times in minutes, ascending, shape (stretches, k), int64.
        seeds: of boot times and launch failures, shape (stretches,), int64.
        clocks: the dynamics' minute at the start, likewise.
        start: machines in service before the first minute, likewise.
    """

    features: FloatArray
    load: FloatArray
    prices: NDArray[np.float64]
    change_prices: NDArray[np.float64]
    gains: NDArray[np.float64]
    warmups: IntArray
    seeds: IntArray
    clocks: IntArray
    start: IntArray

    @property
    def minutes(self) -> int:
        """Length of each stretch."""
        return int(self.load.shape[1])


def join_stretches(parts: list[Stretches]) -> Stretches:
    """Return the stretches of all parts, which must be equally long."""
    names = [each.name for each in fields(Stretches)]
    return Stretches(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    )


class SharedLoadFleets:
    """Fleets that run through stretches of load, `group` of them through each.

    Limits of the number of machines are not applied: loads have sizes of their own, and the
    controller limits whatever the policy wants.

    Attributes:
        minute: minutes that have passed.
    """

    def __init__(self, stretches: Stretches, settings: AutoScalingSettings, group: int) -> None:
        """Begin all stretches.

        Args:
            stretches: the load.
            settings: the environment's launch failures and minimum billing time.
            group: fleets in each stretch; fleet n runs through stretch n // group.
        """
        self.stretches, self.group, self.minute = stretches, group, 0
        self._rules = make_rules(
            capacity=1.0,
            minimum_billed_minutes=settings.minimum_billed_minutes,
            launch_failure_rate=settings.launch_failure_rate,
        )
        count = group * len(stretches.load)
        self.fleets = np.zeros((count, row_length(self._rules)), np.int64)
        self.fleets[:, IN_SERVICE] = np.repeat(stretches.start, group)
        self._weights = 1.0 / (stretches.gains * stretches.minutes)

    def step(self, outputs: FloatArray) -> NDArray[np.float64]:
        """Move every fleet into its band, serve a minute, and return the rewards, shape (fleets,).

        A reward is minus the cost beyond machines that would just serve the load, as a part of what
        there is to gain in the whole stretch. The rewards of a stretch add up to minus the part of
        the gap that was left open, which may exceed one.

        Args:
            outputs: of the policy's head "band_nearest", shape (fleets, 2): log of machines wanted
                above the level, and log of machines worth keeping above these.
        """
        each, minute = self.stretches, self.minute
        level = np.repeat(each.features[:, minute, 0], self.group)
        wanted, keep = band_edges(level, outputs)
        costs = np.empty(len(self.fleets))
        _step(
            wanted, keep, each.load[:, minute], each.prices, each.change_prices, each.warmups,
            each.seeds, each.clocks + minute, self._rules, self.group, self.fleets, costs,
        )  # fmt: skip
        self.minute += 1
        needed = np.repeat(each.load[:, minute].astype(np.float64), self.group)
        rewards: NDArray[np.float64] = (needed - costs) * np.repeat(self._weights, self.group)
        return rewards


def band_edges(level: FloatArray, outputs: FloatArray) -> tuple[IntArray, IntArray]:
    """Return whole machines wanted and worth keeping, each of shape (n,).

    What the head does with no fleet and with the largest one tells what it does with any.

    Args:
        level: demand level, shape (n,).
        outputs: shape (n, 2), see `controller.policy.band_action`.
    """
    edges = []
    for machines in (0, MAX_MACHINES):
        fleet = np.full(len(level), np.log1p(machines), np.float32)
        rows = np.stack((level.astype(np.float32), fleet), axis=1)
        edges.append(machines + band_action(rows, outputs, nearest=True))
    return edges[0], edges[1]


@cache
def boot_times(median: int, spread: float) -> IntArray:
    """Return equally likely boot times in minutes; their number depends on the spread alone."""
    table = warmup_table(median, spread)
    return table if spread == 0 else np.resize(table, 256)


@jit
def _step(
    wanted: IntArray,
    keep: IntArray,
    load: FloatArray,
    prices: NDArray[np.float64],
    change_prices: NDArray[np.float64],
    warmups: IntArray,
    seeds: IntArray,
    clocks: IntArray,
    common: Rules,
    group: int,
    fleets: IntArray,
    costs: NDArray[np.float64],
) -> None:
    """Simulate a minute of every fleet; see the module `dynamics` for the order of events."""
    for place in range(len(fleets)):
        row = place // group
        rules = Rules(
            common.capacity,
            prices[row],
            change_prices[row],
            common.min_machines,
            common.max_machines,
            common.minimum_billed_minutes,
            common.launch_failure_rate,
            warmups[row],
            seeds[row],
        )
        fleet = fleets[place]
        join(fleet, clocks[row], rules)
        before = fleet[IN_SERVICE] + fleet[ON_THEIR_WAY]
        owed = scale(fleet, clocks[row], max(min(before, keep[place]), wanted[place]), rules)
        size = fleet[IN_SERVICE] + fleet[ON_THEIR_WAY]
        failed = failed_load(fleet, load[row], rules.capacity)
        costs[place] = size + owed + rules.failure_price * failed
        costs[place] += rules.change_price * abs(size - before)
