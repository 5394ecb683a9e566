"""Shapes that families of load are made of: cycles, wandering levels, bursts, jobs.

Each returns a relative rate per minute, shape (minutes,), float64; `rng` is the source of every
random number.
"""

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.kernel import jit

FloatArray = NDArray[np.float64]

DAY, WEEK = 1440, 10080


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number between `low` and `high`, its logarithm uniformly distributed."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def weekly_cycle(
    rng: np.random.Generator, minutes: int, minute_of_week: int, amplitude: float
) -> FloatArray:
    """Return a cycle of days and weeks about one: up to five harmonics, quieter weekends.

    Args:
        rng: source of random numbers.
        minutes: length.
        minute_of_week: minutes since Monday 0:00 at its start.
        amplitude: of the first harmonic, in the logarithm.
    """
    angle = np.arange(DAY) * (2 * np.pi / DAY)
    day = amplitude * np.cos(angle - rng.uniform(0, 2 * np.pi))
    for harmonic in range(2, int(rng.integers(2, 7))):
        part = amplitude * rng.uniform(0, 0.5) / (harmonic - 1)
        day += part * np.cos(harmonic * angle - rng.uniform(0, 2 * np.pi))
    week = np.tile(day, 7)
    quiet = rng.uniform(0.3, 1.1) if rng.random() < 0.7 else 1.0
    scale = np.ones(7)
    scale[5:] = rng.uniform(0.5, 1.0)  # weekends are flatter, too
    levels = np.log(np.r_[rng.uniform(0.93, 1.07, 5), quiet * rng.uniform(0.9, 1.1, 2)])
    week = week * np.repeat(scale, DAY) + _smooth_steps(np.repeat(levels, DAY), 240)
    rate: FloatArray = np.exp(week[(minute_of_week + np.arange(minutes)) % WEEK])
    return rate


def _smooth_steps(values: FloatArray, width: int) -> FloatArray:
    """Return the circular moving mean over `width` minutes."""
    padded = np.concatenate((values[-width:], values))
    sums = np.cumsum(padded)
    return (sums[width:] - sums[:-width]) / width


def wandering(rng: np.random.Generator, minutes: int, deviation: float, time: float) -> FloatArray:
    """Return exp of an Ornstein-Uhlenbeck walk: `deviation` of the log, `time` in minutes."""
    walk = rng.standard_normal(minutes)
    autoregression(walk, float(np.exp(-1.0 / time)))
    rate: FloatArray = np.exp(deviation * walk)
    return rate


@jit
def autoregression(walk: FloatArray, keep: float) -> None:
    """Turn standard normal steps into a stationary walk of unit variance, in place."""
    step = np.sqrt(1 - keep**2)
    for minute in range(1, len(walk)):
        walk[minute] = keep * walk[minute - 1] + step * walk[minute]


def level_shifts(
    rng: np.random.Generator, minutes: int, per_day: float, spread: float
) -> FloatArray:
    """Return levels that jump, or slide within hours, to new ones."""
    count = int(rng.poisson(per_day * minutes / DAY))
    log = np.zeros(minutes)
    for start in rng.integers(0, minutes, count):
        jump = rng.normal(0, spread)
        slide = int(log_uniform(rng, 1, 600))
        log[start:] += jump * np.minimum(np.arange(1, minutes - start + 1) / slide, 1.0)
        log[start:] *= np.exp(-np.arange(minutes - start) / (3 * DAY)) * 0.5 + 0.5
    rate: FloatArray = np.exp(np.clip(log, -2.5, 2.5))
    return rate


def bursts(rng: np.random.Generator, minutes: int) -> FloatArray:
    """Return sudden rises of heavy-tailed height over zero, some in clusters; decays vary."""
    starts = np.sort(
        rng.integers(0, minutes, rng.poisson(log_uniform(rng, 0.5, 50) * minutes / DAY))
    )
    if rng.random() < 0.4 and len(starts):  # clusters: some bursts bring others soon after
        followers = np.repeat(starts, rng.poisson(rng.uniform(0.2, 1.5), len(starts)))
        late = followers + rng.exponential(log_uniform(rng, 10, 300), len(followers)).astype(int)
        starts = np.concatenate((starts, late[late < minutes]))
    shape, least = rng.uniform(1.1, 3.0), log_uniform(rng, 0.03, 0.6)
    heights = np.minimum(least * (1 - rng.random(len(starts))) ** (-1 / shape), 40.0)
    typical = log_uniform(rng, 2, 120)
    decays = typical * np.exp(rng.normal(0, 0.7, len(starts)))
    slow_rises = log_uniform(rng, 3, 60) * np.exp(rng.normal(0, 0.5, len(starts)))
    rises = np.where(rng.random(len(starts)) < rng.random(), 1.0, np.minimum(slow_rises, 120.0))
    total = np.zeros(minutes)
    add_bursts(total, starts.astype(np.int64), heights, rises, decays, rng.random() < 0.3)
    return total


