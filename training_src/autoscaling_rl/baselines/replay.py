"""Runs of a fleet over a window of load, minute by minute through the one dynamics."""

from collections.abc import Callable

import numpy as np

from autoscaling_rl.baselines.window import (
    ACTIVE,
    CHANGED,
    DESIRED,
    FAILED,
    OWED,
    PENDING,
    RECORDS,
    FloatArray,
    Trajectory,
    Window,
)
from autoscaling_rl.environments.dynamics import (
    IN_SERVICE,
    ON_THEIR_WAY,
    Fleet,
    Rules,
    failed_load,
    join,
    scale,
)
from autoscaling_rl.kernel import jit_fast as jit

ROUNDING = 1e-9  # machines; a need of 12.0000000001 is 12


@jit
def whole(machines: float) -> int:
    """Return the machines that cover a fractional need."""
    return int(np.ceil(machines - ROUNDING))


@jit
def advance(
    fleet: Fleet,
    minute: int,
    place: int,
    desired: int,
    load: float,
    rules: Rules,
    record: FloatArray,
) -> None:
    """Apply a decision, serve the load of the minute, and write column `place` of `record`.

    `join` must have been called for the minute.
    """
    before = fleet[IN_SERVICE] + fleet[ON_THEIR_WAY]
    desired = max(desired, rules.min_machines)
    if rules.max_machines > 0:
        desired = min(desired, rules.max_machines)
    record[OWED, place] = scale(fleet, minute, desired, rules)
    record[DESIRED, place] = desired
    record[ACTIVE, place] = fleet[IN_SERVICE]
    record[PENDING, place] = fleet[ON_THEIR_WAY]
    record[FAILED, place] = failed_load(fleet, load, rules.capacity)
    record[CHANGED, place] = abs(desired - before)


@jit
def follow(
    need: FloatArray,
    factor: float,
    loads: FloatArray,
    clock: int,
    fleet: Fleet,
    rules: Rules,
    record: FloatArray,
) -> None:
    """Cover `need`, machines per minute of shape (minutes,), times `factor`."""
    for place in range(len(loads)):
        join(fleet, clock + place, rules)
        desired = whole(need[place] * factor)
        advance(fleet, clock + place, place, desired, loads[place], rules, record)


def replay(window: Window, kernel: Callable[..., None], *arguments: object) -> Trajectory:
    """Run `kernel(*arguments, loads, clock, fleet, rules, record)` over the window."""
    record = np.empty((RECORDS, window.minutes))
    kernel(*arguments, window.requests, window.clock, window.fleet(), window.rules, record)
    return Trajectory(record)


def replay_need(window: Window, need: FloatArray, factor: float = 1.0) -> Trajectory:
    """Run a fleet that covers `need` (machines per minute) times `factor`."""
    return replay(window, follow, need, float(factor))


def replay_decisions(window: Window, decide: Callable[[int, Fleet], int]) -> Trajectory:
    """Run a controller written in Python.

    Args:
        window: the window.
        decide: returns the machines wanted, in service and on their way, for a minute counted from
            the window's start; it is given the fleet after machines have joined.
    """
    record = np.empty((RECORDS, window.minutes))
    fleet = window.fleet()
    rules, requests = window.rules, window.requests
    for place in range(window.minutes):
        minute = window.clock + place
        join(fleet, minute, rules)
        desired = int(decide(place, fleet))
        advance(fleet, minute, place, desired, requests[place], rules, record)
    return Trajectory(record)
