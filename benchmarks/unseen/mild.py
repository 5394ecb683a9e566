"""Load with smooth seasons and trends, and damage on it."""

import numpy as np
from numpy.random import Generator

from benchmarks.unseen.parts import (
    DAY,
    FloatArray,
    arrivals,
    autoregression,
    chance,
    counts,
    day_shape,
    family,
    local_clock,
    log_uniform,
    measured,
    office_hours,
    volume,
    zone,
)


@family("mild")
def web_daily_weekly(rng: Generator, n: int) -> FloatArray:
    """A web site with a smooth day and other weekends."""
    tod, dow, _ = local_clock(rng, n)
    rate = volume(rng) * day_shape(rng, tod) * np.where(dow >= 5, rng.uniform(0.4, 1.3), 1.0)
    return measured(rng, rate)


@family("mild")
def evening_streaming(rng: Generator, n: int) -> FloatArray:
    """Evenings of streaming, more on some days."""
    tod, dow, day = local_clock(rng, n)
    peak, width = rng.uniform(1140, 1320), rng.uniform(90, 200)
    gap = (tod - peak + DAY / 2) % DAY - DAY / 2
    evening = np.exp(-0.5 * (gap / width) ** 2)
    of_day = np.exp(rng.normal(0, 0.15, int(day.max()) + 2))[day]
    rate = 0.15 + evening * of_day * np.where(dow >= 4, rng.uniform(1.0, 1.5), 1.0)
    return measured(rng, volume(rng) * rate, 0.01, 0.05)


@family("mild")
def geographic_sum(rng: Generator, n: int) -> FloatArray:
    """The sum of several countries, each with its own day."""
    t = np.arange(n)
    rate = np.zeros(n)
    for _ in range(int(rng.integers(3, 9))):
        tod = (t + zone(rng)) % DAY
        rate += rng.gamma(1.0) * np.exp(rng.uniform(0.8, 1.8) * np.cos(2 * np.pi * tod / DAY))
    rate *= np.where((t // DAY) % 7 >= 5, rng.uniform(0.6, 1.1), 1.0)
    return measured(rng, volume(rng) * rate / rate.mean(), 0.01, 0.06)


@family("mild")
def seasonal_ar(rng: Generator, n: int) -> FloatArray:
    """A day with slow and fast autocorrelated noise."""
    tod, dow, _ = local_clock(rng, n)
    sd = rng.uniform(0.1, 0.45)
    noise = np.exp(
        autoregression(rng, n, log_uniform(rng, 10, 2000), sd)
        + autoregression(rng, n, log_uniform(rng, 1, 10), sd / 3)
    )
    weekend = np.where(dow >= 5, rng.uniform(0.5, 1.2), 1.0)
    return counts(rng, volume(rng) * day_shape(rng, tod, harmonics=3) * weekend * noise)


@family("mild")
def slow_trend(rng: Generator, n: int) -> FloatArray:
    """A day on load that grows or shrinks exponentially."""
    tod, _, _ = local_clock(rng, n)
    growth = rng.uniform(-1.6, 1.6) * np.arange(n) / n
    return measured(rng, volume(rng) * np.exp(growth) * day_shape(rng, tod, rng.uniform(0.1, 0.8)))


@family("mild")
def viral_growth(rng: Generator, n: int) -> FloatArray:
    """A product that is taken up by a logistic curve."""
    tod, _, _ = local_clock(rng, n)
    t = np.arange(n)
    middle = n - rng.uniform(-2, 12) * DAY
    pace = log_uniform(rng, 0.3, 3) * DAY
    adopted = 1 / (1 + np.exp(-np.clip((t - middle) / pace, -40, 40)))
    rate = 1 + log_uniform(rng, 2, 30) * adopted
    return measured(rng, volume(rng, 40, 4000) * rate * day_shape(rng, tod, rng.uniform(0.2, 0.8)))


@family("mild")
def api_b2b(rng: Generator, n: int) -> FloatArray:
    """Office hours with a dip at noon."""
    tod, dow, _ = local_clock(rng, n)
    rate = rng.uniform(0.02, 0.2) + office_hours(rng, tod, dow)
    dip = np.exp(-0.5 * ((tod - rng.uniform(700, 800)) / 30) ** 2)
    return measured(rng, volume(rng) * rate * (1 - rng.uniform(0, 0.4) * dip))


@family("mild")
def zero_hours(rng: Generator, n: int) -> FloatArray:
    """Minutes to hours of zeros in a web site."""
    x = web_daily_weekly(rng, n)
    for at in arrivals(rng, n, rng.uniform(1, 5) * DAY):
        x[int(at) : int(at) + int(log_uniform(rng, 5, 120))] = 0
    return x


@family("mild")
def dropped_minutes_held(rng: Generator, n: int) -> FloatArray:
    """Minutes lost in the recording, and the last value held."""
    x = seasonal_ar(rng, n) if chance(rng, 0.5) else web_daily_weekly(rng, n)
    lost = rng.random(n) < rng.uniform(0.05, 0.5)
    for at in arrivals(rng, n, rng.uniform(0.5, 4) * DAY):
        lost[int(at) : int(at) + int(log_uniform(rng, 5, 180))] = True
    lost[0] = False
    last = np.maximum.accumulate(np.where(lost, 0, np.arange(n)))
    return x[last]


@family("mild")
def monitoring_spikes(rng: Generator, n: int) -> FloatArray:
    """Single minutes many times too high."""
    x = web_daily_weekly(rng, n)
    for at in arrivals(rng, n, rng.uniform(0.3, 4) * DAY):
        x[int(at)] *= log_uniform(rng, 3, 40)
    return x


@family("mild")
def late_then_double(rng: Generator, n: int) -> FloatArray:
    """A collector that now and then reports nothing and then everything at once."""
    x = web_daily_weekly(rng, n)
    for at in arrivals(rng, n, rng.uniform(0.1, 1.0) * DAY):
        begin = int(at)
        end = min(begin + int(rng.integers(1, 8)), n - 1)
        x[end] += x[begin:end].sum()
        x[begin:end] = 0
    return x


@family("mild")
def long_ramps(rng: Generator, n: int) -> FloatArray:
    """Straight ramps between turning points of hours' distance."""
    gaps = np.cumsum(rng.gamma(2.0, rng.uniform(60, 400), 4 * n // 60))
    at = np.concatenate(([0.0], gaps[gaps < n], [float(n)]))
    level = np.exp(rng.normal(0, rng.uniform(0.3, 0.9), len(at)))
    return measured(rng, volume(rng) * np.interp(np.arange(n), at, level), 0.01, 0.05)
