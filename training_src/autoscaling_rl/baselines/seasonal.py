"""Seasonal scaling: machines for what the same minutes of the past week lead to expect.

Headroom is added to the level-corrected seasonal forecast of the next six minutes or, if that is
higher, to the mean of the last three; machines are kept for ten minutes.
"""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from autoscaling_rl.baselines.forecast import seasonal_forecast
from autoscaling_rl.baselines.headroom import headroom_grid, seen_windows
from autoscaling_rl.baselines.replay import replay_need
from autoscaling_rl.baselines.window import Trajectory, Window

REACTIVE = 3  # minutes
HOLD = 10  # minutes

HEADROOMS = headroom_grid(0.04)


def seasonal(window: Window) -> Callable[[float], Trajectory]:
    """Return a function of the headroom (0.2 is 20 % more machines than expected)."""
    recent = seen_windows(window, REACTIVE).mean(axis=1)
    expected = np.maximum(seasonal_forecast(window), recent)
    padded = np.concatenate((np.zeros(HOLD), expected))
    need = sliding_window_view(padded, HOLD + 1).max(axis=1) / window.rules.capacity
    return lambda headroom: replay_need(window, need, 1.0 + headroom)
