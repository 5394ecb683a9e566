"""Peak hold: machines for the highest load of the last minutes, and some headroom.

Two numbers, and better than every other baseline here on most loads.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from autoscaling_rl.baselines.replay import FloatArray, replay_need
from autoscaling_rl.baselines.window import Trajectory, Window

MINUTES = tuple(range(2, 31))
HEADROOMS = tuple(round(-0.3 + 0.05 * step, 2) for step in range(36)) + (
    *(round(1.5 + 0.25 * step, 2) for step in range(10)),
    *(float(headroom) for headroom in range(4, 15)),
)


def seen_windows(window: Window, length: int) -> FloatArray:
    """Return for each minute the last `length` minutes of load that are known, oldest first.

    Returns:
        Shape (minutes, length), a view; minutes before the history hold its first value.
    """
    padded = np.concatenate((np.full(length + window.metric_delay, window.load[0]), window.load))
    views = sliding_window_view(padded, length)
    return views[window.first : window.first + window.minutes]


def peak_hold(window: Window) -> Callable[[float, float], Trajectory]:
    """Return a function of the minutes looked back on and the headroom (0.2 is 20 % more)."""

    @cache
    def need(minutes: int) -> FloatArray:
        return seen_windows(window, minutes).max(axis=1) / window.rules.capacity

    return lambda minutes, headroom: replay_need(window, need(int(minutes)), 1.0 + headroom)
