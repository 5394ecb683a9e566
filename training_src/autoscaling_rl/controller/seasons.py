"""Rules that know the clock: what the same minutes of the last week's days needed.

Where load jumps at fixed times (an exchange opens, lessons begin, jobs are scheduled), people write
schedules by hand, such as scheduled actions of AWS Application Auto Scaling. These rules read them
from the load, as the seasonal naive forecast does (Hyndman and Athanasopoulos, Forecasting:
Principles and Practice, 2021, section 5.2), but from an order statistic of seven days: what came
once does not count, and neither does a day on which it failed to come.
"""

from typing import NamedTuple

import numpy as np

from .features import NAMES, sliding_peak
from .series import CORRECTION_LIMIT, DAY, LOOKBACK, TOTAL, FloatArray, IntArray, Series


class SeasonRule(NamedTuple):
    """Be ready for what the last days needed at this time, and for the load of the last minutes.

    Attributes:
        rank: of the seven days, which counts; 1 is the highest.
        moved: whether a day is scaled by how the last hour compares with the same hour of that day.
        minutes: whose highest load is covered anyhow.
    """

    rank: int
    moved: bool
    minutes: int


DAYS = 7
SEASON_RULES = (SeasonRule(2, True, 2), SeasonRule(3, False, 10))
SEASON_HEADROOMS = (0.0, 0.1, 0.25)
HOUR = 60  # minutes that days are compared by
_AGO = np.arange(1, DAYS + 1)[:, None] * DAY
_PEAKS = [NAMES.index(f"peak_{rule.minutes}") for rule in SEASON_RULES]
_HEADROOM_LOGS = np.log1p(np.array(SEASON_HEADROOMS))[:, None]


def season_bands(series: Series, begin: int, end: int, rows: FloatArray) -> FloatArray:
    """Return the logs that the rules want for the minutes of index `begin` to `end` - 1.

    Args:
        series: the load before `end` - 1.
        begin: index of the first minute to decide for.
        end: index after the last one.
        rows: features of these minutes, shape (SIZE, minutes).

    Returns:
        Shape (minutes, rules * headrooms), log(1 + machines).
    """
    ordered = np.sort(day_peaks(series, begin, end), axis=1)
    needs = np.array([ordered[int(rule.moved), DAYS - rule.rank] for rule in SEASON_RULES])
    recent = rows[0] + rows[_PEAKS]
    wanted = np.maximum(needs[:, None] + _HEADROOM_LOGS, recent[:, None])
    by_minute: FloatArray = wanted.reshape(-1, end - begin).T
    return by_minute


def day_peaks(series: Series, begin: int, end: int) -> FloatArray:
    """Return the highest demand of each of seven days at the time of a warm-up that begins now.

    A machine asked for now serves a warm-up later, and one let go now is missed until then.

    Returns:
        As it was, and moved by how far the last hour's mean lies above that day's, at most to four
        times the load; shape (2, 7, minutes), yesterday first, 0 for days that are not known.
    """
    index, width = np.arange(begin, end), series.warmup + 1
    known = index - _AGO >= LOOKBACK + HOUR
    if end - begin == 1:
        peaks = series.demand[begin - _AGO + np.arange(width)].max(axis=1, keepdims=True)
    else:
        days = [(begin - ago + width, end - ago + width) for ago in _AGO[:, 0].tolist()]
        peaks = np.array([sliding_peak(series.demand, *each, width) for each in days])
    shift = (_hour(series, index) - _hour(series, index - _AGO)) / HOUR
    shift = np.minimum(np.maximum(shift, -CORRECTION_LIMIT), CORRECTION_LIMIT)
    return np.where(known, (peaks, peaks + shift), 0.0)


def _hour(series: Series, index: IntArray) -> FloatArray:
    """Return the sum of demand over the hour before each index."""
    total = series.sums[TOTAL]
    hour: FloatArray = total[index] - total[index - HOUR]
    return hour
