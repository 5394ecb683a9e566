"""How coarsely a load was recorded, read from the load itself, and where its present slope leads.

Where bins were interpolated or held, the slope changes once an interval, or twice running if their
ends fall between minutes. In the first minute of the two the new slope is not known yet, unless the
load was level before: then it was held.
"""

import numpy as np

from .series import FLAT, LONGEST_INTERVAL, FloatArray, Series


def recording(
    series: Series, begin: int, end: int, knots: FloatArray, bent: FloatArray
) -> FloatArray:
    """Return what recordings say for deciding the minutes of index `begin` to `end` - 1.

    Args:
        series: the load before `end` - 1.
        begin: index of the first minute to decide for.
        end: index after the last one.
        knots: slopes of the last hour that changed after one that did not, shape (minutes,).
        bent: minutes of the last hour in which the slope changed, the same shape.

    Returns:
        Shape (4, minutes): knots per minute; minutes since the last one, at most the interval, in
        `LONGEST_INTERVAL`; tens of minutes until the slope is due to change, 0 if it does so at no
        fixed times; and log(1 + machines) that the slope leads to by then, or in a warm-up.
    """
    if end - begin == 1:
        said = recording_of_one(series, begin, float(knots[0]), float(bent[0]))
        return np.array(said)[:, None]
    newest = slice(begin - 1, end - 1)
    age = np.arange(begin, end) - series.knot[newest]
    near = age <= LONGEST_INTERVAL
    # Whatever lies longer back must not matter: a controller may know two weeks alone.
    interval = np.where(near, series.interval[newest], LONGEST_INTERVAL)
    earlier, before, last = (series.load[begin - lag : end - lag] for lag in (3, 2, 1))
    once = near & (bent <= 1.3 * knots)
    twice = near & (bent > 1.6 * knots) & (bent < 2.4 * knots)
    settled = once | (twice & (age > 1))
    level = twice & (np.abs(before - earlier) <= FLAT * (before + earlier))
    remaining = np.where(settled | level, np.maximum(interval - age, 0.0), 0.0)
    slope = np.where(settled, last - before, 0.0)
    line = np.maximum(last + slope * np.minimum(remaining, series.warmup + 1), 0.0)
    share = np.minimum(age, interval) / LONGEST_INTERVAL
    return np.array((knots / 60.0, share, remaining / 10.0, np.log1p(line)))


def recording_of_one(
    series: Series, begin: int, knots: float, bent: float
) -> tuple[float, float, float, float]:
    """Return `recording` of one minute, the same bits; plain numbers take a third of the time."""
    earlier, before, last = series.load[begin - 3 : begin].tolist()
    age = begin - float(series.knot[begin - 1])
    near = age <= LONGEST_INTERVAL
    interval = float(series.interval[begin - 1]) if near else float(LONGEST_INTERVAL)
    twice = near and 1.6 * knots < bent < 2.4 * knots
    settled = (near and bent <= 1.3 * knots) or (twice and age > 1)
    level = twice and abs(before - earlier) <= FLAT * (before + earlier)
    remaining = max(interval - age, 0.0) if settled or level else 0.0
    slope = last - before if settled else 0.0
    line = max(last + slope * min(remaining, series.warmup + 1), 0.0)
    share = min(age, interval) / LONGEST_INTERVAL
    return knots / 60.0, share, remaining / 10.0, float(np.log1p(line))
