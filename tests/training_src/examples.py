"""Windows as reports show them."""

import numpy as np

from autoscaling_rl.baselines.replay import replay_need
from autoscaling_rl.baselines.window import Window
from autoscaling_rl.environments.dynamics import make_rules
from autoscaling_rl.report import (
    Example,
)


def example(minutes=2880, *, scale=20.0, name="seed 0", **clock):
    """Return a window with a sudden rise in its middle that two fixed fleets cannot serve."""
    load = np.full(60 + minutes, scale * 250.0)
    load[60 + minutes // 2 :][:30] *= 1.5
    window = Window(load, 60, make_rules(capacity=250.0))
    runs = {
        run: replay_need(window, np.full(minutes, machines))
        for run, machines in (("policy", 24.0), ("target_tracking_tuned", 26.0), ("oracle", 30.0))
    }
    return Example.of(name, window, runs, **clock)
