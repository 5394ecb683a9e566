"""Load whose clock shifts, stops, begins, or cannot be relied upon."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from benchmarks.unseen.clock import daily_flash_sale, market_open, school_lessons, shift_change
from benchmarks.unseen.parts import (
    DAY,
    WEEK,
    FloatArray,
    IntArray,
    arrivals,
    chance,
    counts,
    day_shape,
    family,
    local_clock,
    log_uniform,
    measured,
    pulse,
    volume,
    zone,
)


class Plan(NamedTuple):
    """Pulses at minutes of the day.

    Attributes:
        times: minutes of the day.
        heights: of each.
        hold: minutes that they last.
        decay: minutes in which they fade.
    """

    times: IntArray
    heights: FloatArray
    hold: float
    decay: float


def _scheduled(
    rng: Generator, n: int, plan: Plan, days: Callable[[int], bool], *, later: int = 0
) -> FloatArray:
    """Return 1 with the pulses of a plan, `later` minutes later, on the days that are asked for."""
    x = np.full(n, 1.0)
    for day in range(n // DAY + 1):
        if days(day):
            for at, height in zip(plan.times + later, plan.heights, strict=True):
                scaled = height * rng.uniform(0.8, 1.2)
                pulse(x, day * DAY + at, scaled, 1, plan.hold, plan.decay)
    return x


def _plan(rng: Generator) -> Plan:
    number = int(rng.integers(1, 5))
    times = rng.choice(48, number, replace=False) * 30
    heights = rng.uniform(1, 8, number)
    return Plan(times, heights, log_uniform(rng, 3, 90), float(rng.choice([0, 5, 20, 40])))


@family("broken")
def holiday(rng: Generator, n: int) -> FloatArray:
    """Office load with jumps; one to three days of the last week are holidays."""
    tod, dow, day = local_clock(rng, n)
    begin, end = rng.integers(14, 20) * 30, rng.integers(32, 38) * 30
    at_work = (tod >= begin) & (tod < end) & (dow < 5)
    away = int(day.max()) - int(rng.integers(2, 7))
    off = (day >= away) & (day < away + int(rng.integers(1, 4)))
    lunch = rng.uniform(0, 3) * (np.abs(tod - rng.integers(22, 27) * 30) < 20)
    x = rng.uniform(0.05, 0.3) + at_work * (1 + lunch) * np.where(off, rng.uniform(0, 0.2), 1.0)
    return measured(rng, volume(rng) * x)


@family("broken")
def daylight_saving(rng: Generator, n: int) -> FloatArray:
    """Everything moves by an hour on a day within the last week or just before it."""
    t = np.arange(n)
    change = n - int(rng.uniform(0.5, 9) * DAY)
    t = np.where(t >= change, t + int(rng.choice([-60, 60])), t) + WEEK + zone(rng)
    tod, dow = t % DAY, (t // DAY) % 7
    begin, end, decay = (
        rng.integers(12, 20) * 30,
        rng.integers(32, 44) * 30,
        log_uniform(rng, 5, 60),
    )
    x = rng.uniform(0.1, 0.5) + ((tod >= begin) & (tod < end)) * np.where(dow < 5, 1.0, 0.4)
    x = x + rng.uniform(1, 6) * np.exp(-((tod - begin) % DAY) / decay)
    return measured(rng, volume(rng) * x)


@family("broken")
def schedule_moved(rng: Generator, n: int) -> FloatArray:
    """Pulses whose times move by minutes to hours."""
    plan = _plan(rng)
    move = n - int(rng.uniform(0.5, 10) * DAY)
    shift = int(rng.choice([-1, 1]) * log_uniform(rng, 10, 600))
    before = _scheduled(rng, n, plan, lambda day: True)
    after = _scheduled(rng, n, plan, lambda day: True, later=shift)
    tod, _, _ = local_clock(rng, n)
    x = np.where(np.arange(n) < move, before, after)
    return measured(rng, volume(rng) * x * day_shape(rng, tod, rng.uniform(0, 0.4)))


@family("broken")
def schedule_stopped(rng: Generator, n: int) -> FloatArray:
    """Pulses that cease, and maybe come again."""
    plan = _plan(rng)
    stop = n // DAY - int(rng.integers(0, 9))
    again = stop + int(rng.integers(2, 6)) if chance(rng, 0.4) else n
    x = _scheduled(rng, n, plan, lambda day: not stop <= day < again)
    tod, _, _ = local_clock(rng, n)
    return measured(rng, volume(rng) * x * day_shape(rng, tod, rng.uniform(0, 0.6)))


@family("broken")
def schedule_started(rng: Generator, n: int) -> FloatArray:
    """Pulses that begin days before the window or in it."""
    plan = _plan(rng)
    begin = n // DAY - int(rng.integers(2, 10))
    x = _scheduled(rng, n, plan, lambda day: day >= begin)
    tod, _, _ = local_clock(rng, n)
    return measured(rng, volume(rng) * x * day_shape(rng, tod, rng.uniform(0, 0.6)))


@family("broken")
def jittered_clock(rng: Generator, n: int) -> FloatArray:
    """Every day about the same time, give or take minutes to an hour."""
    tod, _, _ = local_clock(rng, n)
    x = day_shape(rng, tod, rng.uniform(0.1, 0.7))
    plan = _plan(rng)
    jitter = log_uniform(rng, 3, 60)
    for day in range(n // DAY + 1):
        for at, height in zip(plan.times, plan.heights, strict=True):
            late = jitter * (rng.standard_normal() if chance(rng, 0.8) else rng.exponential(2))
            pulse(
                x, day * DAY + at + late, height * rng.uniform(0.6, 1.5), 1, plan.hold, plan.decay
            )
    return measured(rng, volume(rng) * x)


@family("broken")
def unreliable_clock(rng: Generator, n: int) -> FloatArray:
    """The time is exact, but on many days nothing comes."""
    tod, _, _ = local_clock(rng, n)
    plan = _plan(rng)
    misses, weekdays = rng.uniform(0.2, 0.7), chance(rng, 0.5)
    comes = rng.random(n // DAY + 2) >= misses
    x = _scheduled(
        rng,
        n,
        plan,
        lambda day: comes[day] and not (weekdays and day % 7 >= 5),
    )
    return measured(rng, volume(rng) * x * day_shape(rng, tod, rng.uniform(0, 0.6)))


@family("broken")
def every_nth_day(rng: Generator, n: int) -> FloatArray:
    """Pulses on every second, third, ... tenth day."""
    plan = _plan(rng)
    nth = int(rng.choice([2, 3, 4, 5, 10]))
    lag = int(rng.integers(0, nth))
    x = _scheduled(rng, n, plan, lambda day: day % nth == lag)
    tod, _, _ = local_clock(rng, n)
    return measured(rng, volume(rng) * x * day_shape(rng, tod, rng.uniform(0, 0.6)))


@family("broken")
def sleep_loop(rng: Generator, n: int) -> FloatArray:
    """A job that sleeps for a fixed time after each run, so that its time of day creeps."""
    tod, _, _ = local_clock(rng, n)
    x = day_shape(rng, tod, rng.uniform(0, 0.5))
    sleep = float(rng.choice([30, 60, 120, 240, 720, 1440]))
    hold, size, spread = log_uniform(rng, 1, sleep / 5), rng.uniform(1, 8), rng.uniform(0.02, 0.4)
    at = rng.uniform(0, sleep)
    while at < n:
        run = hold * np.exp(rng.normal(0, spread))
        pulse(x, at, size, 1, run, 0)
        at += run + sleep
    return measured(rng, volume(rng) * x)


@family("broken")
def sales_week(rng: Generator, n: int) -> FloatArray:
    """A season's sale multiplies load within the last week; doors open at a full hour."""
    tod, dow, _ = local_clock(rng, n)
    x = day_shape(rng, tod) * np.where(dow >= 5, rng.uniform(0.9, 1.4), 1.0)
    begin = n - int(rng.uniform(1, 7) * 24) * 60
    end = begin + int(rng.uniform(0.3, 4) * DAY)
    t = np.arange(n)
    high = (t >= begin) & (t < end)
    rush = log_uniform(rng, 1, 8) * np.exp(-np.maximum(t - begin, 0) / log_uniform(rng, 20, 240))
    return measured(rng, volume(rng) * x * np.where(high, rng.uniform(1.5, 4) + rush, 1.0))


