"""The features of the policies that toolkit `hindsight` trains, from a `Series` of load.

Demand is log(1 + machines that would just serve the load); differences to its present level are
scale-free. Features are plain elementwise arithmetic on sums that are exact: many minutes at once
or one by one, the bits are the same.
"""

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .peaks import PastDays, coming_peaks, nested_peaks, past_days
from .recording import recording
from .series import (
    BENDS,
    BENT,
    DAY,
    KNOTS,
    MOVES,
    RISES,
    SEASON_KNOWN,
    STEPS,
    TOTAL,
    WEEK,
    FloatArray,
    IntArray,
    Series,
)

VERSION = 2

LAGS = (1, 2, 3, 4, 5, 6, 8, 11, 16, 21, 31, 46, 61, 91, 121, 181, 241)
MEANS = (5, 10, 15, 30, 60, 120, 240, 480, DAY, WEEK)
PEAKS = (2, 5, 10, 15, 30, 60, 120, 240, DAY, WEEK)
LOWS = (15, 60, DAY)
MOTION = (15, 60, 240, DAY)
QUANTILES = (0.5, 0.8, 0.95, 0.99, 0.998)
# Quantiles of demand itself: over so many minutes, renewed every so many.
DEMANDS = ((240, 10), (DAY, 60))
# Residuals looked back on: name, array, minutes, every how many-th, renewed every so many minutes.
RESIDUALS = (
    ("persistence_4h", "persistence", 240, 1, 10),
    ("persistence_1d", "persistence", DAY, 1, 60),
    ("persistence_7d", "persistence", WEEK, 7, 60),
    ("forecast_4h", "missed", 240, 1, 10),
    ("forecast_20h", "missed", 1200, 1, 60),
)
LEADS = (0, 15, 30, 60)  # minutes beyond the warm-up that the profile is read at

NAMES = (
    "level",  # mean demand of the last three minutes
    "fleet",  # log(1 + machines in service and on their way); the network does not read it
    *(f"lag_{lag}" for lag in LAGS),
    *(f"mean_{width}" for width in MEANS),
    *(f"peak_{width}" for width in PEAKS),
    *(f"low_{width}" for width in LOWS),
    *(f"demand_{width}_{quantile}" for width, _ in DEMANDS for quantile in QUANTILES),
    *(f"steps_{width}" for width in MOTION),  # mean absolute change from minute to minute
    *(f"bends_{width}" for width in MOTION[:3]),  # mean absolute second difference
    *(f"moves_{width}" for width in MOTION[2:]),  # mean absolute change within warm-up + 1 minutes
    *(f"rises_{width}" for width in MOTION[2:]),
    *(f"{name}_{quantile}" for name, *_ in RESIDUALS for quantile in QUANTILES),
    "season_known",
    "week_known",
    "correction",
    *(f"profile_{lead}" for lead in LEADS),  # corrected forecasts at warm-up + lead
    "profile_now",
    "profile_peak",  # their largest within the warm-up
    "profile_peak_60",  # ... and within an hour more
    "yesterday",
    "last_week",
    "yesterday_peak",
    "last_week_peak",
    "knots_60",  # changes of slope per minute of the last hour: 0.2 if five were interpolated
    "interval",
    "remaining",  # minutes until the slope is due to change, 0 if it does so at no fixed times
    "line",  # the load that the present slope leads to by then
    "sin_hour", "cos_hour", "sin_day", "cos_day", "sin_week", "cos_week",
    "warmup",
    "change_price",
    "price",  # last: see `network`
)  # fmt: skip
SIZE = len(NAMES)


def features(
    series: Series,
    begin: int,
    end: int,
    *,
    price: float = 20.0,
    change_price: float = 0.0,
    week: PastDays | None = None,
) -> FloatArray:
    """Return the features for deciding the minutes of index `begin` to `end` - 1.

    Args:
        series: the load; the minutes before `end` - 1 must be known, later ones are not read.
        begin: index of the first minute to decide for.
        end: index after the last one.
        price: machine-minutes that a failed machine-minute costs.
        change_price: machine-minutes that adding or removing a machine costs.
        week: what the last seven days needed, if that is known already.

    Returns:
        Shape (SIZE, end - begin), in the order of `NAMES`.
    """
    out = np.zeros((SIZE, end - begin))
    writer = _Writer(series, begin, end, out)
    writer.write(week)
    out[-2] = np.log1p(change_price)
    out[-1] = np.log(price / 20.0)
    return out


