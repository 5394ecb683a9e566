"""Observations of many consecutive minutes of one load at once, equal to those made one by one."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from autoscaling_rl.controller import observation as obs
from autoscaling_rl.controller.observation import FloatArray
from autoscaling_rl.environments.observe import write_observations


def _sums(values: FloatArray, width: int, starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the sums of `values[start : start + width]` for every start."""
    total = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    sums: NDArray[np.float64] = total[starts + width] - total[starts]
    return sums


def batch_statistics(
    values: FloatArray, minutes: NDArray[np.int64], warmup: int
) -> NDArray[np.float64]:
    """Return `observation.window_statistics` for many minutes, shape (STATISTICS, minutes).

    Args:
        values: demand per minute, shape (n,), all of `HISTORY` before the first minute.
        minutes: consecutive minutes to decide for, as indices of `values`.
        warmup: nominal warm-up in minutes.
    """
    figures = np.zeros((obs.STATISTICS, len(minutes)))
    hour, span = obs.RECENT, warmup + 1
    for place, width in ((obs.FIVE, 5), (obs.QUARTER, 15), (obs.HOUR, hour)):
        figures[place] = _sums(values, width, minutes - width)
    changes = np.abs(np.diff(values.astype(np.float64)))
    figures[obs.CHANGES] = _sums(changes, hour - 1, minutes - hour)
    first, last = minutes[0], minutes[-1]
    recent = values[first - hour : last]
    figures[obs.PEAK] = sliding_window_view(recent, hour).max(axis=1)
    rises = recent - values[first - hour - span : last - span]
    figures[obs.RISE] = np.maximum(sliding_window_view(rises, hour).max(axis=1), 0.0)
    for place, season in ((obs.DAY_HOUR, obs.DAY), (obs.WEEK_HOUR, obs.WEEK)):
        figures[place] = _sums(values, hour, minutes - season - hour)
        figures[place + 1] = _sums(values, span, minutes - season)
    return figures


def batch_observations(
    load: NDArray[np.float64],
    start: int,
    stop: int,
    *,
    capacity: float,
    minute_of_week: int,
    failure_price: float,
    warmup: int,
) -> FloatArray:
    """Return the observations for deciding the minutes `start` to `stop` - 1, fleets left at zero.

    Args:
        load: requests per minute, shape (minutes,).
        start: first minute to decide for; at least one minute of load lies before it.
        stop: minute after the last one.
        capacity: requests that a machine serves in a minute.
        minute_of_week: minutes since Monday 0:00 UTC at `start`.
        failure_price: machine-minutes that a failed machine-minute costs.
        warmup: nominal warm-up in minutes.

    Returns:
        Shape (SIZE, stop - start); `observation.set_fleet` completes a column.
    """
    missing = max(0, obs.HISTORY - start)
    known = obs.demand(load[max(0, start - obs.HISTORY) : stop], capacity)
    values = np.concatenate((np.full(missing, known[0], np.float32), known))
    minutes = np.arange(obs.HISTORY, obs.HISTORY + stop - start)
    offsets = obs.observation_offsets(warmup)
    rows = values[minutes[None, :] + offsets[:, None]]
    out = np.zeros((obs.SIZE, len(minutes)), np.float32)
    _write_by_knowledge(
        out,
        rows,
        (minute_of_week + np.arange(len(minutes))) % obs.WEEK,
        batch_statistics(values, minutes, warmup),
        known_since=minutes - missing,
        log_price=float(np.log(failure_price / 20.0)),
        warmup=warmup,
    )
    return out


def _write_by_knowledge(
    out: FloatArray,
    rows: FloatArray,
    minute_of_week: NDArray[np.int64],
    figures: NDArray[np.float64],
    *,
    known_since: NDArray[np.int64],
    log_price: float,
    warmup: int,
) -> None:
    """Write in up to three stretches: no season known, the day known, both known."""
    day = int(np.searchsorted(known_since, obs.DAY + obs.RECENT))
    week = int(np.searchsorted(known_since, obs.WEEK + obs.RECENT))
    table, places = obs.calendar(), np.arange(len(rows))
    for begin, end, day_known, week_known in (
        (0, day, 0.0, 0.0),
        (day, week, 1.0, 0.0),
        (week, out.shape[1], 1.0, 1.0),
    ):
        if begin == end:
            continue
        part = np.zeros((obs.SIZE, end - begin), np.float32)
        write_observations(
            part,
            np.ascontiguousarray(rows[:, begin:end]),
            places,
            minute_of_week[begin:end],
            np.zeros((4, end - begin), np.float32),
            np.ascontiguousarray(figures[:, begin:end]),
            day_known,
            week_known,
            log_price,
            warmup,
            table,
        )
        out[:, begin:end] = part
