"""The clairvoyant optimum of J: what a controller that knows the whole load would do.

Removal takes the newest machine first, so machine k (counted from 0) is there in the minutes whose
desired number exceeds k, and serves what load lies between k and k + 1 machines. J is then a sum
over machines, each with two states, and each is solved by dynamic programming from the last minute
back. A launch is worth nothing before the warm-up ends, and its minimum billing time is paid
whether the machine stays or not; so a launch leads straight to the minute in which both are over,
and the state needs no age. The least of several optima is taken for each machine, which makes the
sets of minutes nested: their number per minute is the plan, and its J in the dynamics is the
optimum.

Only if machines are billed for longer than the warm-up, the best sets of minutes of single
machines need not be nested. Machines are then solved again, each between its neighbours, until
nothing improves: a plan that is hard to better, but no bound. With boot times or failures at
random the plan is made for the median boot time and no failures: its J is a reference then, too.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.baselines.replay import replay_need
from autoscaling_rl.baselines.window import FloatArray, Trajectory, Window
from autoscaling_rl.environments.dynamics import Rules
from autoscaling_rl.kernel import jit_fast as jit

Plan = NDArray[np.int64]

SWEEPS = 8


def oracle(window: Window) -> Trajectory:
    """Run the plan of least J over the window."""
    return replay_need(window, plan(window).astype(np.float64))


def plan(window: Window) -> Plan:
    """Return the desired machines per minute of least J, shape (minutes,)."""
    machines = _Machines(window)
    independent = machines.independent_plan()
    if window.rules.minimum_billed_minutes <= machines.warmup:
        return independent
    few, many = (np.full_like(independent, machines.edges[end]) for end in (0, -1))
    plans = [
        machines.improve(machines.nested(independent)),
        machines.improve(few),
        machines.improve(many, upwards=False),
    ]
    return min(plans, key=lambda each: _cost(window, each))


def _cost(window: Window, desired: Plan) -> float:
    return replay_need(window, desired.astype(np.float64)).cost(window.rules)


class _Machines:
    """Groups of machines that are alike, solved one by one.

    Costs are rounded to a multiple of a power of two so small that all sums are exact: ties between
    machines are then broken alike.
    """

    def __init__(self, window: Window) -> None:
        rules = window.rules
        self.start, self.rules = window.machines, rules
        self.loads = window.requests / rules.capacity
        self.warmup = int(rules.warmups[len(rules.warmups) // 2])
        self.edges = _edges(self.loads, rules, window.machines)
        self.resolution = _resolution(rules, window.minutes)
        self.change = round(rules.change_price / self.resolution) * self.resolution
        self.work = np.zeros((4, window.minutes + 1))

    def independent_plan(self) -> Plan:
        """Return the plan in which no machine minds the others."""
        minutes = len(self.loads)
        desired = np.full(minutes, self.edges[0], np.int64)
        always, never = np.ones(minutes, np.bool_), np.zeros(minutes, np.bool_)
        for low, high in pairwise(self.edges):
            desired += (high - low) * self._solve(low, always, never)
        return desired

    def nested(self, desired: Plan) -> Plan:
        """Return the plan with whole groups only."""
        edges = np.array(self.edges)
        snapped: Plan = edges[np.searchsorted(edges, desired, "right") - 1]
        return snapped

    def improve(self, desired: Plan, *, upwards: bool = True) -> Plan:
        """Solve every group between its neighbours, up and down in turn, as long as it changes."""
        desired = desired.copy()
        groups = list(zip(self.edges, self.edges[1:], [*self.edges[2:], np.inf], strict=False))
        for _ in range(SWEEPS):
            before = desired.copy()
            for low, high, above in groups if upwards else reversed(groups):
                present = self._solve(low, desired >= low, desired >= above)
                desired[present & (desired == low)] = high
                desired[~present & (desired == high)] = low
            if (desired == before).all():
                break
            upwards = not upwards
        return desired

    def _solve(
        self, machine: int, allowed: NDArray[np.bool_], needed: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        gains = self.rules.failure_price * np.clip(self.loads - machine, 0.0, 1.0)
        self.work[0, :-1] = np.rint(gains / self.resolution) * self.resolution
        present = np.empty(len(self.loads), np.bool_)
        _solve(
            self.work,
            self.warmup,
            self.rules.minimum_billed_minutes,
            self.change,
            machine < self.start,
            allowed,
            needed,
            present,
        )
        return present


def _resolution(rules: Rules, minutes: int) -> float:
    largest = (rules.failure_price + rules.change_price + 1) * (minutes + 1)
    return float(2.0 ** (np.ceil(np.log2(largest)) - 51))


def _edges(loads: FloatArray, rules: Rules, start: int) -> list[int]:
    """Return where groups of machines with equal gains and equal start begin, and the end."""
    top = max(int(np.ceil(loads.max())), start, rules.min_machines)
    if rules.max_machines > 0:
        top = min(top, rules.max_machines)
    whole = np.unique(np.floor(loads).astype(np.int64))
    edges = np.unique(np.concatenate((whole, whole + 1, [rules.min_machines, start, top])))
    return [int(edge) for edge in edges if rules.min_machines <= edge <= top]


@jit
def _solve(
    work: FloatArray,
    warmup: int,
    minimum: int,
    change: float,
    in_service: bool,
    allowed: NDArray[np.bool_],
    needed: NDArray[np.bool_],
    present: NDArray[np.bool_],
) -> None:
    """Find the minutes in which it pays to have a machine.

    Args:
        work: shape (4, minutes + 1): what the machine saves in each minute that it serves, in
            machine-minutes, then 0; work space for sums of that and the costs of the two states.
        warmup: minutes from launch to service.
        minimum: minutes that a launch is billed for at least.
        change: cost of a launch and of a removal.
        in_service: whether the machine serves at the start.
        allowed: minutes in which it may be there, shape (minutes,).
        needed: minutes in which it must be there.
        present: receives the minutes in which it is there.
    """
    gain, later, off, on = work[0], work[1], work[2], work[3]
    minutes = len(present)
    ahead = max(1, warmup, minimum)
    stop = minutes  # the next minute in which it may not be there
    for minute in range(minutes - 1, -1, -1):
        later[minute] = later[minute + 1] + gain[minute]
        if not allowed[minute]:
            stop = minute
            off[minute] = off[minute + 1]
            on[minute] = change + off[minute + 1]
            continue
        until = min(minute + ahead, stop)
        serves = min(minute + warmup, until)
        launch = change - (later[serves] - later[until])
        if minute + ahead > stop and stop < minutes:  # it goes before its time
            launch += max(minimum, until - minute) + change + off[until]
        else:
            launch += until - minute + on[until]
        keep = 1.0 - gain[minute] + on[minute + 1]
        off[minute] = launch if needed[minute] else min(off[minute + 1], launch)
        on[minute] = keep if needed[minute] else min(keep, change + off[minute + 1])
    _follow_states(off, on, change, ahead, in_service, allowed, needed, present)


@jit
def _follow_states(
    off: FloatArray,
    on: FloatArray,
    change: float,
    ahead: int,
    in_service: bool,
    allowed: NDArray[np.bool_],
    needed: NDArray[np.bool_],
    present: NDArray[np.bool_],
) -> None:
    minutes = len(present)
    until = 0  # before this minute a launch that was decided for is not taken back
    there = in_service
    for minute in range(minutes):
        if not allowed[minute]:
            there = False
            until = minute
        elif minute >= until and not needed[minute]:
            if there:
                there = on[minute] < change + off[minute + 1]
            elif off[minute] < off[minute + 1]:
                there = True
                until = minute + ahead
        elif not there:
            there = True
            until = minute + ahead
        present[minute] = there
