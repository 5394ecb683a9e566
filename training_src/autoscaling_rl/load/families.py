"""Families of generated load: what trains a policy, what choices are made on, what only tests.

Training needs loads of every kind that a policy may meet; the figures are only honest if some
kinds were never met. `TRAINING`, `VALIDATION` and `TEST` are kept apart (docs/validation.md).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.load import shapes
from autoscaling_rl.load.generator import generate_load
from autoscaling_rl.load.shapes import DAY, log_uniform

FloatArray = NDArray[np.float64]
Family = Callable[[np.random.Generator, int, int], FloatArray]
"""Makes a relative rate from a generator, a length, and the minute of the week of its start."""

INTERVALS = (1, 1, 1, 5, 5, 5, 5, 10, 15, 30)  # minutes that a recording counts together
WARM_UP_DAYS = 1  # of a series that are thrown away: sessions and bursts begin empty


@dataclass(frozen=True)
class Recording:
    """What measuring makes of a rate.

    Attributes:
        requests_per_minute: mean; counts scatter about the rate.
        scatter: standard deviation of the log of a further factor, drawn anew each interval.
        outliers: share of intervals that hold many times as much, by a heavy-tailed factor.
        interval: minutes counted together.
        hold: whether a coarse interval's rate is repeated, instead of interpolated.
        damage: whether outages, lost minutes and jumps of the level occur.
    """

    requests_per_minute: float
    scatter: float = 0.0
    outliers: float = 0.0
    interval: int = 1
    hold: bool = False
    damage: bool = False

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Recording":
        """Return one of the many ways to record."""
        return cls(
            log_uniform(rng, 4, 100_000),
            log_uniform(rng, 0.003, 0.5) if rng.random() < 0.5 else 0.0,
            log_uniform(rng, 3e-4, 0.03) if rng.random() < 0.2 else 0.0,
            int(rng.choice(INTERVALS)),
            bool(rng.random() < 0.25),
            bool(rng.random() < 0.15),
        )


def _cycle(rng: np.random.Generator, minutes: int, start: int, most: float = 1.0) -> FloatArray:
    return shapes.weekly_cycle(rng, minutes, start, rng.uniform(0.05, most))


def seasonal(rng: np.random.Generator, minutes: int, start: int) -> FloatArray:
    """Smooth days and weeks that drift slowly."""
    rate = _cycle(rng, minutes, start)
    rate *= shapes.wandering(rng, minutes, log_uniform(rng, 0.01, 0.2), log_uniform(rng, 300, 5000))
    rate *= shapes.wandering(rng, minutes, log_uniform(rng, 0.003, 0.05), log_uniform(rng, 5, 90))
    return rate


def noisy(rng: np.random.Generator, minutes: int, start: int) -> FloatArray:
    """Days and weeks under strong short-lived noise."""
    rate = _cycle(rng, minutes, start, 1.2)
    rate *= shapes.wandering(rng, minutes, rng.uniform(0.05, 0.4), log_uniform(rng, 1, 120))
    return rate


def bursty(rng: np.random.Generator, minutes: int, start: int) -> FloatArray:
    """Bursts of heavy-tailed height over a weak cycle."""
    base = _cycle(rng, minutes, start, 0.7)
    base *= shapes.wandering(rng, minutes, rng.uniform(0.02, 0.3), log_uniform(rng, 10, 1000))
    burst = shapes.bursts(rng, minutes)
    if rng.random() < 0.5:
        burst *= base  # bursts follow the time of day
    return base + burst


def clients(rng: np.random.Generator, minutes: int, start: int) -> FloatArray:
    """A few clients of very different size."""
    return shapes.clients(rng, minutes, start)


def jobs(rng: np.random.Generator, minutes: int, start: int) -> FloatArray:
    """Jobs at fixed times over a cycle."""
    rate = _cycle(rng, minutes, start, 0.7)
    rate *= shapes.wandering(rng, minutes, log_uniform(rng, 0.01, 0.15), log_uniform(rng, 30, 3000))
    return rate + shapes.jobs(rng, minutes, start % DAY)


def steps(rng: np.random.Generator, minutes: int, start: int) -> FloatArray:
    """Levels that jump or slide."""
    rate = _cycle(rng, minutes, start, 0.6)
    rate *= shapes.level_shifts(rng, minutes, log_uniform(rng, 0.3, 8), rng.uniform(0.1, 0.6))
    return rate * shapes.wandering(rng, minutes, rng.uniform(0.01, 0.15), log_uniform(rng, 5, 300))


def environment(rng: np.random.Generator, minutes: int, start: int) -> FloatArray:
    """The load that AutoScaling-v0 generates."""
    return generate_load(rng, minutes, start % shapes.WEEK, 5000.0).astype(np.float64)


def mixed(rng: np.random.Generator, minutes: int, start: int) -> FloatArray:
    """The sum of two other families."""
    chosen = rng.choice(np.array([0, 1, 2, 3, 4, 5]), 2, replace=False)
    share = rng.uniform(0.2, 0.8)
    first, second = (list(TRAINING.values())[place](rng, minutes, start) for place in chosen)
    total: FloatArray = share * first / first.mean() + (1 - share) * second / second.mean()
    return total


def fractal(rng: np.random.Generator, minutes: int, start: int) -> FloatArray:
    """Self-similar noise on a cycle."""
    return shapes.fractal(rng, minutes) * _cycle(rng, minutes, start, 0.8)


def flash(rng: np.random.Generator, minutes: int, start: int) -> FloatArray:
    """Flash crowds over a smooth cycle."""
    rate = _cycle(rng, minutes, start, 0.8) * shapes.wandering(rng, minutes, 0.05, 600)
    return rate + shapes.flash_crowds(rng, minutes)


def sessions(rng: np.random.Generator, minutes: int, start: int) -> FloatArray:
    """Sessions of heavy-tailed length that arrive by a cycle."""
    return shapes.sessions(rng, minutes, _cycle(rng, minutes, start))


def regimes(rng: np.random.Generator, minutes: int, start: int) -> FloatArray:
    """Two ways to live, each with its own cycle, that take turns for hours or days."""
    on = shapes.telegraph(rng, minutes, log_uniform(rng, 200, 4000), rng.uniform(0.3, 0.7))
    quiet, lively = (_cycle(rng, minutes, start) for _ in range(2))
    lively *= shapes.wandering(rng, minutes, rng.uniform(0.1, 0.5), log_uniform(rng, 3, 60))
    return quiet * (1 - on) + rng.uniform(0.5, 3.0) * lively * on


TRAINING: dict[str, Family] = {
    "seasonal": seasonal,
    "noisy": noisy,
    "bursty": bursty,
    "clients": clients,
    "jobs": jobs,
    "steps": steps,
    "environment": environment,
    "mixed": mixed,
}
VALIDATION: dict[str, Family] = {"fractal": fractal, "flash": flash}
TEST: dict[str, Family] = {"sessions": sessions, "regimes": regimes}


def generate(
    family: Family, recording: Recording, rng: np.random.Generator, minutes: int, start: int
) -> FloatArray:
    """Return requests per minute, shape (minutes,), as a load file of that recording would hold.

    Args:
        family: what makes the rate.
        recording: what measuring makes of it.
        rng: source of every random number.
        minutes: length of the series, a multiple of the interval.
        start: minute of the week at its start, a multiple of the interval.
    """
    lead = WARM_UP_DAYS * DAY
    rate: FloatArray = family(rng, lead + minutes, (start - lead) % shapes.WEEK)[lead:]
    rate = np.maximum(rate, 0.0) * (recording.requests_per_minute / max(rate.mean(), 1e-9))
    counted = rate.reshape(-1, recording.interval).sum(axis=1)
    if recording.scatter > 0:
        counted = counted * np.exp(recording.scatter * rng.standard_normal(len(counted)))
    if recording.outliers > 0:
        powers = -1 / rng.uniform(1.1, 3.0)
        heights = np.minimum((1 - rng.random(len(counted))) ** powers, 60.0)
        counted = np.where(rng.random(len(counted)) < recording.outliers, heights, 1.0) * counted
    counts = rng.poisson(np.minimum(counted, 1e12)).astype(np.float64)
    if recording.damage:
        _damage(rng, counts)
    rates = counts / recording.interval
    if recording.hold or recording.interval == 1:
        return np.repeat(rates, recording.interval)
    middles = (np.arange(len(rates)) + 0.5) * recording.interval
    return np.asarray(np.interp(np.arange(minutes) + 0.5, middles, rates), np.float64)


def _damage(rng: np.random.Generator, counts: FloatArray) -> None:
    """Put outages, lost stretches (interpolated) and a jump of the level into counts, in place."""
    length = len(counts)
    for start in rng.integers(0, length, int(rng.integers(0, 8))):
        stop = min(length, start + int(log_uniform(rng, 1, max(2, length // 100))))
        if rng.random() < 0.5:
            counts[start:stop] = 0.0
        else:
            counts[start:stop] = np.linspace(counts[start], counts[stop - 1], stop - start)
    if rng.random() < 0.5:
        counts[int(rng.integers(0, length)) :] *= log_uniform(rng, 0.3, 3.0)
