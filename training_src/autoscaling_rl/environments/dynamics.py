"""The one dynamics of a fleet: environment, baselines and back-test all step through it.

In minute t, in this order: machines whose warm-up ended join (`join`); the number of machines that
the controller wants is applied (`scale`); the load of the minute is served by the machines in
service and the excess fails (`failed_load`); machines in service and on their way are billed.
A machine launched in minute t with a warm-up of w minutes serves from minute t + w. A failed launch
is billed for its warm-up and then gone. Removal is instant and takes the newest first, machines on
their way before those in service.

A fleet is one row of int64, so that a vectorised environment is a matrix of fleets: a few counts, a
ring of the machines due in each of the next 64 minutes, and a ring of the launches of the last 64.
Boot times and failures of launches are a hash of (seed, minute, ordinal of the machine within the
minute): every policy that is compared on the same seed meets the same boot times, which makes
paired comparisons sharp (common random numbers; Law, Simulation Modeling and Analysis, ch. 11). So
a launch is remembered as a number of machines: who cancels them hashes their boot times again.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.kernel import jit_fast as jit

Fleet = NDArray[np.int64]

# Counts at the head of a row; YOUNG counts cohorts in service that owe a minimum billing time.
IN_SERVICE, ON_THEIR_WAY, YOUNG = range(3)
SLOTS = 64  # minutes in the rings: no boot takes longer
RINGS = 8  # where the two rings begin, slot by slot (see `_due` and `_launched`)
COHORTS = RINGS + 2 * SLOTS  # where the cohorts begin, oldest first: launch minute, machines
FAILING = 1 << 32
LONGEST_WARMUP = SLOTS - 4


class Rules(NamedTuple):
    """What does not change while a fleet is simulated; build it with `make_rules`.

    Attributes:
        capacity: requests that a machine in service handles in a minute.
        failure_price: machine-minutes that failed load worth one machine-minute costs.
        change_price: machine-minutes that adding or removing one machine costs.
        min_machines: least number of machines, in service and on their way.
        max_machines: largest number of machines; 0 means no limit.
        minimum_billed_minutes: a removed machine is billed for at least as many minutes.
        launch_failure_rate: probability that a launched machine never joins.
        warmups: equally likely boot times in whole minutes, ascending, shape (k,), k <= 65536.
        seed: seed of boot times and launch failures.
    """

    capacity: float
    failure_price: float
    change_price: float
    min_machines: int
    max_machines: int
    minimum_billed_minutes: int
    launch_failure_rate: float
    warmups: NDArray[np.int64]
    seed: int


def make_rules(
    *,
    capacity: float,
    failure_price: float = 20.0,
    change_price: float = 0.0,
    min_machines: int = 1,
    max_machines: int = 0,
    minimum_billed_minutes: int = 0,
    launch_failure_rate: float = 0.0,
    warmups: NDArray[np.int64] | int = 5,
    seed: int = 0,
) -> Rules:
    """Return rules with every field in the type that the kernels are compiled for."""
    return Rules(
        float(capacity),
        float(failure_price),
        float(change_price),
        int(min_machines),
        int(max_machines),
        int(minimum_billed_minutes),
        float(launch_failure_rate),
        np.sort(np.atleast_1d(np.asarray(warmups, dtype=np.int64))),
        int(seed),
    )


def new_fleet(machines: int, rules: Rules) -> Fleet:
    """Return a fleet of `machines` in service and none on their way."""
    fleet = np.zeros(row_length(rules), dtype=np.int64)
    fleet[IN_SERVICE] = machines
    return fleet


def row_length(rules: Rules) -> int:
    """Return the length of a fleet's row."""
    return COHORTS + 2 * rules.minimum_billed_minutes


@jit
def mix(state: int, word: int) -> int:
    """Return 32 well mixed bits of two numbers.

    The multiply-xorshift mix is Mueller's; products stay below 2**63, so that compiled int64 and
    plain Python integers agree.
    """
    value = (state ^ ((word * 0x9E3779B1) & 0xFFFFFFFF)) & 0xFFFFFFFF
    value = (((value >> 16) ^ value) * 0x45D9F3B) & 0xFFFFFFFF
    value = (((value >> 16) ^ value) * 0x45D9F3B) & 0xFFFFFFFF
    return (value >> 16) ^ value


