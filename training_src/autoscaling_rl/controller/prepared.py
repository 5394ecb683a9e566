"""The next minute's features, but for what its load will say.

Most of what features say of a minute is known before it: sums and peaks of the minutes before, what
past days needed, sorted residuals. What is left when its load comes is little arithmetic, with the
same bits as `features.features`:

- of a window of which all values but the newest are known, the largest is the larger of two
  numbers, and the k-th smallest lies between the (k-1)-th and the k-th of the others;
- sums are exact, so that it does not matter what is added first.
"""

import numpy as np

from .features import (
    AHEAD_WINDOWS,
    DEMANDS,
    ENDS,
    KNOWN_FROM,
    LAGS,
    LOWS,
    MEAN_WINDOWS,
    MOTION_WINDOWS,
    NAMES,
    PEAKS,
    QUANTILES,
    RESIDUALS,
    SIZE,
    leads,
    turns,
    windows,
)
from .peaks import HOUR, PastDays, coming_peaks, nested_peaks
from .recording import recording_of_one
from .seasons import DAYS
from .series import CORRECTION_LIMIT, DAY, TOTAL, WEEK, FloatArray, Series

# First feature, array, minutes, every how many-th, renewed every so many minutes.
_QUANTILES = (
    *((f"demand_{width}", "demand", width, 1, every) for width, every in DEMANDS),
    *RESIDUALS,
)
_NEWEST = ("demand", "persistence", "missed")  # arrays whose newest value the features hang on


def _rows(first: str, last: str) -> slice:
    return slice(NAMES.index(first), NAMES.index(last) + 1)


_LAGS = _rows(f"lag_{LAGS[0]}", f"lag_{LAGS[-1]}")
_MEANS = _rows("mean_5", f"mean_{WEEK}")
_PEAKS = _rows(f"peak_{PEAKS[0]}", f"peak_{PEAKS[-1]}")
_LOWS = _rows(f"low_{LOWS[0]}", f"low_{LOWS[-1]}")
_MOTION = _rows("steps_15", f"rises_{DAY}")
_SEASONS = _rows("correction", "profile_peak_60")
_DAYS = _rows("yesterday", "last_week_peak")
_RECORDING = _rows("knots_60", "line")
_SEASON_KNOWN = _rows("season_known", "week_known")
_CLOCK = _rows("sin_hour", "cos_week")
_JOB = _rows("warmup", "price")
_DEMANDS = _rows(
    f"demand_{DEMANDS[0][0]}_{QUANTILES[0]}", f"demand_{DEMANDS[-1][0]}_{QUANTILES[-1]}"
)
_AGO = np.array(DAYS) * DAY


