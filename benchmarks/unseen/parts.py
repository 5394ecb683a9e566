"""What families of load are made of."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Family = Callable[[Generator, int], FloatArray]

DAY, WEEK = 1440, 10080
KINDS = ("mild", "clock", "broken", "none")
# By kind and name.
FAMILIES: dict[str, dict[str, Family]] = {kind: {} for kind in KINDS}


def family(kind: str) -> Callable[[Family], Family]:
    """Return a decorator that makes a function a family of a kind.

    It takes a generator and a number of minutes, draws its parameters, and returns requests per
    minute, finite and not negative. Minute 0 is a Monday, 0:00 UTC; the last seven days are those
    that are judged, so what breaks mostly breaks there, or in the days before.
    """

    def note(function: Family) -> Family:
        FAMILIES[kind][function.__name__] = function
        return function

    return note


def log_uniform(rng: Generator, low: float, high: float) -> float:
    """Return a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def chance(rng: Generator, probability: float) -> bool:
    """Return True with a probability."""
    return bool(rng.random() < probability)


def zone(rng: Generator) -> int:
    """Return the minutes that some country's clock is ahead of UTC."""
    return int(rng.integers(-11, 13)) * 60


def local_clock(rng: Generator, n: int) -> tuple[IntArray, IntArray, IntArray]:
    """Return minute of the day, day of the week and number of the day on some country's clock."""
    ahead = zone(rng) + (30 if chance(rng, 0.1) else 0)
    t = np.arange(n) + ahead + WEEK
    return t % DAY, (t // DAY) % 7, t // DAY


def autoregression(rng: Generator, n: int, minutes: float, deviation: float) -> FloatArray:
    """Return a stationary autoregression of first order that forgets in so many minutes."""
    keep = float(np.exp(-1.0 / minutes))
    shocks = (rng.standard_normal(n) * deviation * np.sqrt(1 - keep * keep)).tolist()
    x, out = float(rng.standard_normal() * deviation), []
    for shock in shocks:
        x = keep * x + shock
        out.append(x)
    return np.array(out)


def fractional_noise(rng: Generator, n: int, hurst: float) -> FloatArray:
    """Return fractional Gaussian noise of variance 1.

    By circulant embedding (Davies and Harte, Tests for Hurst effect, Biometrika 74, 1987).
    """
    m = 1 << int(np.ceil(np.log2(2 * n)))
    k = np.minimum(np.arange(m), m - np.arange(m)).astype(float)
    h = 2 * hurst
    covariance = 0.5 * (np.abs(k + 1) ** h - 2 * k**h + np.abs(k - 1) ** h)
    eigenvalues = np.maximum(np.fft.rfft(covariance).real, 0)
    spectrum = np.fft.rfft(rng.standard_normal(m)) * np.sqrt(eigenvalues)
    noise: FloatArray = np.fft.irfft(spectrum, m)[:n]
    return noise


def day_shape(
    rng: Generator, minute: IntArray, contrast: float | None = None, harmonics: int = 2
) -> FloatArray:
    """Return a smooth shape of a day with mean 1; contrast: about the log of peak over mean."""
    contrast = rng.uniform(0.3, 1.2) if contrast is None else contrast
    phase = rng.uniform(0, 2 * np.pi)
    log = np.zeros(len(minute))
    for k in range(1, harmonics + 1):
        weight = contrast if k == 1 else contrast * rng.uniform(0.1, 0.5) / (k - 1)
        log += weight * np.cos(2 * np.pi * k * minute / DAY - phase - rng.uniform(-1, 1) * (k > 1))
    out = np.exp(log)
    scaled: FloatArray = out / out.mean()
    return scaled


def ramps(minute: IntArray, begin: float, end: float, edge: float) -> FloatArray:
    """Return 1 from `begin` to `end` of the day, with edges of `edge` minutes, else 0."""
    edge = max(edge, 0.5)
    inside: FloatArray = np.clip((minute - begin) / edge, 0, 1)
    inside = inside * np.clip((end - minute) / edge, 0, 1)
    return inside


def office_hours(rng: Generator, minute: IntArray, day: IntArray) -> FloatArray:
    """Return 1 while people work, with edges, and little at weekends."""
    begin, end = rng.uniform(420, 570), rng.uniform(960, 1140)
    weekend = rng.choice([0.0, 0.1, 0.3])
    return ramps(minute, begin, end, rng.uniform(10, 90)) * np.where(day < 5, 1.0, weekend)


def wobble(rng: Generator, n: int, low: float = 0.02, high: float = 0.12) -> FloatArray:
    """Return autocorrelated factors around 1."""
    deviation = log_uniform(rng, low, high)
    log = autoregression(rng, n, log_uniform(rng, 3, 240), deviation)
    factors: FloatArray = np.exp(log - deviation * deviation / 2)
    return factors


def counts(rng: Generator, rate: ArrayLike) -> FloatArray:
    """Return Poisson counts."""
    return rng.poisson(np.clip(rate, 0, 1e12)).astype(float)


def measured(rng: Generator, rate: FloatArray, low: float = 0.02, high: float = 0.12) -> FloatArray:
    """Return what a meter shows of a rate, with wobble and counting noise."""
    return counts(rng, np.maximum(rate, 0) * wobble(rng, len(rate), low, high))


def volume(rng: Generator, low: float = 40, high: float = 40000) -> float:
    """Return requests per minute."""
    return log_uniform(rng, low, high)


def arrivals(rng: Generator, n: int, mean_gap: float) -> FloatArray:
    """Return Poisson times within n minutes, ascending."""
    number = rng.poisson(n / mean_gap)
    return np.sort(rng.uniform(0, n, number))


def pulse(
    x: FloatArray, at: float, height: float, rise: float = 1.0, hold: float = 0.0, decay: float = 10
) -> None:
    """Add a pulse: a linear rise, a plateau, an exponential decay (0: an abrupt end)."""
    start = round(at)
    length = int(rise + hold + 8 * decay) + 2
    begin, end = max(start, 0), min(start + length, len(x))
    if begin >= end:
        return
    since = np.arange(begin - start, end - start, dtype=float)
    up = np.clip((since + 1) / max(rise, 1.0), 0, 1)
    late = np.maximum(since - rise - hold, 0)
    down = np.exp(-late / decay) if decay > 0 else (since < rise + hold).astype(float)
    x[begin:end] += height * up * down


def plateau(x: FloatArray, begin: float, end: float, height: float) -> None:
    """Add a level for some minutes."""
    first, last = max(round(begin), 0), min(round(end), len(x))
    if first < last:
        x[first:last] += height


def bump(minute: IntArray, centre: float, width: float) -> FloatArray:
    """Return a bell around a minute of the day, round the clock."""
    apart = (minute - centre + DAY / 2) % DAY - DAY / 2
    bell: FloatArray = np.exp(-0.5 * (apart / width) ** 2)
    return bell


def by_day(rng: Generator, number: IntArray, deviation: float) -> FloatArray:
    """Return a factor around 1 for each day."""
    factors: FloatArray = np.exp(deviation * rng.standard_normal(int(number.max()) + 1))[number]
    return factors
