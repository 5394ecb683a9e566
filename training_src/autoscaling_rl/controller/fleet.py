"""What fleets of the bank cost: the rules they are under, and the costs of each minute."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .series import FloatArray

COST_GRID = 1024.0  # costs are whole multiples of 1/1024 machine-minute: their sums are exact
LONGEST_HORIZON = 60  # minutes
LONGEST_WAIT = 240  # minutes
_WAITS = 5


@dataclass(frozen=True)
class Fleet:
    """What is fixed for a fleet.

    Attributes:
        warmup: nominal warm-up in minutes.
        price: machine-minutes that a failed machine-minute costs.
        change_price: machine-minutes that adding or removing a machine costs.
        least: least number of machines.
        most: largest number of machines; 0 means no limit.
        minimum_billed_minutes: minutes that a machine is billed for at least.
        waits: equally likely minutes until a machine that is asked for serves, ascending; empty:
            the warm-up, always. See `likely_waits`.
        delay: minutes that metrics come late. A decision knows the load up to so many minutes
            before the last one, and everything here is counted from the last known minute.
    """

    warmup: int = 5
    price: float = 20.0
    change_price: float = 0.0
    least: int = 1
    most: int = 0
    minimum_billed_minutes: int = 0
    waits: tuple[int, ...] = ()
    delay: int = 0

    @property
    def horizon(self) -> int:
        """Minutes from the last known one until a machine serves that is asked for now."""
        wait = self.waits[len(self.waits) // 2] if self.waits else self.warmup
        return min(wait + self.delay, LONGEST_HORIZON)

    @property
    def longest(self) -> int:
        """The longest wait."""
        return self.waits[-1] if self.waits else self.warmup

    @property
    def rows(self) -> int:
        """Minutes of a simulated fleet that the costs of the next minute hang on."""
        return max(2, self.longest + 1, self.minimum_billed_minutes + 1) + self.delay


@lru_cache(64)
def likely_waits(boots: tuple[float, ...], failure_rate: float = 0.0) -> tuple[int, ...]:
    """Return five equally likely minutes until a machine that is asked for serves.

    A launch that fails is noticed when it should have served, and asked for again: the wait is a
    boot time times a geometric number.

    Args:
        boots: equally likely boot times in minutes; rounded up, as a machine serves from the first
            minute that starts after its boot.
        failure_rate: probability that a launch fails, below 1.
    """
    times = np.ceil(np.array(boots) - 1e-9)
    attempts = np.arange(1, 2 + (LONGEST_WAIT if failure_rate else 0))
    waits = np.outer(attempts, np.maximum(times, 1.0) if failure_rate else times).ravel()
    order = np.argsort(waits, kind="stable")
    known = np.cumsum(np.repeat(failure_rate ** (attempts - 1.0), len(times))[order])
    shares = (np.arange(_WAITS) + 0.5) / _WAITS
    likely = waits[order][np.searchsorted(known, shares * known[-1])]
    return tuple(int(wait) for wait in np.minimum(likely, LONGEST_WAIT))


def in_service(machines: FloatArray, count: int, fleet: Fleet) -> FloatArray:
    """Return the machines in service in the last `count` minutes, shape (count, fleets).

    Removal takes the newest first: what serves is the least of the last minutes. Where boot times
    scatter, it is the mean over them, as if there were many machines.

    Args:
        machines: of fleets, in service and on their way, a row per minute.
        count: minutes, at most as many as there are rows.
        fleet: the rules.
    """
    waits = fleet.waits or (fleet.warmup,)
    if waits[0] == waits[-1]:
        return _least(machines, count, waits[0])
    parts = [_least(machines, count, wait) * waits.count(wait) for wait in sorted(set(waits))]
    total: FloatArray = np.sum(parts, axis=0)
    return total / len(waits)


def _least(machines: FloatArray, count: int, wait: int) -> FloatArray:
    """Return the least of each of the last `count` rows and the `wait` rows before it."""
    known = machines[max(0, len(machines) - count - wait) :]
    if count == 1:
        lowest: FloatArray = known.min(axis=0, keepdims=True)
        return lowest
    return -sliding_most(-known, wait + 1)[-count:]


def charge(fleet: Fleet, machines: FloatArray, load: FloatArray) -> FloatArray:
    """Return the costs of the last `len(load)` rows of `machines`, in machine-minutes.

    Args:
        fleet: the rules.
        machines: of fleets, a row per minute.
        load: in machines, of the minutes in which these rows were in force.

    Returns:
        Shape (minutes, fleets).
    """
    count = len(load)
    if not count:
        return np.zeros((0, machines.shape[1]))
    failed = np.maximum(load[:, None] - in_service(machines, count, fleet), 0.0)
    costs = machines[-count:] + fleet.price * failed
    if fleet.change_price:
        changed = np.abs(np.diff(machines[-count - 1 :], axis=0))
        costs[count - len(changed) :] += fleet.change_price * changed
    if fleet.minimum_billed_minutes > 1:
        costs += owed(machines, count, fleet.minimum_billed_minutes)
    return np.rint(costs * COST_GRID) / COST_GRID


def owed(machines: FloatArray, count: int, minimum: int) -> FloatArray:
    """Return what removed machines still owe under a minimum billing time, in machine-minutes.

    The newest machine goes first. Of the machines that leave in a minute, those that were there
    for less than k minutes are above the least of the k minutes before: summed over k up to
    `minimum`, each counts for the minutes it is short of it.

    Args:
        machines: of fleets, a row per minute; all in the first row have been there long enough.
        count: the last minutes, which are charged.
        minimum: minutes that a machine is billed for at least.

    Returns:
        Shape (count, fleets).
    """
    charged = np.zeros((count, machines.shape[1]))
    for place in range(max(1, len(machines) - count), len(machines)):
        before, after = machines[place - 1], machines[place]
        gone = np.flatnonzero(after < before)
        if not gone.size:
            continue
        known = machines[max(0, place - minimum) : place, gone][::-1]
        lasting = np.maximum(np.minimum.accumulate(known), after[gone])
        young = before[gone] - lasting
        beyond = (minimum - len(young)) * young[-1]
        charged[count - len(machines) + place, gone] = young.sum(axis=0) + beyond
    return charged


def sliding_most(values: FloatArray, width: int) -> FloatArray:
    """Return the most of each row and the up to `width` - 1 rows before it."""
    most, reach = values, 1
    width = min(width, len(values))
    while reach < width:
        step = min(reach, width - reach)
        shifted = np.maximum(most[step:], most[: len(most) - step])
        most = np.concatenate((most[:step], shifted))
        reach += step
    return most