class Prepared:
    """What is known of the minute after the newest one of a series.

    Attributes:
        index: of the minute that can be decided for once the load of one more is known.
    """

    def __init__(self, series: Series, price: float, change_price: float) -> None:
        """Look at a series whose seasonal profile reaches a minute further (`Series.prepare`).

        Args:
            series: the load.
            price: machine-minutes that a failed machine-minute costs.
            change_price: machine-minutes that adding or removing a machine costs.
        """
        self._series, self.index = series, series.size + 1
        # Each feature is one of `_NEWEST`, within bounds that are equal where it hangs on none.
        self._which = np.zeros(SIZE, np.int64)
        self._low, self._high = np.zeros(SIZE), np.zeros(SIZE)
        self._levelled = np.zeros(SIZE)  # 1 where the level is then taken off
        self._known = np.ones(SIZE)  # 0 where nothing is known
        self._due: list[tuple[tuple[str, int], int, slice]] = []
        self._look_back()
        self._sort()
        self._sum()
        self._look_ahead()
        self._fix(_JOB, (series.warmup / 10.0, np.log1p(change_price), np.log(price / 20.0)))

    def read(self) -> tuple[FloatArray, PastDays]:
        """Return the features, shape (SIZE, 1), and what the last seven days needed."""
        series, index = self._series, self.index
        level, now = float(series.level[index]), series.sums[:, index]
        newest = np.array([getattr(series, name)[index - 1] for name in _NEWEST])
        out: FloatArray = np.minimum(np.maximum(newest.take(self._which), self._low), self._high)
        for key, minute, rows in self._due:
            series.quantiles[key] = minute, out[rows, None].copy()
        sums = now.take(self._sum_rows) - self._sums_before
        means = sums / self._minutes
        out[_MEANS], out[_MOTION] = means[MEAN_WINDOWS], means[MOTION_WINDOWS]
        out[_SEASONS.start] = level
        hour = float(now[TOTAL]) - self._hour_began
        shifts = [
            min(max((hour - each) / HOUR, -CORRECTION_LIMIT), CORRECTION_LIMIT)
            for each in self._hours
        ]
        moved = self._levelled * -level  # -0.0, which changes nothing, where it is not taken off
        moved[_SEASONS] = float(series.shift[index]) - level
        moved[_DAYS] = [shifts[end] - level for end in ENDS] * 2
        out += moved
        out *= self._known
        knots, bent = sums[-2:].tolist()
        *rest, line = recording_of_one(series, index, knots, bent)
        out[_RECORDING] = (*rest, line - level)
        out[0] = level
        return out[:, None], PastDays(self._peaks, np.array(shifts)[:, None])

    def _fix(self, rows: slice, values: FloatArray | tuple[float, ...]) -> None:
        self._low[rows] = self._high[rows] = values

    def _look_back(self) -> None:
        """Prepare lags and peaks."""
        demand, index = self._series.demand, self.index
        self._fix(_LAGS, demand[index - np.array(LAGS)])
        newest = _LAGS.start
        self._low[newest], self._high[newest] = -np.inf, np.inf
        for rows, widths, low in ((_PEAKS, PEAKS, False), (_LOWS, LOWS, True)):
            before = tuple(width - 1 for width in widths)
            bounds = (self._high, self._low) if low else (self._low, self._high)
            bounds[0][rows] = nested_peaks(demand, index - 1, index, before, low=low)[:, 0]
            bounds[1][rows] = -np.inf if low else np.inf
        for rows in (_LAGS, _MEANS, _PEAKS, _LOWS, _DEMANDS):
            self._levelled[rows] = 1.0

    def _sort(self) -> None:
        """Sort the windows whose quantiles are due, but for the newest value."""
        series = self._series
        for first, name, width, stride, every in _QUANTILES:
            place = NAMES.index(f"{first}_{QUANTILES[0]}")
            rows, late = slice(place, place + len(QUANTILES)), (series.origin + self.index) % every
            end = self.index - late
            newest, known = series.quantiles.get((name, width), (0, None))
            if late and known is not None and newest == series.origin + end:
                self._fix(rows, known[:, 0])
                continue
            values = getattr(series, name)[end - width : end : stride]
            places = [int(quantile * (len(values) - 1)) for quantile in QUANTILES]
            if late or (width - 1) % stride:  # the newest value is not among them
                self._fix(rows, np.sort(values)[places])
            else:
                padded = np.concatenate(([-np.inf], np.sort(values[:-1]), [np.inf]))
                self._low[rows], self._high[rows] = padded[places], padded[1:][places]
                self._which[rows] = _NEWEST.index(name)
            self._due.append(((name, width), series.origin + end, rows))

    def _sum(self) -> None:
        """Prepare means, and what yesterday and last week had a warm-up from now."""
        sums, index = self._series.sums, self.index
        rows, newest, oldest, minutes = (each[:, 0] for each in windows(self._series.warmup))
        ended = np.arange(len(rows))[AHEAD_WINDOWS]
        lasting = np.delete(np.arange(len(rows)), ended)
        self._sum_rows, self._minutes = rows[lasting], minutes[lasting]
        self._sums_before = sums[rows[lasting], index - oldest[lasting]]
        past = sums[rows[ended], index - newest[ended]] - sums[rows[ended], index - oldest[ended]]
        self._means_ahead = past / minutes[ended]

    def _look_ahead(self) -> None:
        """Prepare what hangs on the clock."""
        series, index, ahead = self._series, self.index, self._series.warmup
        known = (index >= KNOWN_FROM[:, 0]).astype(np.float64)
        self._fix(_SEASON_KNOWN, known)
        self._fix(_CLOCK, turns()[:, (series.origin + index) % WEEK])
        coming = coming_peaks(series.profile, index, index + 1, (ahead + 1, ahead + 61))
        said = series.profile[index + leads(ahead)]
        self._fix(_SEASONS, np.concatenate(([0.0], said[:, 0], coming[:, 0])))  # 0: the level's
        self._known[_SEASONS] = known[0]
        days = series.demand[index - _AGO[:, None] + np.arange(ahead + 1)]
        self._peaks = days.max(axis=1, keepdims=True)
        self._fix(_DAYS, np.concatenate((self._means_ahead, self._peaks[ENDS, 0])))
        self._known[_DAYS] = np.concatenate((known, known))
        total = series.sums[TOTAL]
        self._hour_began = float(total[index - HOUR])
        self._hours = (total[index - _AGO] - total[index - _AGO - HOUR]).tolist()
