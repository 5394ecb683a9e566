"""The one dynamics of a fleet: environment, baselines and back-test all step through it.

In minute t, in this order: machines whose warm-up ended join (`join`); the number of machines that
the controller wants is applied (`scale`); the load of the minute is served by the machines in
service and the excess fails (`failed_load`); machines in service and on their way are billed.
A machine launched in minute t with a warm-up of w minutes serves from minute t + w. A failed launch
is billed for its warm-up and then gone. Removal is instant and takes the newest first, machines on
their way before those in service.

A fleet is one row of int64, so that a vectorised environment is a matrix of fleets: a few counts, a
ring of the machines due in each of the next 64 minutes, and a stack of launches, newest on top.
Boot times and failures of launches are a hash of (seed, minute, ordinal of the machine within the
minute): every policy that is compared on the same seed meets the same boot times, which makes
paired comparisons sharp (common random numbers; Law, Simulation Modeling and Analysis, ch. 11).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.kernel import jit_fast as jit

Fleet = NDArray[np.int64]

# Counts at the head of a row; YOUNG counts cohorts in service that owe a minimum billing time.
IN_SERVICE, ON_THEIR_WAY, TOP, DEPTH, YOUNG = range(5)
RING = 8  # where the ring of due minutes begins; a slot holds machines + 2**32 * failing machines
SLOTS = 64  # minutes in the ring: no boot takes longer
STACK = RING + SLOTS  # where the stack begins; an entry is a code (see `_push`) and a machine count
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


def new_fleet(machines: int, *, launches: int = 1024) -> Fleet:
    """Return a fleet of `machines` in service and none on their way.

    Args:
        machines: machines in service at the start.
        launches: room for launches that can still be cancelled, a power of two. With a fixed
            warm-up a launch is all machines of a minute, else a single machine. What is forgotten
            when room runs out joins in time but is removed like a machine in service.
    """
    fleet = np.zeros(row_length(launches), dtype=np.int64)
    fleet[IN_SERVICE] = machines
    return fleet


def row_length(launches: int) -> int:
    """Return the length of a fleet's row with room for `launches`, a power of two."""
    if launches & (launches - 1):
        raise ValueError(f"launches is {launches}: use a power of two")
    return STACK + 4 * launches


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
def _room(fleet: Fleet) -> int:
    return (len(fleet) - STACK) // 4


@jit
def join(fleet: Fleet, minute: int, rules: Rules) -> None:
    """Let every machine whose warm-up ends in `minute` join, or vanish if its launch failed.

    It must be called once for every minute, in order.
    """
    _join(fleet, minute, rules, minute - LONGEST_WARMUP)


@jit
def _join(fleet: Fleet, minute: int, rules: Rules, since: int) -> None:
    """Let machines join that were launched in minute `since` or later."""
    slot = RING + (minute & (SLOTS - 1))
    due = fleet[slot]  # without a test for zero: a branch that cannot be predicted costs more
    fleet[slot] = 0
    machines = due & (FAILING - 1)
    fleet[ON_THEIR_WAY] -= machines
    fleet[IN_SERVICE] += machines - (due >> 32)
    if rules.minimum_billed_minutes > 0:
        _keep_young(fleet, minute, rules, since)


@jit
def _keep_young(fleet: Fleet, minute: int, rules: Rules, since: int) -> None:
    """Remember machines that join in `minute` owing a minimum billing time, oldest launch first."""
    room, minimum = _room(fleet), rules.minimum_billed_minutes
    start = STACK + 2 * room
    _forget_old(fleet, start, minute - minimum)
    since = max(since, minute - rules.warmups[len(rules.warmups) - 1])
    for back in range(fleet[DEPTH]):  # newest entry first
        entry = STACK + 2 * ((fleet[TOP] - back) % room)
        launched = fleet[entry] >> 8
        if launched < since:
            break  # it and all below have joined before
        joins = launched + ((fleet[entry] >> 1) & 127) == minute and not fleet[entry] & 1
        if not joins or fleet[entry + 1] == 0 or minute - launched >= minimum:
            continue
        _add_young(fleet, start, launched, fleet[entry + 1])


@jit
def _add_young(fleet: Fleet, start: int, launched: int, machines: int) -> None:
    slot = start + 2 * fleet[YOUNG]
    while slot > start and fleet[slot - 2] > launched:
        slot -= 2
    if slot > start and fleet[slot - 2] == launched:
        fleet[slot - 1] += machines
        return
    end = start + 2 * fleet[YOUNG]
    if end == len(fleet):
        return  # forgotten: it is billed by the minute
    for place in range(end + 1, slot + 1, -1):
        fleet[place] = fleet[place - 2]
    fleet[slot] = launched
    fleet[slot + 1] = machines
    fleet[YOUNG] += 1


