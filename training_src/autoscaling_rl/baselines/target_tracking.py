"""Target tracking: keep the utilisation of the machines in service at a target.

After "Target tracking scaling policies" and "Instance warmup" in the Amazon EC2 Auto Scaling user
guide, on metrics of one minute. Two alarms watch load over capacity in service: three minutes in a
row above the target call for machines in service x utilisation / target, rounded up, of which those
on their way count; fifteen minutes in a row below 0.9 x target bring the fleet down to the same
number, unless machines are on their way. Removing all of them at once is kinder than AWS, which
removes fewer.
"""

from collections.abc import Callable

import numpy as np

from autoscaling_rl.baselines.replay import advance, replay, whole
from autoscaling_rl.baselines.window import ACTIVE, FloatArray, Trajectory, Window
from autoscaling_rl.environments.dynamics import IN_SERVICE, ON_THEIR_WAY, Fleet, Rules, join
from autoscaling_rl.kernel import jit_fast as jit

HIGH_MINUTES, LOW_MINUTES = 3, 15
LOW_THRESHOLD = 0.9  # of the target

TARGETS = tuple(round(0.06 + 0.02 * step, 2) for step in range(53))  # to 1.10


@jit
def track(
    target: float,
    floor: FloatArray,
    delay: int,
    loads: FloatArray,
    clock: int,
    fleet: Fleet,
    rules: Rules,
    record: FloatArray,
) -> None:
    """Track `target`, a fraction, with no fewer machines than `floor`, shape (minutes,)."""
    high = low = 0
    for place in range(len(loads)):
        join(fleet, clock + place, rules)
        machines = fleet[IN_SERVICE] + fleet[ON_THEIR_WAY]
        seen = place - 1 - delay
        if seen >= 0:
            need = loads[seen] / (target * rules.capacity)
            serving = max(1.0, record[ACTIVE, seen])
            high = high + 1 if need > serving else 0
            low = low + 1 if need < LOW_THRESHOLD * serving else 0
            if high >= HIGH_MINUTES:
                machines = max(machines, whole(need))
            elif low >= LOW_MINUTES and fleet[ON_THEIR_WAY] == 0:
                machines = min(machines, whole(need))
        machines = max(machines, int(floor[place]))
        advance(fleet, clock + place, place, machines, loads[place], rules, record)


def target_tracking(window: Window) -> Callable[[float], Trajectory]:
    """Return a function of the target utilisation (0.6 is 60 %)."""
    floor = np.zeros(window.minutes)
    return lambda target: replay(window, track, float(target), floor, window.metric_delay)