class _Writer:
    """Writes features group after group."""

    def __init__(self, series: Series, begin: int, end: int, out: FloatArray) -> None:
        self.series, self.begin, self.end, self.out = series, begin, end, out
        self.index = np.arange(begin, end)
        self.level = series.level[begin:end]
        rows, newest, oldest, minutes = windows(series.warmup)
        self.sums = series.sums[rows, self.index - newest] - series.sums[rows, self.index - oldest]
        self.means = self.sums / minutes
        self.row = 0

    def put(self, values: FloatArray) -> None:
        """Write one row, or several."""
        rows = 1 if values.ndim == 1 else len(values)
        self.out[self.row : self.row + rows] = values
        self.row += rows

    def write(self, week: PastDays | None) -> None:
        """Write every feature but the prices."""
        series, index = self.series, self.index
        self.put(self.level)
        self.row += 1  # the fleet
        self.put(series.demand[index - _LAGS] - self.level)
        self.put(self.means[MEAN_WINDOWS] - self.level)
        for widths, low in ((PEAKS, False), (LOWS, True)):
            peaks = nested_peaks(series.demand, self.begin, self.end, widths, low=low)
            self.put(peaks - self.level)
        for width, every in DEMANDS:
            first = self.row
            self._residuals("demand", width, 1, every)
            self.out[first : self.row] -= self.level
        self.put(self.means[MOTION_WINDOWS])
        for name, width, stride, every in (each[1:] for each in RESIDUALS):
            self._residuals(name, width, stride, every)
        self._seasons(week)
        self._recording()
        self.put(turns()[:, (series.origin + index) % WEEK])
        self.put(np.full(len(index), series.warmup / 10.0))

    def _residuals(self, name: str, width: int, stride: int, every: int) -> None:
        """Quantiles of past residuals, renewed at fixed minutes of the clock."""
        series, key = self.series, (name, width)
        late = (series.origin + self.begin) % every
        newest, known = series.quantiles.get(key, (0, self.level))
        if self.end - self.begin <= every - late and newest == series.origin + self.begin - late:
            self.put(known)
            return
        bounds = np.arange(self.begin - late, self.end, every)
        views = sliding_window_view(getattr(series, name), width)[bounds - width, ::stride]
        places = [int(quantile * (views.shape[1] - 1)) for quantile in QUANTILES]
        rows = np.partition(views, places, axis=1)[:, places]
        series.quantiles[key] = (series.origin + int(bounds[-1]), rows[-1][:, None])
        which = (np.arange(self.end - self.begin) + late) // every
        self.put(rows[which].T)

    def _seasons(self, week: PastDays | None) -> None:
        series, begin, end, level = self.series, self.begin, self.end, self.level
        ahead = series.warmup
        known = (self.index >= KNOWN_FROM).astype(np.float64)
        season, shift = known[0], series.shift[begin:end] - level
        self.put(known)
        self.put((shift + level) * season)
        self.put((series.profile[self.index + leads(ahead)] + shift) * season)
        peaks = coming_peaks(series.profile, begin, end, (ahead + 1, ahead + 61))
        self.put((peaks + shift) * season)
        self._days(known, week)

    def _days(self, known: FloatArray, week: PastDays | None) -> None:
        """What yesterday and last week say: demand a warm-up ahead, and its peak until then."""
        days = week or past_days(self.series, self.begin, self.end, (1, 7))
        shift = days.shifts[ENDS] - self.level
        self.put((self.means[AHEAD_WINDOWS] + shift) * known)
        self.put((days.peaks[ENDS] + shift) * known)

    def _recording(self) -> None:
        """How coarsely the load was recorded, and where its present slope leads."""
        self.put(recording(self.series, self.begin, self.end, *self.sums[KNOT_WINDOWS]))
        self.out[self.row - 1] -= self.level


_LAGS = np.array(LAGS)[:, None]
_MOVING = (
    *((STEPS, width) for width in MOTION),
    *((BENDS, width) for width in MOTION[:3]),
    *((MOVES, width) for width in MOTION[2:]),
    *((RISES, width) for width in MOTION[2:]),
)
# Where in `windows` what is.
MEAN_WINDOWS = slice(0, len(MEANS))
MOTION_WINDOWS = slice(MEAN_WINDOWS.stop, MEAN_WINDOWS.stop + len(_MOVING))
AHEAD_WINDOWS = slice(MOTION_WINDOWS.stop, MOTION_WINDOWS.stop + 2)
KNOT_WINDOWS = slice(AHEAD_WINDOWS.stop, AHEAD_WINDOWS.stop + 2)
ENDS = [0, -1]  # yesterday and last week among some days
KNOWN_FROM = np.array(((SEASON_KNOWN,), (SEASON_KNOWN - DAY + WEEK,)))


@cache
def windows(ahead: int) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Return what is summed: rows of `Series.sums`, and the minutes between which, before now.

    All of them at once, since one look at many places takes hardly longer than at one.

    Args:
        ahead: minutes of the warm-up.

    Returns:
        Rows, first minute after each window, its first minute, and its length, shape (n, 1).
    """
    windows = (
        *((TOTAL, 0, width) for width in MEANS),
        *((row, 0, width) for row, width in _MOVING),
        # Five minutes a warm-up ahead, yesterday and a week ago.
        *((TOTAL, ago - ahead - 3, ago - ahead + 2) for ago in (DAY, WEEK)),
        *((row, 0, 60) for row in (KNOTS, BENT)),
    )
    rows, newest, oldest = (np.array(each)[:, None] for each in zip(*windows, strict=True))
    return rows, newest, oldest, oldest - newest


@cache
def leads(ahead: int) -> IntArray:
    """Return the minutes from now that the profile is read at, shape (n, 1)."""
    return np.array([*(ahead + lead for lead in LEADS), 0])[:, None]


@cache
def turns() -> FloatArray:
    """Return sines and cosines of hour, day and week, shape (6, 10080), from a Thursday 0:00."""
    minute = np.arange(WEEK)
    rows = []
    for period, offset in ((60, 0), (DAY, 0), (WEEK, 3 * DAY)):  # 1970-01-01 was a Thursday
        angle = 2 * np.pi * ((minute + offset) % period) / period
        rows += [np.sin(angle), np.cos(angle)]
    return np.stack(rows)
