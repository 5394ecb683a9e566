"""The best constant number of machines, chosen in hindsight."""

import numpy as np

from autoscaling_rl.baselines.replay import replay_need
from autoscaling_rl.baselines.window import Trajectory, Window


def static_best(window: Window) -> Trajectory:
    """Run the constant number of machines with the least J on the window itself.

    J is convex in the number, so halving an interval finds it.
    """
    rules = window.rules

    def run(machines: int) -> Trajectory:
        return replay_need(window, np.full(window.minutes, float(machines)))

    low = rules.min_machines
    high = max(low, int(np.ceil(window.requests.max() / rules.capacity)))
    while low < high:
        middle = (low + high) // 2
        if run(middle).cost(rules) <= run(middle + 1).cost(rules):
            high = middle
        else:
            low = middle + 1
    return run(low)
