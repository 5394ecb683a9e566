"""What autoscalers share that add headroom to a need: the recent load, and the grid to tune on."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from autoscaling_rl.baselines.window import FloatArray, Window


def headroom_grid(step: float) -> tuple[float, ...]:
    """Return headrooms from -0.3, every `step` up to 1.5, then ever coarser up to 14."""
    fine = (round(-0.3 + step * count, 4) for count in range(round(1.8 / step)))
    return (*fine, *(1.5 + 0.25 * count for count in range(10)), *map(float, range(4, 15)))


def seen_windows(window: Window, length: int) -> FloatArray:
    """Return for each minute the last `length` minutes of load that are known, oldest first.

    Returns:
        Shape (minutes, length), a view; minutes before the history hold its first value.
    """
    padded = np.concatenate((np.full(length + window.metric_delay, window.load[0]), window.load))
    views = sliding_window_view(padded, length)
    return views[window.first : window.first + window.minutes]
