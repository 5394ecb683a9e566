"""What fleets of the bank cost: the rules they are under, and the costs of each minute."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from .series import FloatArray

COST_GRID = 1024.0  # costs are whole multiples of 1/1024 machine-minute: their sums are exact
LONGEST_HORIZON = 60  # minutes
LONGEST_WAIT = 240  # minutes
BURN_IN = 120  # minutes that fleets are simulated for before a day, so that its first are fair
_WAITS = 5
_LEAST_VARIANCE = 1e-9  # of machines in service; only keeps from dividing by zero


@dataclass(frozen=True)
class Fleet:
    """What is fixed for a fleet.

    Attributes:
        waits: equally likely minutes until a machine that is asked for serves, ascending; see
            `likely_waits`.
        price: machine-minutes that a failed machine-minute costs.
        change_price: machine-minutes that adding or removing a machine costs.
        least: least number of machines.
        most: largest number of machines; 0 means no limit.
        minimum_billed_minutes: minutes that a machine is billed for at least.
        delay: minutes that metrics come late. A decision knows the load up to so many minutes
            before the last one, and everything here is counted from the last known minute.
    """

    waits: tuple[int, ...] = (5,)
    price: float = 20.0
    change_price: float = 0.0
    least: int = 1
    most: int = 0
    minimum_billed_minutes: int = 0
    delay: int = 0

    @cached_property
    def horizon(self) -> int:
        """Minutes from the last known one until a machine serves that is asked for now."""
        return min(self.waits[len(self.waits) // 2] + self.delay, LONGEST_HORIZON)

    @cached_property
    def spread(self) -> int:
        """Minutes over which the price of a change is paid."""
        return int(min(max(np.ceil(self.change_price), 1), LONGEST_WAIT))

    @cached_property
    def rows(self) -> int:
        """Minutes of a simulated fleet that the costs of the next minute hang on."""
        after = max(1, self.waits[-1], self.minimum_billed_minutes, self.spread)
        return after + 1 + self.delay


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
    waits = fleet.waits
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


class Standing(NamedTuple):
    """What costs of some minutes hang on beside their load; arrays of shape (minutes, fleets).

    Attributes:
        serving: machines in service, on average where boot times scatter.
        variance: of their number there; None where boot times do not.
        billed: machine-minutes billed.
        changes: machine-minutes paid for changes; None where these are free.
    """

    serving: FloatArray
    variance: FloatArray | None
    billed: FloatArray
    changes: FloatArray | None


def charge(fleet: Fleet, machines: FloatArray, load: FloatArray) -> FloatArray:
    """Return the costs of the last `len(load)` rows of `machines`, in machine-minutes.

    A machine is billed minute by minute, under a minimum billing time also after its removal, and
    the price of a change is paid by one machine-minute a minute. Were all of it charged at once, a
    fleet that has not let go yet would look cheaper than one that has, and whoever followed it
    would buy again what was just paid for.

    Args:
        fleet: the rules.
        machines: of fleets, a row per minute; all in the first row have been there long enough.
        load: in machines, of the minutes in which these rows were in force.

    Returns:
        Shape (minutes, fleets).
    """
    if not len(load):
        return np.zeros((0, machines.shape[1]))
    return charged(fleet, standing(fleet, machines, len(load)), load)


def standing(fleet: Fleet, machines: FloatArray, count: int) -> Standing:
    """Return what costs of the last `count` rows hang on beside their load; see `charge`."""
    minimum, changes = fleet.minimum_billed_minutes, None
    if minimum > 1:
        # As the newest goes first, the least of the rows since has been there for longer.
        billed = _least(machines, count, minimum) + _recent(_launched(machines), count, minimum)
    else:
        billed = machines[-count:]
    if fleet.change_price:
        share = fleet.change_price / fleet.spread
        changes = share * _recent(_changed(machines), count, fleet.spread)
    return Standing(*_serving(fleet, machines, count), billed, changes)


def charged(fleet: Fleet, known: Standing, load: FloatArray) -> FloatArray:
    """Return the costs under a load, shape (minutes, fleets); see `charge`."""
    costs = fleet.price * _failed(known.serving, known.variance, load)
    costs += known.billed
    if known.changes is not None:
        costs += known.changes
    return np.rint(costs * COST_GRID) / COST_GRID


def failed(fleet: Fleet, machines: FloatArray, load: FloatArray) -> FloatArray:
    """Return the machine-minutes of load that are expected to fail in the last `len(load)` rows.

    Where boot times scatter, how many machines serve is a sum of chances, one for each machine,
    and what fails is the newsvendor's expected shortage (Arrow, Harris and Marschak, 1951). For a
    triangular distribution of the same mean and variance that is a cubic, within 0.01 standard
    deviations of the normal distribution's, and the same bits on every processor. The shortage of
    the mean would make headroom look needless that small fleets live by.

    Args:
        fleet: the rules.
        machines: of fleets, a row per minute.
        load: in machines, of the last minutes.

    Returns:
        Shape (minutes, fleets).
    """
    return _failed(*_serving(fleet, machines, len(load)), load)


def _serving(
    fleet: Fleet, machines: FloatArray, count: int
) -> tuple[FloatArray, FloatArray | None]:
    """Return mean and variance of the machines in service in the last `count` rows."""
    waits = fleet.waits
    if waits[0] == waits[-1]:
        return _least(machines, count, waits[0]), None
    mean = variance = older = np.zeros((count, machines.shape[1]))
    for wait in sorted(set(waits), reverse=True):
        there = _least(machines, count, wait)
        share = sum(each <= wait for each in waits) / len(waits)
        # Of the machines that have been there for so long, and not for the next longer wait.
        mean = mean + share * (there - older)
        variance = variance + share * (1.0 - share) * (there - older)
        older = there
    return mean, variance


def _failed(serving: FloatArray, variance: FloatArray | None, load: FloatArray) -> FloatArray:
    missing = load[:, None] - serving
    shortage: FloatArray = np.maximum(missing, 0.0)
    if variance is not None:
        near = np.maximum(np.sqrt(6.0 * variance) - np.abs(missing), 0.0)
        shortage += near * near * near / (36.0 * np.maximum(variance, _LEAST_VARIANCE))
    return shortage


def still_owed(fleet: Fleet, machines: FloatArray, minutes: int = 0) -> FloatArray:
    """Return what `charge` will yet charge for launches and changes if nothing more is done.

    Machines that are there are not counted: whether they stay is not known.

    Args:
        fleet: the rules.
        machines: of fleets, a row per minute; all in the first row have been there long enough.
        minutes: what is charged within so many minutes is left out.

    Returns:
        Machine-minutes, shape (fleets,).
    """
    owed = np.zeros(machines.shape[1])
    minimum, span = fleet.minimum_billed_minutes - minutes, fleet.spread - minutes
    if minimum > 1:
        rows = machines[-minimum:]
        # Machines that were there for less than k minutes, for k up to the minimum, are not gone.
        young = rows[-1] - np.minimum.accumulate(rows[::-1])
        there = young.sum(axis=0) + (minimum - len(young)) * young[-1]
        owed += _outstanding(_launched(machines), minimum) - there
    if fleet.change_price and span > 1:
        owed += fleet.change_price / fleet.spread * _outstanding(_changed(machines), span)
    rounded: FloatArray = np.rint(owed * COST_GRID) / COST_GRID
    return rounded


def _launched(machines: FloatArray) -> FloatArray:
    """Return the machines launched in each row but the first."""
    return np.maximum(np.diff(machines, axis=0), 0.0)


def _changed(machines: FloatArray) -> FloatArray:
    """Return the machines launched or removed in each row but the first."""
    return np.abs(np.diff(machines, axis=0))


def _recent(events: FloatArray, count: int, width: int) -> FloatArray:
    """Return the sums of the up to `width` last rows, at the last `count` rows.

    Args:
        events: whole numbers; a row before them, in which there was nothing, is missing.
        count: rows, at most one more than there are.
        width: rows that are summed.
    """
    kept = events[max(0, len(events) - count - width) :]
    if count == 1:
        newest: FloatArray = kept[-width:].sum(axis=0, keepdims=True)
        return newest
    total = np.concatenate((np.zeros((2, events.shape[1])), np.cumsum(kept, axis=0)))
    ends = np.arange(len(total) - count, len(total))
    sums: FloatArray = total[ends] - total[np.maximum(ends - width, 0)]
    return sums


def _outstanding(events: FloatArray, width: int) -> FloatArray:
    """Return how often `_recent` will count these events in the rows that follow."""
    kept = events[len(events) - min(len(events), width) :]
    often: FloatArray = (width - np.arange(len(kept), 0.0, -1.0)) @ kept
    return often


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
