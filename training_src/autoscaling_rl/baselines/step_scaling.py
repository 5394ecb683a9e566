"""Step scaling with the steps of AWS's own example, at a threshold of 50 %.

After "Step and simple scaling policies for Amazon EC2 Auto Scaling" in its user guide: utilisation
of 60 % or more adds 10 % of the machines in service, of 70 % or more 30 %; of 40 % or less removes
10 %, of 30 % or less 30 %. Percentages round toward zero, to one machine at least. Machines on
their way count as added by the step that is still breached, and block removal. The alarms are
those of target tracking: three minutes in a row to add, fifteen to remove.
"""

import numpy as np

from autoscaling_rl.baselines.replay import advance, replay
from autoscaling_rl.baselines.target_tracking import HIGH_MINUTES, LOW_MINUTES
from autoscaling_rl.baselines.window import ACTIVE, FloatArray, Trajectory, Window
from autoscaling_rl.environments.dynamics import IN_SERVICE, ON_THEIR_WAY, Fleet, Rules, join
from autoscaling_rl.kernel import jit_fast as jit

THRESHOLD = 0.5
NEAR, FAR = 0.1, 0.2  # from the threshold
SMALL, LARGE = 0.1, 0.3  # of the machines


@jit
def step_machines(machines: int, distance: float) -> int:
    """Return the machines that a breach by `distance` adds or removes."""
    share = LARGE if distance >= FAR - 1e-9 else SMALL
    return max(1, int(np.floor(machines * share + 1e-9)))


@jit
def scale_by_steps(
    delay: int,
    loads: FloatArray,
    clock: int,
    fleet: Fleet,
    rules: Rules,
    record: FloatArray,
) -> None:
    """Add and remove machines by steps."""
    high = low = 0
    for place in range(len(loads)):
        join(fleet, clock + place, rules)
        serving = fleet[IN_SERVICE]
        machines = serving + fleet[ON_THEIR_WAY]
        seen = place - 1 - delay
        if seen >= 0:
            utilisation = loads[seen] / (rules.capacity * max(1.0, record[ACTIVE, seen]))
            distance = abs(utilisation - THRESHOLD)
            breached = distance >= NEAR - 1e-9
            high = high + 1 if breached and utilisation > THRESHOLD else 0
            low = low + 1 if breached and utilisation < THRESHOLD else 0
            if high >= HIGH_MINUTES:
                machines = max(machines, serving + step_machines(serving, distance))
            elif low >= LOW_MINUTES and machines == serving:
                machines -= step_machines(machines, distance)
        advance(fleet, clock + place, place, machines, loads[place], rules, record)


def step_scaling(window: Window) -> Trajectory:
    """Run step scaling over the window."""
    return replay(window, scale_by_steps, window.metric_delay)
