"""What a `Series` derives from a load, in plain Python: slow, readable, after the docstrings."""

import math

from autoscaling_rl.controller.series import (
    CORRECTION_LIMIT,
    DAY,
    GRID,
    PROFILE_SMOOTHING,
    PROFILE_WEIGHTS,
)


class PlainSeries:
    """A load in machines; minute 0 is the first known one."""

    def __init__(self, load, warmup):
        self.load, self.warmup = load.tolist(), warmup

    def demand(self, minute):
        return round(math.log1p(self.load[max(minute, 0)]) * GRID) / GRID

    def level(self, minute):
        return sum(self.demand(minute - back) for back in (1, 2, 3)) / 3

    def profile(self, minute):
        """The same minute of the past seven days, as far as they are known, smoothed."""
        total = weight = 0.0
        width = 2 * PROFILE_SMOOTHING + 1
        for day, share in enumerate(PROFILE_WEIGHTS, start=1):
            first = minute - day * DAY - PROFILE_SMOOTHING
            if first >= 0:
                total += share * sum(self.demand(first + k) for k in range(width)) / width
                weight += share
        return total / weight if weight else 0.0

    def season_known(self, minute):
        return minute - DAY - PROFILE_SMOOTHING - 60 >= 0

    def shift(self, minute):
        """What the hour before adds to the profile."""
        hour = range(minute - 60, minute)
        mean = sum(self.demand(each) - self.profile(each) for each in hour) / 60
        return min(max(mean, -CORRECTION_LIMIT), CORRECTION_LIMIT)

    def forecast(self, minute):
        """Demand of `minute` + warm-up as forecast for the decision of `minute`."""
        if not self.season_known(minute):
            return self.level(minute)
        return self.profile(minute + self.warmup) + self.shift(minute)

    def missed(self, minute):
        return self.demand(minute) - self.forecast(minute - self.warmup)
