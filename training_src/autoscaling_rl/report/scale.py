"""Axes: where values lie and where ticks go; and series thinned to what a screen can show."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_NOTHING = 1e-200  # what is smaller cannot be divided into ticks, and is shown as zero
MOST_COLUMNS = 720  # of a thinned series; each keeps its extremes


@dataclass(frozen=True)
class Scale:
    """A linear axis.

    Attributes:
        low: value at the start of the axis.
        high: value at its end, above `low`.
    """

    low: float
    high: float

    @classmethod
    def over(cls, values: Iterable[float], *, zero: bool = False, margin: float = 0.06) -> "Scale":
        """Return an axis that shows all finite values.

        Args:
            values: what is to be shown.
            zero: whether the axis starts at zero.
            margin: share of the axis that is added at its ends.
        """
        finite = [float(value) for value in values if math.isfinite(value)] or [0.0]
        low, high = min(finite), max(finite)
        if zero:
            low, high = min(low, 0.0), max(high, 0.0)
        span, largest = high - low, max(abs(low), abs(high))
        if span <= max(1e-9 * largest, _NOTHING):
            span = largest if largest > _NOTHING else 1.0
            low, high = (low, low + span) if zero else (low - span / 2, high + span / 2)
        below = 0.0 if zero and low == 0 else margin * span
        return cls(low - below, high + margin * span)

    def place(self, values: FloatArray | NDArray[np.int64]) -> FloatArray:
        """Return where values lie: 0 at the start of the axis, 1 at its end."""
        return (np.asarray(values, np.float64) - self.low) / (self.high - self.low)

    def at(self, value: float) -> float:
        """Return where one value lies."""
        return (value - self.low) / (self.high - self.low)

    def ticks(self, count: int = 5) -> list[float]:
        """Return about `count` round values within the axis."""
        rough = (self.high - self.low) / max(1, count)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * part for part in (1, 2, 2.5, 5, 10) if power * part >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [float(f"{step * each:.12g}") for each in range(first, last + 1)]


def round_up(value: float) -> float:
    """Return the least round number that is not below a positive value."""
    power = 10.0 ** math.floor(math.log10(value))
    parts = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
    return next(power * part for part in parts if power * part >= value * (1 - 1e-9))


def edges(minutes: int, columns: int = MOST_COLUMNS) -> NDArray[np.int64]:
    """Return the first minute of each column and the end of the last one."""
    return np.unique(np.linspace(0, minutes, min(minutes, columns) + 1).astype(np.int64))


Line = tuple[FloatArray, FloatArray]


def peaks(values: FloatArray, columns: int = MOST_COLUMNS) -> Line:
    """Return the corners of a line that keeps each value for its minute, if need be thinned.

    Args:
        values: one value for each minute.
        columns: most columns; one stands for several minutes of a longer series, at their peak.

    Returns:
        Minutes and values of the corners.
    """
    cuts = edges(len(values), columns)
    high = np.maximum.reduceat(values, cuts[:-1])
    return _corners(np.repeat(cuts, 2)[1:-1].astype(np.float64), np.repeat(high, 2))


def extremes(values: FloatArray, columns: int = MOST_COLUMNS) -> Line:
    """Return the same as `peaks`, but a column shows its least and its greatest value."""
    cuts = edges(len(values), columns)
    starts, ends = cuts[:-1], cuts[1:]
    if len(starts) == len(values):
        return peaks(values, columns)
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    rising = values[ends - 1] >= values[starts]
    pairs = np.where(rising[:, None], np.stack((low, high), 1), np.stack((high, low), 1))
    quarter = (ends - starts) / 4
    minutes = np.stack((starts + quarter, ends - quarter), axis=1)
    minutes[0, 0], minutes[-1, 1] = 0, len(values)
    return _corners(minutes.ravel(), pairs.ravel())


def _corners(x: FloatArray, y: FloatArray) -> Line:
    """Leave out the points within level stretches."""
    inside = (y[1:-1] == y[:-2]) & (y[1:-1] == y[2:])
    kept = np.concatenate(([True], ~inside, [True]))
    return x[kept], y[kept]
