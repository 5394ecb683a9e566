"""Policies in the form of a band, machines wanted and worth keeping, scored on known load.

The load does not depend on the actions. Whatever a policy computes from load alone is therefore
known for all minutes at once, and only `machines = clip(machines before, wanted, worth keeping)`
has to be stepped through the dynamics.
"""

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.controller.policy import MAX_MACHINES
from autoscaling_rl.environments.dynamics import (
    IN_SERVICE,
    ON_THEIR_WAY,
    Rules,
    failed_load,
    join,
    new_fleet,
    scale,
)
from autoscaling_rl.kernel import jit_fast


def score_bands(
    wanted: NDArray[np.float32],
    spread: NDArray[np.float32],
    load: NDArray[np.float32],
    start: int,
    rules: Rules,
    clock: int,
) -> NDArray[np.float64]:
    """Return J of many bands on one load, in machine-minutes, shape (candidates,).

    Args:
        wanted: log(1 + machines wanted), shape (candidates, minutes).
        spread: log of machines worth keeping over machines wanted; negative counts as zero.
        load: requests per minute, shape (minutes,).
        start: machines in service before the first minute.
        rules: rules of the dynamics.
        clock: the dynamics' minute at the start, by which boot times are drawn.
    """
    costs = np.zeros(len(wanted))
    fleet = new_fleet(start, rules)
    low, high = _machines(wanted), _machines(wanted + np.maximum(spread, np.float32(0.0)))
    _score(low, high, load, start, rules, clock, fleet, costs)
    return costs


def _machines(logs: NDArray[np.float32]) -> NDArray[np.int32]:
    limit = np.float32(np.log1p(MAX_MACHINES))
    return np.ceil(np.expm1(np.clip(logs, np.float32(0.0), limit))).astype(np.int32)


@jit_fast
def _score(
    low: NDArray[np.int32],
    high: NDArray[np.int32],
    load: NDArray[np.float32],
    start: int,
    rules: Rules,
    clock: int,
    fleet: NDArray[np.int64],
    costs: NDArray[np.float64],
) -> None:
    for candidate in range(len(low)):
        for place in range(len(fleet)):
            fleet[place] = 0
        fleet[IN_SERVICE] = start
        total = 0.0
        for minute in range(len(load)):
            join(fleet, clock + minute, rules)
            before = fleet[IN_SERVICE] + fleet[ON_THEIR_WAY]
            desired = max(min(before, high[candidate, minute]), low[candidate, minute])
            owed = scale(fleet, clock + minute, desired, rules)
            size = fleet[IN_SERVICE] + fleet[ON_THEIR_WAY]
            failed = failed_load(fleet, load[minute], rules.capacity) / rules.capacity
            total += size + owed + rules.failure_price * failed
            total += rules.change_price * abs(size - before)
        costs[candidate] = total
