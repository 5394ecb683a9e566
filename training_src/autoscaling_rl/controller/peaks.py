"""Peaks of load in sliding windows, and what past days needed at the time of a warm-up from now.

A few minutes or many at once: the bits are the same.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .series import CORRECTION_LIMIT, DAY, TOTAL, FloatArray, IntArray, Series

HOUR = 60  # minutes that days are compared by


class PastDays(NamedTuple):
    """What some past days needed; a day that is not known has numbers that mean nothing.

    Attributes:
        peaks: highest demand of each day from this minute of it until a warm-up later, shape
            (days, minutes): a machine asked for now serves a warm-up later, and one let go now is
            missed until then.
        shifts: by how much the last hour's mean demand lies above that day's, at most by log(4);
            the same shape.
    """

    peaks: FloatArray
    shifts: FloatArray


def past_days(series: Series, begin: int, end: int, days: tuple[int, ...]) -> PastDays:
    """Return what past days needed, for the minutes of index `begin` to `end` - 1.

    Args:
        series: the load before `end` - 1.
        begin: index of the first minute to decide for.
        end: index after the last one.
        days: how long ago each is.
    """
    ago, width = np.array(days)[:, None] * DAY, series.warmup + 1
    if end - begin == 1:
        peaks = series.demand[begin - ago + np.arange(width)].max(axis=1, keepdims=True)
    else:
        starts = [begin - each + width for each in ago[:, 0].tolist()]
        parts = [sliding_peak(series.demand, start, start + end - begin, width) for start in starts]
        peaks = np.array(parts)
    index = np.arange(begin, end)
    shifts = (_hour(series, index) - _hour(series, index - ago)) / HOUR
    return PastDays(peaks, np.minimum(np.maximum(shifts, -CORRECTION_LIMIT), CORRECTION_LIMIT))


def _hour(series: Series, index: IntArray) -> FloatArray:
    """Return the sum of demand over the hour before each index."""
    total = series.sums[TOTAL]
    hour: FloatArray = total[index] - total[index - HOUR]
    return hour


def sliding_peak(
    values: FloatArray, begin: int, end: int, width: int, *, low: bool = False
) -> FloatArray:
    """Return the largest (or lowest) of the `width` values before each index, shape (end - begin,).

    A few at a time directly, many by doubling the width: the result is the same.
    """
    pick = np.minimum if low else np.maximum
    if end - begin < 8:
        direct: FloatArray = pick.reduce(
            sliding_window_view(values[begin - width : end - 1], width), axis=1
        )
        return direct
    peak, reach = values[begin - width : end - 1], 1
    while 2 * reach <= width:
        peak = pick(peak[:-reach], peak[reach:])
        reach *= 2
    rest = width - reach
    return pick(peak[: len(peak) - rest], peak[rest:]) if rest else peak


def nested_peaks(
    values: FloatArray, begin: int, end: int, widths: tuple[int, ...], *, low: bool = False
) -> FloatArray:
    """Return `sliding_peak` for each of some widths, ascending, shape (widths, end - begin)."""
    if end - begin > 1:
        peaks = [sliding_peak(values, begin, end, width, low=low) for width in widths]
        return np.array(peaks)
    pick, widest = np.minimum if low else np.maximum, widths[-1]
    starts = widest - np.array(widths[::-1])
    parts = pick.reduceat(values[begin - widest : begin], starts)
    nested: FloatArray = pick.accumulate(parts[::-1])[:, None]
    return nested


def coming_peaks(values: FloatArray, begin: int, end: int, widths: tuple[int, int]) -> FloatArray:
    """Return the largest of the values from each index on, for two widths, ascending.

    Args:
        values: as far as the wider of the two reaches beyond `end` - 1.
        begin: the first index.
        end: index after the last one.
        widths: how many values count, that of the index included.

    Returns:
        Shape (2, end - begin).
    """
    if end - begin > 1:
        return np.array(
            [sliding_peak(values, begin + width, end + width, width) for width in widths]
        )
    parts = np.maximum.reduceat(values[begin : begin + widths[1]], (0, widths[0]))
    return np.maximum.accumulate(parts)[:, None]
