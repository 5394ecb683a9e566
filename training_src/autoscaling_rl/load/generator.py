"""Synthetic load: daily and weekly variation, level drift, noise, recurring jobs and spikes.

Every series is drawn from one generator of random numbers, so a seed fixes it. The figures below
were chosen to cover the families seen in public traces (smooth and seasonal, noisy seasonal, bursty
with weak seasonality), not to copy any one of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.kernel import jit

FloatArray = NDArray[np.float32]

DAY, WEEK = 1440, 10080


@dataclass(frozen=True)
class LoadRanges:
    """Ranges that the shape of a series is drawn from, uniformly unless noted.

    Attributes:
        daily: amplitude of the daily cycle over the mean level.
        second: amplitude of its second harmonic, relative to the first.
        weekend: level on Saturday and Sunday, relative to working days.
        drift: standard deviation of the log level; it wanders within about two days.
        noise: standard deviation of the minute-to-minute noise relative to the load, log-uniform;
            counting noise (Poisson) comes on top.
        jobs_per_day: jobs that start at the same minute every day and last 10 to 40 minutes.
        job_height: height of a job relative to the mean level.
        spikes_per_day: unforeseeable spikes.
        spike_height: height of a spike relative to the mean level, log-uniform.
        spike_decay: minutes in which a spike falls by the factor e, log-uniform.
    """

    daily: tuple[float, float] = (0.2, 0.7)
    second: tuple[float, float] = (0.0, 0.4)
    weekend: tuple[float, float] = (0.5, 1.05)
    drift: tuple[float, float] = (0.02, 0.15)
    noise: tuple[float, float] = (0.01, 0.08)
    jobs_per_day: tuple[int, int] = (0, 3)
    job_height: tuple[float, float] = (0.05, 0.3)
    spikes_per_day: tuple[float, float] = (0.2, 3.0)
    spike_height: tuple[float, float] = (0.1, 0.8)
    spike_decay: tuple[float, float] = (4.0, 60.0)


DEFAULT_RANGES = LoadRanges()


def generate_load(
    rng: np.random.Generator,
    minutes: int,
    minute_of_week: int,
    mean: float,
    ranges: LoadRanges = DEFAULT_RANGES,
) -> FloatArray:
    """Return requests per minute, whole numbers, shape (minutes,).

    Args:
        rng: source of every random number.
        minutes: length of the series.
        minute_of_week: minutes since Monday 0:00 at its start.
        mean: requests per minute that the series has on average.
        ranges: what shapes are drawn from.
    """
    week = _week_shape(rng, ranges)
    turns = -(-(minute_of_week + minutes) // WEEK)
    rate = np.tile(week, turns)[minute_of_week : minute_of_week + minutes]
    rate *= _drift(rng, minutes, rng.uniform(*ranges.drift))
    rate += _spikes(rng, minutes, ranges)
    rate *= np.float32(mean / max(float(rate.mean()), 1e-6))
    relative = np.float32(_log_uniform(rng, *ranges.noise))
    noise = rng.standard_normal(minutes, dtype=np.float32)
    noise *= np.sqrt(rate + (relative * rate) ** 2)
    rate += noise
    np.rint(rate, out=rate)
    return np.maximum(rate, np.float32(0.0), out=rate)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _week_shape(rng: np.random.Generator, ranges: LoadRanges) -> FloatArray:
    """Return the level per minute of a week, positive, about one on average."""
    angle = np.arange(DAY, dtype=np.float32) * np.float32(2 * np.pi / DAY)
    peak = np.float32(rng.uniform(0, 2 * np.pi))
    amplitude = rng.uniform(*ranges.daily)
    second = amplitude * rng.uniform(*ranges.second)
    turn = np.float32(rng.uniform(0, 2 * np.pi))
    day = 1 + np.float32(amplitude) * np.cos(angle - peak)
    day += np.float32(second) * np.cos(2 * angle - turn)
    for _ in range(rng.integers(ranges.jobs_per_day[0], ranges.jobs_per_day[1] + 1)):
        start, length = int(rng.integers(0, DAY)), int(rng.integers(10, 41))
        day[np.arange(start, start + length) % DAY] += np.float32(rng.uniform(*ranges.job_height))
    week = np.tile(np.maximum(day, np.float32(0.05)), 7)
    week[5 * DAY :] *= np.float32(rng.uniform(*ranges.weekend))
    week[5 * DAY : 6 * DAY] *= np.float32(rng.uniform(0.95, 1.15))
    return week.astype(np.float32)


def _drift(rng: np.random.Generator, minutes: int, deviation: float) -> FloatArray:
    """Return a slowly wandering factor: an Ornstein-Uhlenbeck walk by the hour, interpolated."""
    walk = rng.standard_normal(minutes // 60 + 2)
    _wander(walk, np.exp(-1 / 48))
    levels: FloatArray = np.exp(deviation * walk).astype(np.float32)
    weight: FloatArray = np.arange(60, dtype=np.float32) / np.float32(60)
    blend: FloatArray = levels[:-1, None] + (levels[1:, None] - levels[:-1, None]) * weight
    return blend.reshape(-1)[:minutes]


@jit
def _wander(walk: NDArray[np.float64], keep: float) -> None:
    """Turn standard normal steps into a stationary walk of unit variance, in place."""
    step = np.sqrt(1 - keep**2)
    for hour in range(1, len(walk)):
        walk[hour] = keep * walk[hour - 1] + step * walk[hour]


def _spikes(rng: np.random.Generator, minutes: int, ranges: LoadRanges) -> FloatArray:
    """Return sudden rises that decay exponentially, relative to the mean level."""
    total = np.zeros(minutes, np.float32)
    count = rng.poisson(rng.uniform(*ranges.spikes_per_day) * minutes / DAY)
    starts = rng.integers(0, minutes, count)
    decays, heights = (
        np.exp(rng.uniform(np.log(low), np.log(high), count))
        for low, high in (ranges.spike_decay, ranges.spike_height)
    )
    _add_spikes(total, starts, decays, heights)
    return total


@jit
def _add_spikes(
    total: FloatArray,
    starts: NDArray[np.int64],
    decays: NDArray[np.float64],
    heights: NDArray[np.float64],
) -> None:
    for spike in range(len(starts)):
        value, factor = heights[spike], np.exp(-1 / decays[spike])
        stop = min(len(total), starts[spike] + int(6 * decays[spike]) + 1)
        for minute in range(starts[spike], stop):
            total[minute] += value
            value *= factor


def generate_sample_load(
    rng: np.random.Generator, minutes: int, minute_of_week: int, *, weekly: bool = True
) -> FloatArray:
    """Return the load of AWS's deleted sample (`LoadSimulator`), requests per minute.

    A daily sine between a floor and a ceiling, a slow wave of 2 to 5 days, multiplicative noise,
    and one spike at a time: instant start, log-normal width, linear decay.

    Args:
        rng: source of every random number.
        minutes: length of the series.
        minute_of_week: minutes since Monday 0:00 at its start.
        weekly: whether Saturday and Sunday are 20 % lower. The sample claims weekly variation and
            has none; switch it off for the original.
    """
    time = np.arange(minutes)
    low = rng.uniform(1000, 2000)
    high = low + rng.uniform(5000, 7000)
    average, amplitude = (high + low) / 2, (high - low) / 2
    rate = average + amplitude * np.sin(time / 720 * np.pi + rng.uniform(-np.pi, np.pi))
    period = rng.uniform(2, 5)
    slow = np.sin(time / 720 * np.pi / period + rng.uniform(-np.pi, np.pi))
    rate *= 1 + rng.uniform(0.1, 0.2) * slow
    if weekly:
        rate[(minute_of_week + time) % WEEK >= 5 * DAY] *= 0.8
    rate *= rng.normal(1.0, rng.uniform(0.01, 0.05), minutes)
    start = 0
    while True:
        start += int(rng.uniform(100, 1000))
        if start >= minutes:
            break
        width = 5 + rng.lognormal(3, 2)
        height = high * rng.uniform(0.1, 0.2)
        stop = min(minutes, start + int(width) + 1)
        rate[start:stop] += height * (1 - np.arange(stop - start) / width).clip(0)
        start = stop
    return np.clip(np.floor(rate), 0, 100_000).astype(np.float32)