@jit
def _due(minute: int) -> int:
    """Return the place of the machines due in a minute: their number + 2**32 * failing ones."""
    return RINGS + 2 * (minute & (SLOTS - 1))


@jit
def _launched(minute: int) -> int:
    """Return the place of a minute's launch: only lower ordinals can still be cancelled."""
    return _due(minute) + 1


@jit
def _draw(bits: int, rules: Rules) -> tuple[int, int]:
    """Return boot time and failure (1 or 0) of the machine with these bits."""
    warmup = rules.warmups[((bits & 0xFFFF) * len(rules.warmups)) >> 16]
    return warmup, int((bits >> 16) < int(rules.launch_failure_rate * 65536))


@jit
def _all_alike(rules: Rules) -> bool:
    return len(rules.warmups) == 1 and rules.launch_failure_rate == 0.0


@jit
def join(fleet: Fleet, minute: int, rules: Rules) -> None:
    """Let every machine whose warm-up ends in `minute` join, or vanish if its launch failed.

    It must be called once for every minute, in order.
    """
    fleet[_launched(minute)] = 0  # of 64 minutes ago
    if rules.minimum_billed_minutes > 0:
        _forget_old(fleet, minute - rules.minimum_billed_minutes)
        for back in range(rules.warmups[len(rules.warmups) - 1], 0, -1):
            _keep_young(fleet, minute, minute - back, rules)
    _join_due(fleet, minute)


@jit
def _join_due(fleet: Fleet, minute: int) -> None:
    slot = _due(minute)
    due = fleet[slot]  # without a test for zero: a branch that cannot be predicted costs more
    fleet[slot] = 0
    machines = due & (FAILING - 1)
    fleet[ON_THEIR_WAY] -= machines
    fleet[IN_SERVICE] += machines - (due >> 32)


@jit
def _keep_young(fleet: Fleet, minute: int, launched: int, rules: Rules) -> None:
    """Remember machines launched in `launched` that join in `minute` owing billing time."""
    left = fleet[_launched(launched)]
    if left == 0 or minute - launched >= rules.minimum_billed_minutes:
        return
    machines = left * int(launched + rules.warmups[0] == minute)
    if not _all_alike(rules):
        machines = 0
        stream = mix(rules.seed & 0xFFFFFFFF, launched)
        for ordinal in range(left):
            warmup, fails = _draw(mix(stream, ordinal), rules)
            machines += int(launched + warmup == minute) * (1 - fails)
    if machines > 0:
        _add_young(fleet, launched, machines)


@jit
def _add_young(fleet: Fleet, launched: int, machines: int) -> None:
    slot = COHORTS + 2 * fleet[YOUNG]
    while slot > COHORTS and fleet[slot - 2] > launched:
        slot -= 2
    if slot > COHORTS and fleet[slot - 2] == launched:
        fleet[slot - 1] += machines
        return
    for place in range(COHORTS + 2 * fleet[YOUNG] + 1, slot + 1, -1):
        fleet[place] = fleet[place - 2]
    fleet[slot] = launched
    fleet[slot + 1] = machines
    fleet[YOUNG] += 1


@jit
def _forget_old(fleet: Fleet, until: int) -> None:
    """Drop young cohorts launched up to minute `until`, which owe nothing any more."""
    old = 0
    while old < fleet[YOUNG] and fleet[COHORTS + 2 * old] <= until:
        old += 1
    if old > 0:
        fleet[YOUNG] -= old
        for place in range(COHORTS, COHORTS + 2 * fleet[YOUNG]):
            fleet[place] = fleet[place + 2 * old]


@jit
def scale(fleet: Fleet, minute: int, desired: int, rules: Rules) -> int:
    """Bring machines in service and on their way to `desired`, within the limits of `rules`.

    It may be called once in a minute, after `join`.

    Returns:
        Machine-minutes that removed machines still owe under the minimum billing time.
    """
    desired = max(desired, rules.min_machines)
    if rules.max_machines > 0:
        desired = min(desired, rules.max_machines)
    wanted = desired - fleet[IN_SERVICE] - fleet[ON_THEIR_WAY]
    if wanted > 0:
        _launch(fleet, minute, wanted, rules)
        return 0
    if wanted < 0:
        return _remove(fleet, minute, -wanted, rules)
    return 0


