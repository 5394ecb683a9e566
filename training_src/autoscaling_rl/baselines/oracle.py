"""The clairvoyant optimum of J: what a controller that knows the whole load would do.

Removal takes the newest machine first, so machine k (counted from 0) is there in the minutes whose
desired number exceeds k, and serves what load lies between k and k + 1 machines. J is then a sum
over machines, each with two states, and each is solved by dynamic programming from the last minute
back. A launch is worth nothing before the warm-up ends, and its minimum billing time is paid
whether the machine stays or not; so a launch leads straight to the minute in which both are over,
and the state needs no age. The least of several optima is taken for each machine, which makes the
sets of minutes nested: their number per minute is the plan, and its J in the dynamics is the
optimum.

With boot times or failures at random the plan is made for the median boot time and no failures:
its J is then a reference, not a bound.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.baselines.replay import replay_need
from autoscaling_rl.baselines.window import FloatArray, Trajectory, Window
from autoscaling_rl.environments.dynamics import Rules
from autoscaling_rl.kernel import jit_fast as jit


def oracle(window: Window) -> Trajectory:
    """Run the plan of least J over the window."""
    return replay_need(window, plan(window).astype(np.float64))


def plan(window: Window) -> NDArray[np.int64]:
    """Return the desired machines per minute of least J, shape (minutes,).

    Costs are rounded to a multiple of a power of two so small that all sums are exact: ties between
    machines are then broken alike.
    """
    rules, loads = window.rules, window.requests / window.rules.capacity
    desired = np.full(window.minutes, rules.min_machines, np.int64)
    nominal = int(rules.warmups[len(rules.warmups) // 2])
    ahead = max(1, nominal, rules.minimum_billed_minutes)
    resolution = _resolution(rules, window.minutes)
    change = round(rules.change_price / resolution) * resolution
    work = np.zeros((4, window.minutes + 1))
    edges = _levels(loads, rules, window.machines)
    for level, next_level in pairwise(edges):
        gains = rules.failure_price * np.clip(loads - level, 0.0, 1.0)
        work[0, :-1] = np.rint(gains / resolution) * resolution
        in_service = level < window.machines
        _solve(work, nominal, ahead, change, in_service, next_level - level, desired)
    return desired


def _resolution(rules: Rules, minutes: int) -> float:
    largest = (rules.failure_price + rules.change_price + 1) * (minutes + 1)
    return float(2.0 ** (np.ceil(np.log2(largest)) - 51))


def _levels(loads: FloatArray, rules: Rules, start: int) -> list[int]:
    """Return where groups of machines with equal gains and equal start begin, and the end."""
    top = max(int(np.ceil(loads.max())), start)
    if rules.max_machines > 0:
        top = min(top, rules.max_machines)
    whole = np.unique(np.floor(loads).astype(np.int64))
    edges = np.unique(np.concatenate((whole, whole + 1, [rules.min_machines, start, top])))
    return [int(edge) for edge in edges if rules.min_machines <= edge <= top]


@jit
def _solve(
    work: FloatArray,
    warmup: int,
    ahead: int,
    change: float,
    in_service: bool,
    machines: int,
    desired: NDArray[np.int64],
) -> None:
    """Add `machines` to `desired` in the minutes in which a machine pays.

    Args:
        work: shape (4, minutes + 1): what the machine saves in each minute that it serves, in
            machine-minutes, then 0; work space for sums of that and the costs of the two states.
        warmup: minutes from launch to service.
        ahead: minutes that a launch commits to, at least 1 and `warmup`.
        change: cost of a launch and of a removal.
        in_service: whether the machine serves at the start.
        machines: how many machines are alike.
        desired: shape (minutes,), added to.
    """
    gain, later, off, on = work[0], work[1], work[2], work[3]
    minutes = len(desired)
    for minute in range(minutes - 1, -1, -1):
        later[minute] = later[minute + 1] + gain[minute]
        serves, free = min(minute + warmup, minutes), min(minute + ahead, minutes)
        launch = change + (free - minute) - (later[serves] - later[free]) + on[free]
        keep = 1.0 - gain[minute] + on[minute + 1]
        off[minute] = min(off[minute + 1], launch)
        on[minute] = min(keep, change + off[minute + 1])
    minute = 0
    while minute < minutes:
        if in_service:
            in_service = on[minute] < change + off[minute + 1]
            stay = minute + 1
        else:
            in_service = off[minute] < off[minute + 1]
            stay = min(minute + ahead, minutes) if in_service else minute + 1
        if in_service:
            for there in range(minute, stay):
                desired[there] += machines
        minute = stay