@family("broken")
def vacation_begins(rng: Generator, n: int) -> FloatArray:
    """Lessons until some day, then holidays; or the other way round."""
    lessons = school_lessons(rng, n)
    tod, _, _ = local_clock(rng, n)
    quiet = counts(rng, np.median(lessons) * rng.uniform(0.5, 1.5) * day_shape(rng, tod) + 1)
    change = n - int(rng.uniform(0, 9)) * DAY
    first = (quiet, lessons) if chance(rng, 0.35) else (lessons, quiet)
    return np.where(np.arange(n) < change, *first)


@family("broken")
def clocked_with_outage(rng: Generator, n: int) -> FloatArray:
    """Clocked load; outages hold requests back, and they come when the outage ends."""
    x = (market_open, daily_flash_sale, shift_change)[int(rng.integers(3))](rng, n)
    for at in np.append(arrivals(rng, n, 8 * DAY), n - rng.uniform(0.2, 6.5) * DAY):
        begin, lost = int(at), rng.uniform(0.2, 0.8)
        end = min(begin + int(log_uniform(rng, 10, 180)), n)
        held = x[begin:end].sum() * (1 - lost)
        x[begin:end] *= rng.uniform(0, 0.1)
        decay = log_uniform(rng, 3, 60)
        pulse(x, end, held / (decay + 1), 1, 0, decay)
    return np.floor(x)


@family("broken")
def swapped_weekdays(rng: Generator, n: int) -> FloatArray:
    """Working days and days off change places in the last week."""
    t = np.arange(n)
    tod, dow, _ = local_clock(rng, n)
    order = rng.permutation(7)
    dow = np.where(t >= n - WEEK, order[dow], dow)
    begin, end = rng.integers(12, 20) * 30, rng.integers(30, 40) * 30
    at_work = (tod >= begin) & (tod < end) & (dow < 5)
    burst = rng.uniform(0, 5) * np.exp(-np.maximum(tod - begin, 0) / log_uniform(rng, 5, 40))
    return measured(rng, volume(rng) * (rng.uniform(0.05, 0.4) + at_work * (1 + burst)))