@jit
def add_bursts(
    total: FloatArray,
    starts: NDArray[np.int64],
    heights: FloatArray,
    rises: FloatArray,
    decays: FloatArray,
    slow: bool,
) -> None:
    """Add bursts that rise linearly and fall exponentially, or by a power law if `slow`."""
    for burst in range(len(starts)):
        length = int(rises[burst] + 8 * decays[burst] * (4.0 if slow else 1.0)) + 1
        for age in range(min(length, len(total) - starts[burst])):
            if age < rises[burst] - 1:
                share = (age + 1) / rises[burst]
            elif slow:
                share = (1 + (age - rises[burst] + 1) / decays[burst]) ** -1.5
            else:
                share = np.exp(-(age - rises[burst] + 1) / decays[burst])
            total[starts[burst] + age] += heights[burst] * share


def clients(rng: np.random.Generator, minutes: int, minute_of_week: int) -> FloatArray:
    """Return the sum of few clients of very different size, each with its own ups and downs."""
    count = int(rng.integers(4, 40))
    weights = np.exp(rng.normal(0, rng.uniform(0.7, 1.8), count))
    total = np.zeros(minutes)
    time, deviation = log_uniform(rng, 20, 1500), rng.uniform(0.2, 1.0)
    for weight in weights:
        rate = wandering(rng, minutes, deviation, time * np.exp(rng.normal(0, 0.5)))
        if rng.random() < 0.5:
            rate *= weekly_cycle(rng, minutes, minute_of_week, rng.uniform(0, 0.8))
        if rng.random() < 0.3:
            rate *= telegraph(rng, minutes, log_uniform(rng, 20, 2000), rng.uniform(0.3, 0.9))
        total += weight * rate
    return total


def telegraph(rng: np.random.Generator, minutes: int, time: float, share: float) -> FloatArray:
    """Return ones and zeros: on for `share` of the time, changing every `time` minutes or so."""
    on = np.zeros(minutes)
    minute, state = 0, rng.random() < share
    while minute < minutes:
        length = int(rng.exponential(2 * time * (share if state else 1 - share))) + 1
        on[minute : minute + length] = state
        minute, state = minute + length, not state
    return on


def jobs(rng: np.random.Generator, minutes: int, minute_of_day: int) -> FloatArray:
    """Return jobs that start at fixed times of the day, or every so many minutes."""
    total = np.zeros(minutes)
    for _ in range(int(rng.integers(1, 7))):
        period = int(rng.choice([DAY, DAY, DAY, 360, 60, 60, 30]))
        length = int(min(log_uniform(rng, 2, 90), period * 0.7)) + 1
        height, jitter = log_uniform(rng, 0.05, 1.2), rng.choice([0.0, 1.0, 5.0])
        phase = int(rng.integers(0, period)) if rng.random() < 0.6 else 0
        begin = -((minute_of_day - phase) % period)
        for start in range(begin, minutes, period):
            at = start + round(float(rng.normal(0, jitter)))
            low, high = max(at, 0), min(at + length, minutes)
            if low < high:
                total[low:high] += height * np.exp(rng.normal(0, 0.1))
    return total


def fractal(rng: np.random.Generator, minutes: int) -> FloatArray:
    """Return exp of fractional Gaussian noise, made in the frequency domain."""
    size = 1 << int(np.ceil(np.log2(minutes)))
    frequency = np.fft.rfftfreq(size)[1:]
    power = frequency ** (-(2 * rng.uniform(0.7, 0.98) - 1) / 2)
    phases = rng.standard_normal((2, len(frequency)))
    spectrum = np.r_[0.0, power * (phases[0] + 1j * phases[1])]
    noise = np.fft.irfft(spectrum, size)[:minutes]
    rate: FloatArray = np.exp(rng.uniform(0.1, 0.5) * noise / noise.std())
    return rate


def flash_crowds(rng: np.random.Generator, minutes: int) -> FloatArray:
    """Return crowds that gather along a logistic curve and leave slowly."""
    total = np.zeros(minutes)
    time = np.arange(minutes)
    for start in rng.integers(0, minutes, rng.poisson(rng.uniform(0.2, 2.0) * minutes / DAY)):
        rise, fall = log_uniform(rng, 4, 40), log_uniform(rng, 30, 400)
        gather = 1 / (1 + np.exp(-np.clip((time - start) / rise * 4, -40, 40)))
        total += log_uniform(rng, 0.2, 4.0) * gather * np.exp(-np.maximum(time - start, 0) / fall)
    return total


def sessions(rng: np.random.Generator, minutes: int, arrivals: FloatArray) -> FloatArray:
    """Return sessions present (M/G/infinity): Poisson arrivals, Pareto-distributed lengths."""
    per_minute = log_uniform(rng, 0.3, 20)
    counts = rng.poisson(per_minute * arrivals)
    starts = np.repeat(np.arange(minutes), counts)
    shape, least = rng.uniform(1.2, 2.2), log_uniform(rng, 2, 20)
    lengths = np.minimum(least * (1 - rng.random(len(starts))) ** (-1 / shape), minutes)
    ends = np.minimum(starts + lengths.astype(np.int64) + 1, minutes)
    change = np.zeros(minutes + 1)
    np.add.at(change, starts, 1.0)
    np.add.at(change, ends, -1.0)
    return np.cumsum(change)[:minutes]
