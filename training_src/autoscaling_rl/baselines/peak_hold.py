"""Peak hold: machines for the highest load of the last minutes, and some headroom.

Two numbers, and better than every other baseline here on most loads.
"""

from collections.abc import Callable
from functools import cache

from autoscaling_rl.baselines.headroom import headroom_grid, seen_windows
from autoscaling_rl.baselines.replay import replay_need
from autoscaling_rl.baselines.window import FloatArray, Trajectory, Window

MINUTES = tuple(range(2, 31))
HEADROOMS = headroom_grid(0.05)


def peak_hold(window: Window) -> Callable[[float, float], Trajectory]:
    """Return a function of the minutes looked back on and the headroom (0.2 is 20 % more)."""

    @cache
    def need(minutes: int) -> FloatArray:
        machines: FloatArray = seen_windows(window, minutes).max(axis=1) / window.rules.capacity
        return machines

    return lambda minutes, headroom: replay_need(window, need(int(minutes)), 1.0 + headroom)
