"""One minute of many fleets, compiled: dynamics, reward and observation in place."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.controller.observation import WEEK, FloatArray
from autoscaling_rl.environments import dynamics
from autoscaling_rl.environments.dynamics import IN_SERVICE, ON_THEIR_WAY, Rules
from autoscaling_rl.environments.profiles import (
    MAX_DESIRED,
    SAMPLE_CAPACITY_NOISE,
    SAMPLE_MACHINE_COST,
    AutoScalingSettings,
)
from autoscaling_rl.kernel import jit_fast as jit

# Rows of `Simulation.fleet_logs`, which `controller.observation.write_observations` reads.
FLEET, SERVING, SOON, FAILED_SHARE = range(4)
# Columns of `Simulation.totals`.
BILLED, FAILED, CHANGED, DOWN = range(4)
SAMPLE_AVERAGES = 20
SAMPLE_SIZE = 25
SAMPLE_RATES = (1.0, 0.1, 0.01, 0.001, 0.0001)
SAMPLE_MAX_LOAD, SAMPLE_MAX_MACHINES = 100_000.0, 833.0


class Prices(NamedTuple):
    """Terms of the reward and of the observation; see `AutoScalingSettings`."""

    revenue: float  # per request served
    failure: float  # per request failed
    change: float  # per machine added or removed
    down_threshold: float
    down_penalty: float
    unit: float  # what a machine-minute costs in the reward's unit
    bill_all: bool  # whether machines on their way are billed in the reward
    zero_load_is_down: bool
    noise: float  # relative deviation of a machine's capacity
    fleet_noise: bool  # one draw for the whole fleet
    soon: int  # half a warm-up


def make_prices(settings: AutoScalingSettings) -> Prices:
    """Return the terms for `settings`."""
    sample = settings.profile == "sample"
    return Prices(
        revenue=settings.revenue / settings.capacity,
        failure=(settings.failure_price - settings.revenue) / settings.capacity,
        change=settings.change_price,
        down_threshold=settings.down_threshold,
        down_penalty=settings.down_penalty,
        unit=SAMPLE_MACHINE_COST if sample else 1.0,
        bill_all=not sample,
        zero_load_is_down=sample and "zero_load_is_down" in settings.flaws,
        noise=SAMPLE_CAPACITY_NOISE if sample else 0.0,
        fleet_noise=sample and "fleet_wide_noise" in settings.flaws,
        soon=settings.warmup_minutes // 2,
    )


@jit
def noisy_capacity(machines: int, capacity: float, clock: int, prices: Prices) -> float:
    """Return what `machines` serve in a minute whose capacities scatter (Box and Muller, 1958)."""
    first = (dynamics.mix(clock, 1) + 1) / 4294967297.0
    second = dynamics.mix(clock, 2) / 4294967296.0
    normal = np.sqrt(-2 * np.log(first)) * np.cos(2 * np.pi * second)
    spread = prices.noise if prices.fleet_noise else prices.noise / np.sqrt(max(machines, 1))
    served: float = np.floor(max(0.0, machines * capacity * (1 + spread * normal)))
    return served


@jit
def write_sample(
    out: NDArray[np.float32],
    averages: NDArray[np.float64],
    load: float,
    failed: float,
    down: bool,
    fleet: dynamics.Fleet,
    serving: int,
    clock: int,
) -> None:
    """Write the sample's observation: averages of four signals at five rates, then the queue.

    It looks back at the minute that `serving` machines served: those that joined since, for the
    minute `clock`, are first in the queue.
    """
    signals = (
        load / SAMPLE_MAX_LOAD,
        failed / (load + 1e-5),
        1.0 if down else 0.0,
        serving / SAMPLE_MAX_MACHINES,
    )
    place = 0
    for rate in SAMPLE_RATES:
        for signal in signals:
            averages[place] += rate * (signal - averages[place])
            out[place] = averages[place]
            place += 1
    joined = 0
    for ahead in range(5):
        until = fleet[IN_SERVICE] - serving + dynamics.due_within(fleet, clock, ahead)
        out[SAMPLE_AVERAGES + ahead] = (until - joined) / 10
        joined = until


@jit
def note_fleet(
    logs: NDArray[np.float32],
    row: int,
    fleet: dynamics.Fleet,
    clock: int,
    prices: Prices,
    table: FloatArray,
) -> None:
    """Write what the observation says of one fleet."""
    serving = fleet[IN_SERVICE]
    soon = serving + dynamics.due_within(fleet, clock, prices.soon)
    everything = serving + fleet[ON_THEIR_WAY]
    last = len(table) - 1
    logs[FLEET, row] = table[min(everything, last)]
    logs[SERVING, row] = table[min(serving, last)]
    logs[SOON, row] = table[min(soon, last)]


@jit
def step_fleets(
    actions: NDArray[np.int64],
    levels: NDArray[np.int64],
    load: FloatArray,
    minute: int,
    clocks: NDArray[np.int64],
    fleets: NDArray[np.int64],
    rules: Rules,
    prices: Prices,
    table: FloatArray,
    rewards: FloatArray,
    totals: NDArray[np.float64],
    serving: NDArray[np.int64],
    logs: FloatArray,
    minute_of_week: NDArray[np.int64],
    until: NDArray[np.int64],
    ended: NDArray[np.bool_],
) -> bool:
    """Simulate one minute of every fleet; see the module `dynamics` for the order of events.

    Args:
        actions: shape (n,); an index of `levels`, or, if that is empty, the machines wanted.
        levels: machines added by each action.
        load: requests in the minute, shape (n,).
        minute: the minute of the simulation.
        clocks: what each fleet adds to it to draw its own boot times.
        fleets: shape (n, row length).
        rules: rules of the dynamics.
        prices: terms of the reward.
        table: log(1 + machines).
        rewards: receives the rewards.
        totals: costs of the episode so far, added to.
        serving: receives the machines that served the minute.
        logs: receives what the observation says of the fleets in the next minute.
        minute_of_week: minutes since Monday 0:00 UTC, moved on.
        until: minute in which each episode ends.
        ended: receives whether it has.

    Returns:
        Whether any episode has ended.

    Raises:
        ValueError: an action is out of range.
    """
    most = MAX_DESIRED if len(levels) == 0 else len(levels) - 1
    for row in range(len(actions)):
        if actions[row] < 0 or actions[row] > most:
            raise ValueError("an action is out of range: choose 0 to n - 1 of the action space")
    any_ended = False
    for row in range(len(actions)):
        fleet = fleets[row]
        clock = clocks[row] + minute
        requests = np.float64(load[row])
        before = fleet[IN_SERVICE] + fleet[ON_THEIR_WAY]
        desired = actions[row] if len(levels) == 0 else before + levels[actions[row]]
        owed = dynamics.scale(fleet, clock, desired, rules)
        size = fleet[IN_SERVICE] + fleet[ON_THEIR_WAY]
        serving[row] = fleet[IN_SERVICE]
        if prices.noise == 0.0:
            failed = dynamics.failed_load(fleet, requests, rules.capacity)
        else:
            served = noisy_capacity(fleet[IN_SERVICE], rules.capacity, clock, prices)
            failed = max(0.0, requests - served)
        down = bool(failed > prices.down_threshold * requests)
        if prices.zero_load_is_down and requests == 0.0:
            down = True
        changed = abs(size - before)
        billed = size + owed if prices.bill_all else fleet[IN_SERVICE]
        earned = prices.revenue * (requests - failed) - prices.failure * failed - billed
        earned -= prices.change * changed + (prices.down_penalty if down else 0.0)
        rewards[row] = earned * prices.unit
        totals[row, BILLED] += size + owed
        totals[row, FAILED] += failed / rules.capacity
        totals[row, CHANGED] += changed
        totals[row, DOWN] += 1.0 if down else 0.0
        dynamics.join(fleet, clock + 1, rules)
        logs[FAILED_SHARE, row] = failed / requests if requests > 0 else 0.0
        note_fleet(logs, row, fleet, clock + 1, prices, table)
        minute_of_week[row] += 1
        if minute_of_week[row] == WEEK:
            minute_of_week[row] = 0
        ended[row] = minute + 1 >= until[row]
        any_ended = any_ended or ended[row]
    return any_ended


@jit
def write_samples(
    out: FloatArray,
    averages: NDArray[np.float64],
    load: FloatArray,
    minute: int,
    clocks: NDArray[np.int64],
    fleets: NDArray[np.int64],
    serving: NDArray[np.int64],
    logs: FloatArray,
    prices: Prices,
) -> None:
    """Write the sample's observations after `minute`, whose load was `load`."""
    for row in range(len(averages)):
        requests = np.float64(load[row])
        failed = logs[FAILED_SHARE, row] * requests
        down = failed > prices.down_threshold * requests
        if prices.zero_load_is_down and requests == 0.0:
            down = True
        clock = clocks[row] + minute + 1
        write_sample(
            out[:, row], averages[row], requests, failed, down, fleets[row], serving[row], clock
        )


@jit
def note_fleets(
    logs: FloatArray,
    rows: NDArray[np.int64],
    fleets: NDArray[np.int64],
    minute: int,
    clocks: NDArray[np.int64],
    prices: Prices,
    table: FloatArray,
) -> None:
    """Write what the observation says of the fleets `rows`."""
    for row in rows:
        note_fleet(logs, row, fleets[row], clocks[row] + minute, prices, table)