@jit
def _forget_old(fleet: Fleet, start: int, until: int) -> None:
    """Drop young cohorts launched up to minute `until`, which owe nothing any more."""
    old = 0
    while old < fleet[YOUNG] and fleet[start + 2 * old] <= until:
        old += 1
    if old > 0:
        fleet[YOUNG] -= old
        for place in range(start, start + 2 * fleet[YOUNG]):
            fleet[place] = fleet[place + 2 * old]


@jit
def scale(fleet: Fleet, minute: int, desired: int, rules: Rules) -> int:
    """Bring machines in service and on their way to `desired`, within the limits of `rules`.

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
        return _remove(fleet, minute, -wanted, rules.minimum_billed_minutes)
    return 0


@jit
def _launch(fleet: Fleet, minute: int, machines: int, rules: Rules) -> None:
    fleet[ON_THEIR_WAY] += machines
    if len(rules.warmups) == 1 and rules.launch_failure_rate == 0.0:
        _push(fleet, minute, rules.warmups[0], machines, 0)
    else:
        stream = mix(rules.seed & 0xFFFFFFFF, minute)
        likely_failures = int(rules.launch_failure_rate * 65536)
        for ordinal in range(machines):
            bits = mix(stream, ordinal)
            warmup = rules.warmups[((bits & 0xFFFF) * len(rules.warmups)) >> 16]
            _push(fleet, minute, warmup, 1, int((bits >> 16) < likely_failures))
    if rules.warmups[0] == 0:
        _join(fleet, minute, rules, minute)  # a warm-up of zero minutes serves at once


@jit
def _push(fleet: Fleet, minute: int, warmup: int, machines: int, fails: int) -> None:
    """Enter a launch: a code packs its minute, the warm-up (7 bits) and whether it fails."""
    room = _room(fleet)
    fleet[RING + ((minute + warmup) & (SLOTS - 1))] += machines * (1 + FAILING * fails)
    fleet[TOP] = (fleet[TOP] + 1) & (room - 1)
    fleet[DEPTH] = min(fleet[DEPTH] + 1, room)
    entry = STACK + 2 * fleet[TOP]
    fleet[entry] = (minute << 8) | (warmup << 1) | fails
    fleet[entry + 1] = machines


@jit
def _remove(fleet: Fleet, minute: int, machines: int, minimum_billed: int) -> int:
    owed = 0
    room = _room(fleet)
    if fleet[ON_THEIR_WAY] == 0 and minimum_billed == 0:
        fleet[DEPTH] = 0  # every launch on the stack has joined
    while machines > 0 and fleet[DEPTH] > 0 and fleet[ON_THEIR_WAY] > 0:
        entry = STACK + 2 * fleet[TOP]
        code = fleet[entry]
        launched = code >> 8
        due = launched + ((code >> 1) & 127)
        if due <= minute or fleet[entry + 1] == 0:  # it has joined, or nothing is left of it
            fleet[TOP] = (fleet[TOP] - 1) & (room - 1)
            fleet[DEPTH] -= 1
            continue
        taken = min(machines, fleet[entry + 1])
        owed += taken * max(0, minimum_billed - (minute - launched))
        fleet[entry + 1] -= taken
        fleet[RING + (due & (SLOTS - 1))] -= taken * (1 + FAILING * (code & 1))
        fleet[ON_THEIR_WAY] -= taken
        machines -= taken
    fleet[IN_SERVICE] -= machines
    start = STACK + 2 * room
    while machines > 0 and fleet[YOUNG] > 0:
        newest = start + 2 * (fleet[YOUNG] - 1)
        taken = min(machines, fleet[newest + 1])
        owed += taken * max(0, minimum_billed - (minute - fleet[newest]))
        fleet[newest + 1] -= taken
        machines -= taken
        if fleet[newest + 1] == 0:
            fleet[YOUNG] -= 1
    return owed


@jit
def failed_load(fleet: Fleet, load: float, capacity: float) -> float:
    """Return the part of `load` (requests in the minute) beyond what machines in service handle."""
    excess: float = load - fleet[IN_SERVICE] * capacity
    return max(0.0, excess)


def due_by_minute(fleet: Fleet, minute: int) -> list[int]:
    """Return the machines on their way that join in 1, 2, ... minutes from `minute`.

    A launch that will fail counts too: nobody can know that it will. Trailing zeros are left out.
    """
    slots = RING + ((minute + 1 + np.arange(SLOTS - 1)) & (SLOTS - 1))
    due = fleet[slots] & (FAILING - 1)
    return [int(machines) for machines in np.trim_zeros(due, "b")]


@jit
def due_within(fleet: Fleet, minute: int, horizon: int) -> int:
    """Return the machines on their way that join in at most `horizon` minutes from `minute`."""
    machines = 0
    for ahead in range(1, horizon + 1):
        machines += fleet[RING + ((minute + ahead) & (SLOTS - 1))] & (FAILING - 1)
    return machines


def starting_machines(load_before: float, capacity: float) -> int:
    """Return the machines at the start of a window: for the last load at 60 % utilisation."""
    return max(1, int(np.ceil(load_before / (0.6 * capacity) - 1e-9)))
