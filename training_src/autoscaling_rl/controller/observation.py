"""The observation of AutoScaling-v0: what a controller sees in the minute that it decides for.

All load enters as demand = log(1 + load / capacity): the log of machines that would just serve it.
Differences of demands are scale-free, stay finite for zero load, and a forecast is corrected to the
present level by adding a difference. Everything is computed from past load alone.

Demand is a matrix of minutes by fleets. The functions are plain Python over NumPy arrays: the
environment compiles this very source with numba (`environments.observe`), the artifact ships and
interprets it, so there is one observation. Rows are addressed through `rows`, so that a ring buffer
serves as well.
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

VERSION = 1
DAY, WEEK = 1440, 10080
RECENT = 60  # minutes that are looked at closely
HISTORY = WEEK + RECENT  # minutes of load that an observation can reach back
LONGEST_WARMUP = 60
LAGS = (1, 2, 4, 6, 11, 16, 31, 60)
CORRECTION_LIMIT = float(np.log(4.0))  # a seasonal forecast is rescaled by at most 4

NAMES = (
    "demand_level",  # log(1 + machines) for the mean demand of the last 3 minutes
    "fleet",  # log(1 + machines in service and on their way)
    "in_service",  # log(1 + machines in service) - demand_level, and so are all that follow
    "fleet_over_level",
    "due_soon",  # in service, or on their way and due within half a warm-up
    "failed_share",  # failed part of the last minute's load, 0 to 1
    *(f"lag_{lag}" for lag in LAGS),
    "mean_5",
    "mean_15",
    "mean_60",
    "peak_5",
    "peak_60",
    "roughness",  # mean absolute change from minute to minute in the last hour
    "steepest_rise",  # largest rise within warm-up + 1 minutes in the last hour
    "day_known",  # 1 if the same time yesterday is known, else 0
    "day_correction",  # last hour over the same hour yesterday, log, clipped
    "day_mean",  # level-corrected forecast for now to now + warm-up: mean
    "day_peak",  # ... and maximum
    "week_known",
    "week_correction",
    "week_mean",
    "week_peak",
    "forecast_mean",  # mean of the forecasts that are known, 0 (the present level) if none is
    "forecast_peak",
    "sin_day",
    "cos_day",
    "sin_week",
    "cos_week",
    "price",  # log(failure price / 20)
    "warmup",  # nominal warm-up / 10 minutes
)
SIZE = len(NAMES)
_RECENT, _SEASON, _BLEND, _CLOCK = 6, 21, 29, 31  # where groups of numbers begin

# Rows of the window statistics: sums over the last 5, 15 and 60 minutes, sum of absolute changes,
# peak and steepest rise in the last hour, and for yesterday and last week the sum of the hour
# before this minute and of the minutes from it to the warm-up's end.
FIVE, QUARTER, HOUR, CHANGES, PEAK, RISE, DAY_HOUR, DAY_AHEAD, WEEK_HOUR, WEEK_AHEAD = range(10)
STATISTICS = 10


def calendar() -> FloatArray:
    """Return sine and cosine of the time of day and of week, shape (10080, 4), from Monday 0:00."""
    minute = np.arange(WEEK)
    day, week = 2 * np.pi * minute / DAY, 2 * np.pi * minute / WEEK
    columns = (np.sin(day), np.cos(day), np.sin(week), np.cos(week))
    return np.stack(columns, axis=1).astype(np.float32)


def demand(load: NDArray[np.floating], capacity: float) -> FloatArray:
    """Return log(1 + load / capacity) for loads in requests per minute."""
    values: FloatArray = np.log1p(np.asarray(load, np.float32) / np.float32(capacity))
    return values


def log_machines(machines: NDArray[np.int64]) -> FloatArray:
    """Return log(1 + machines)."""
    return np.log1p(machines.astype(np.float32))


def window_statistics(values: FloatArray, now: int, first: int, warmup: int) -> NDArray[np.float64]:
    """Return the figures over windows of past demand that an observation is made of.

    The environment keeps the same figures up to date minute by minute (`environments.windows`).

    Args:
        values: demand per minute, shape (minutes, n), not a ring; at least `RECENT` + `warmup` + 1
            rows before `now`.
        now: row of the minute to decide for.
        first: first row that is known; a season that reaches before it stays zero.
        warmup: nominal warm-up in minutes.

    Returns:
        Shape (STATISTICS, n), rows in the order of the constants above.
    """
    figures = np.zeros((STATISTICS, values.shape[1]), np.float64)
    hour = values[now - RECENT : now].astype(np.float64)
    figures[FIVE] = hour[-5:].sum(axis=0)
    figures[QUARTER] = hour[-15:].sum(axis=0)
    figures[HOUR] = hour.sum(axis=0)
    figures[CHANGES] = np.abs(np.diff(hour, axis=0)).sum(axis=0)
    figures[PEAK] = hour.max(axis=0)
    span = warmup + 1
    rises = values[now - RECENT : now] - values[now - RECENT - span : now - span]
    figures[RISE] = np.maximum(rises.max(axis=0), np.float32(0.0))
    for place, season in ((DAY_HOUR, DAY), (WEEK_HOUR, WEEK)):
        then = now - season
        if then - RECENT >= first:
            figures[place] = values[then - RECENT : then].sum(axis=0, dtype=np.float64)
            figures[place + 1] = values[then : then + span].sum(axis=0, dtype=np.float64)
    return figures


def observation_offsets(warmup: int) -> NDArray[np.int64]:
    """Return which minutes an observation reads, relative to the minute to decide for.

    Lags (8), the last five minutes (5), and the minutes now to now + warm-up a day and a week ago.
    """
    ahead = np.arange(warmup + 1)
    return np.concatenate((-np.array(LAGS), -np.arange(1, 6), ahead - DAY, ahead - WEEK))


def difference(out: FloatArray, left: FloatArray, right: FloatArray) -> None:
    """Write `left` - `right` to `out`, all of shape (n,)."""
    for fleet in range(len(out)):
        out[fleet] = left[fleet] - right[fleet]


def scaled(out: FloatArray, sums: NDArray[np.float64], factor: float) -> None:
    """Write `sums` * `factor` to `out`, all of shape (n,)."""
    for fleet in range(len(out)):
        out[fleet] = sums[fleet] * factor


def subtract(out: FloatArray, right: FloatArray) -> None:
    """Subtract `right` from `out`, all of shape (n,)."""
    for fleet in range(len(out)):
        out[fleet] -= right[fleet]


def peak(out: FloatArray, values: FloatArray, rows: NDArray[np.int64]) -> None:
    """Write the largest of `rows` of `values`, (minutes, n), to `out`, (n,)."""
    scaled(out, values[rows[0]], 1.0)
    for place in range(1, len(rows)):
        row = values[rows[place]]
        for fleet in range(len(out)):
            out[fleet] = max(out[fleet], row[fleet])


def fill(out: FloatArray, value: float) -> None:
    """Write `value` to every place of `out`."""
    for fleet in range(len(out)):
        out[fleet] = value


def write_recent(
    out: FloatArray, values: FloatArray, rows: NDArray[np.int64], figures: NDArray[np.float64]
) -> None:
    """Write level, lags, means, peaks and roughness of the last hour."""
    level = out[0]
    newest, second, third = values[rows[8]], values[rows[9]], values[rows[10]]
    for fleet in range(len(level)):
        level[fleet] = (newest[fleet] + second[fleet] + third[fleet]) / np.float32(3.0)
    for lag in range(8):
        difference(out[_RECENT + lag], values[rows[lag]], level)
    scaled(out[_RECENT + 8], figures[FIVE], 1 / 5)
    scaled(out[_RECENT + 9], figures[QUARTER], 1 / 15)
    scaled(out[_RECENT + 10], figures[HOUR], 1 / RECENT)
    peak(out[_RECENT + 11], values, rows[8:13])
    scaled(out[_RECENT + 12], figures[PEAK], 1.0)
    for place in range(8, 13):
        subtract(out[_RECENT + place], level)
    scaled(out[_RECENT + 13], figures[CHANGES], 1 / (RECENT - 1))
    scaled(out[_RECENT + 14], figures[RISE], 1.0)


def write_season(
    out: FloatArray,
    known: float,
    values: FloatArray,
    rows: NDArray[np.int64],
    level: FloatArray,
    hour: NDArray[np.float64],
    hour_then: NDArray[np.float64],
    ahead: NDArray[np.float64],
) -> None:
    """Write one season's forecast into four rows; zeros if its minutes are not known.

    Args:
        out: shape (4, n).
        known: 1 if the season's minutes are known, else 0.
        values: demand per minute.
        rows: rows of the present minute to the warm-up's end, one season ago.
        level: present level.
        hour: sum of the last hour's demand.
        hour_then: the same, one season ago.
        ahead: sum of `rows`.
    """
    fill(out[0], known)
    correction, mean, highest = out[1], out[2], out[3]
    peak(highest, values, rows)
    for fleet in range(len(level)):
        shift = (hour[fleet] - hour_then[fleet]) / RECENT
        correction[fleet] = known * min(max(shift, -CORRECTION_LIMIT), CORRECTION_LIMIT)
    scale = known / len(rows)
    for fleet in range(len(level)):
        shift = correction[fleet] - known * level[fleet]
        mean[fleet] = ahead[fleet] * scale + shift
        highest[fleet] = known * highest[fleet] + shift


def write_clock(
    out: FloatArray, minute_of_week: NDArray[np.int64], calendar_table: FloatArray
) -> None:
    """Write sine and cosine of the time of day and of week into four rows."""
    for fleet in range(len(minute_of_week)):
        for column in range(4):
            out[column, fleet] = calendar_table[minute_of_week[fleet], column]


def write_observations(
    out: FloatArray,
    values: FloatArray,
    rows: NDArray[np.int64],
    minute_of_week: NDArray[np.int64],
    fleets: FloatArray,
    figures: NDArray[np.float64],
    day_known: float,
    week_known: float,
    log_price: float,
    warmup: int,
    calendar_table: FloatArray,
) -> None:
    """Write the observations of n fleets for one minute into `out`, shape (SIZE, n).

    Args:
        out: where the observations go, rows in the order of `NAMES`.
        values: demand per minute, shape (minutes, n). What is older than the first known minute
            must hold that minute's value; the minute to decide for and later ones are never read.
        rows: rows of `values` that hold the minutes of `observation_offsets`.
        minute_of_week: minutes since Monday 0:00 UTC at that minute, shape (n,).
        fleets: shape (4, n): log of 1 + machines in service and on their way, in service, and in
            service or due within half a warm-up; failed share of the last minute's load.
        figures: `window_statistics` for the minute.
        day_known: 1 if the load of a day and an hour is known, else 0.
        week_known: 1 if the load of a week and an hour is known, else 0.
        log_price: log(failure price / 20).
        warmup: nominal minutes between request and service, at most `LONGEST_WARMUP`.
        calendar_table: `calendar()`.
    """
    write_recent(out, values, rows, figures)
    level, hour = out[0], figures[HOUR]
    scaled(out[1], fleets[0], 1.0)
    difference(out[2], fleets[1], level)
    difference(out[3], fleets[0], level)
    difference(out[4], fleets[2], level)
    scaled(out[5], fleets[3], 1.0)
    day, week = out[_SEASON : _SEASON + 4], out[_SEASON + 4 : _SEASON + 8]
    then = rows[13 : 14 + warmup]
    write_season(day, day_known, values, then, level, hour, figures[DAY_HOUR], figures[DAY_AHEAD])
    then = rows[14 + warmup :]
    write_season(
        week, week_known, values, then, level, hour, figures[WEEK_HOUR], figures[WEEK_AHEAD]
    )
    seasons = max(1.0, day_known + week_known)
    for column in range(2):
        blend = out[_BLEND + column]
        for fleet in range(len(level)):
            blend[fleet] = (day[2 + column, fleet] + week[2 + column, fleet]) / seasons
    write_clock(out[_CLOCK : _CLOCK + 4], minute_of_week, calendar_table)
    fill(out[_CLOCK + 4], log_price)
    fill(out[_CLOCK + 5], warmup / 10)


def set_fleet(
    row: FloatArray, in_service: int, on_their_way: int, soon: int, failed_share: float
) -> None:
    """Complete an observation that was made without knowing the fleet.

    Args:
        row: one observation, shape (SIZE,).
        in_service: machines in service.
        on_their_way: machines on their way.
        soon: those of them that are due within half a warm-up.
        failed_share: failed part of the last minute's load.
    """
    counts = np.array((in_service + on_their_way, in_service, in_service + soon))
    logs = log_machines(counts)
    row[1] = logs[0]
    row[2] = logs[1] - row[0]
    row[3] = logs[0] - row[0]
    row[4] = logs[2] - row[0]
    row[5] = failed_share
