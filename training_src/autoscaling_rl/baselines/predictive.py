"""Predictive scaling together with target tracking.

After "Predictive scaling for Amazon EC2 Auto Scaling" in its user guide: an hourly forecast from up
to 14 days sets the least number of machines, five minutes ahead (SchedulingBufferTime), and target
tracking for the same utilisation may ask for more. AWS does not publish its forecast; here it is
the weighted mean of the same hours.
"""

from collections.abc import Callable

import numpy as np

from autoscaling_rl.baselines.forecast import hourly_forecast
from autoscaling_rl.baselines.replay import ROUNDING, replay
from autoscaling_rl.baselines.target_tracking import track
from autoscaling_rl.baselines.window import Trajectory, Window


def predictive(window: Window) -> Callable[[float], Trajectory]:
    """Return a function of the target utilisation (0.6 is 60 %)."""
    machines = hourly_forecast(window) / window.rules.capacity

    def run(target: float) -> Trajectory:
        floor = np.ceil(machines / target - ROUNDING)
        return replay(window, track, float(target), floor, window.metric_delay)

    return run