@jit
def _launch(fleet: Fleet, minute: int, machines: int, rules: Rules) -> None:
    fleet[ON_THEIR_WAY] += machines
    fleet[_launched(minute)] = machines
    if _all_alike(rules):
        fleet[_due(minute + rules.warmups[0])] += machines
    else:
        stream = mix(rules.seed & 0xFFFFFFFF, minute)
        for ordinal in range(machines):
            warmup, fails = _draw(mix(stream, ordinal), rules)
            fleet[_due(minute + warmup)] += 1 + FAILING * fails
    if rules.warmups[0] == 0:  # a warm-up of zero minutes serves at once
        if rules.minimum_billed_minutes > 0:
            _keep_young(fleet, minute, minute, rules)
        _join_due(fleet, minute)


@jit
def _remove(fleet: Fleet, minute: int, machines: int, rules: Rules) -> int:
    owed = 0
    for back in range(SLOTS):
        if machines == 0 or fleet[ON_THEIR_WAY] == 0:
            break
        cancelled = _cancel(fleet, minute, minute - back, machines, rules)
        fleet[ON_THEIR_WAY] -= cancelled
        machines -= cancelled
        owed += cancelled * max(0, rules.minimum_billed_minutes - back)
    fleet[IN_SERVICE] -= machines
    while machines > 0 and fleet[YOUNG] > 0:
        newest = COHORTS + 2 * (fleet[YOUNG] - 1)
        taken = min(machines, fleet[newest + 1])
        owed += taken * max(0, rules.minimum_billed_minutes - (minute - fleet[newest]))
        fleet[newest + 1] -= taken
        machines -= taken
        if fleet[newest + 1] == 0:
            fleet[YOUNG] -= 1
    return owed


@jit
def _cancel(fleet: Fleet, minute: int, launched: int, machines: int, rules: Rules) -> int:
    """Cancel up to `machines` of a minute's launch, newest first, that have not joined yet.

    Returns:
        How many were cancelled.
    """
    slot = _launched(launched)
    left, wanted = fleet[slot], machines
    if left > 0 and _all_alike(rules):
        due = launched + rules.warmups[0]
        taken = min(left, wanted) * int(due > minute)
        fleet[_due(due)] -= taken
        left -= taken
        wanted -= taken
    elif left > 0:
        stream = mix(rules.seed & 0xFFFFFFFF, launched)
        while left > 0 and wanted > 0:
            left -= 1
            warmup, fails = _draw(mix(stream, left), rules)
            taken = int(launched + warmup > minute)
            fleet[_due(launched + warmup)] -= taken * (1 + FAILING * fails)
            wanted -= taken
    fleet[slot] = left
    return machines - wanted


@jit
def failed_load(fleet: Fleet, load: float, capacity: float) -> float:
    """Return the part of `load` (requests in the minute) beyond what machines in service handle."""
    excess: float = load - fleet[IN_SERVICE] * capacity
    return max(0.0, excess)


def due_by_minute(fleet: Fleet, minute: int) -> list[int]:
    """Return the machines on their way that join in 1, 2, ... minutes from `minute`.

    A launch that will fail counts too: nobody can know that it will. Trailing zeros are left out.
    """
    due = [int(fleet[_due(minute + ahead)]) & (FAILING - 1) for ahead in range(1, SLOTS)]
    return np.trim_zeros(due, "b")


@jit
def due_within(fleet: Fleet, minute: int, horizon: int) -> int:
    """Return the machines on their way that join in at most `horizon` minutes from `minute`."""
    machines = 0
    for ahead in range(1, horizon + 1):
        machines += fleet[_due(minute + ahead)] & (FAILING - 1)
    return machines


def starting_machines(load_before: float, capacity: float) -> int:
    """Return the machines at the start of a window: for the last load at 60 % utilisation."""
    return max(1, int(np.ceil(load_before / (0.6 * capacity) - 1e-9)))
