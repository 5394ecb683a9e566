"""Forecasts that repeat the past days: what predictive and seasonal scaling act on."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from autoscaling_rl.baselines.window import DAY, FloatArray, Window

SEASONAL_DAYS, SEASONAL_WEEKDAY = 7, 3.0  # weight of the same weekday; the other days weigh 1
SMOOTHING = 15  # minutes
RECENT = 15  # minutes that correct the level
CORRECTION = (0.3, 4.0)
AHEAD = 6  # minutes, from the one decided for

HOURLY_DAYS, HOURLY_WEEKDAY = 14, 2.0
BUFFER = 5  # minutes


def weighted_days(values: FloatArray, per_day: int, days: int, weekday: float) -> FloatArray:
    """Return the weighted mean of the same places in the past days.

    Args:
        values: shape (n,).
        per_day: values in a day.
        days: days to look back.
        weekday: weight of the same weekday; other days weigh 1.

    Returns:
        Shape (n + per_day,): a day more than is known. Zero where no past day is known.
    """
    total = np.zeros(len(values) + per_day)
    weights = np.zeros(len(values) + per_day)
    for day in range(1, days + 1):
        weight = weekday if day % 7 == 0 else 1.0
        known = values[: max(0, len(total) - day * per_day)]
        total[day * per_day : day * per_day + len(known)] += weight * known
        weights[day * per_day : day * per_day + len(known)] += weight
    return np.divide(total, weights, out=total, where=weights > 0)


def seasonal_forecast(window: Window) -> FloatArray:
    """Return the highest load expected in the six minutes from each, in requests per minute.

    The mean of the same minutes of the last seven days, smoothed over 15 minutes, the same weekday
    weighing three times, is multiplied by the level of the last 15 minutes over its own, limited to
    0.3 to 4.

    Returns:
        Shape (minutes,); zero where no past day is known.
    """
    load = window.load
    ones = np.ones(SMOOTHING)
    smooth = np.convolve(load, ones, "same") / np.convolve(np.ones_like(load), ones, "same")
    profile = weighted_days(smooth, DAY, SEASONAL_DAYS, SEASONAL_WEEKDAY)
    seen = window.first - 1 - window.metric_delay + np.arange(window.minutes)
    level = _recent_sum(np.where(profile[: len(load)] > 0, load, 0.0), seen)
    expected = _recent_sum(profile[: len(load)], seen)
    nothing = 1e-9 * window.rules.capacity
    ratio = np.where(level > nothing, CORRECTION[1], 1.0)
    np.divide(level, expected, out=ratio, where=expected > nothing)
    ahead = sliding_window_view(profile[window.first :], AHEAD)[: window.minutes].max(axis=1)
    forecast: FloatArray = ahead * np.clip(ratio, *CORRECTION)
    return forecast


def _recent_sum(values: FloatArray, last: np.ndarray) -> FloatArray:
    padded = np.concatenate((np.zeros(RECENT), values))
    sums: FloatArray = sliding_window_view(padded, RECENT)[np.maximum(last + 1, 0)].sum(axis=1)
    return sums


def hourly_forecast(window: Window) -> FloatArray:
    """Return the mean load expected in the hour of each minute, in requests per minute.

    The weighted mean of the same hours of at most 14 past days, the same weekday weighing double.
    Five minutes before an hour begins, its forecast holds too if it is higher.

    Returns:
        Shape (minutes,); zero where no past day is known.
    """
    offset, load = window.minute_of_hour, window.load
    hour = (np.arange(len(load)) + offset) // 60
    means = np.bincount(hour, load) / np.bincount(hour)
    forecast = weighted_days(means, 24, HOURLY_DAYS, HOURLY_WEEKDAY)
    minute = window.first + np.arange(window.minutes) + offset
    return np.maximum(forecast[minute // 60], forecast[(minute + BUFFER) // 60])
