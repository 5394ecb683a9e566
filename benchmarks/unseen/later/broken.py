"""Patterns of the clock that shift, stop, begin, fail or change."""

import numpy as np
from numpy.random import Generator

from benchmarks.unseen.parts import (
    DAY,
    WEEK,
    FloatArray,
    chance,
    day_shape,
    family,
    local_clock,
    log_uniform,
    measured,
    office_hours,
    plateau,
    pulse,
    ramps,
    volume,
    wobble,
)


def break_time(rng: Generator, n: int) -> float:
    """Return when it breaks: mostly within the last seven days, else in the days before."""
    if chance(rng, 0.75):
        return float(rng.uniform(n - WEEK, n - DAY))
    return float(rng.uniform(n - WEEK - 3 * DAY, n - WEEK))


def since(n: int, moment: float, lag: float) -> FloatArray:
    """Return 0 before a moment, then a way to 1 of some minutes."""
    later = np.maximum(np.arange(n) - moment, 0)
    share: FloatArray = 1 - np.exp(-later / max(lag, 0.1))
    return share


def train(rng: Generator, n: int, period: float, width: float, decay: bool) -> FloatArray:
    """Return pulses of height 1 at a period, rectangular or decaying."""
    age = (np.arange(n) + rng.uniform(0, period)) % period
    width = max(width, 1.0)
    shape: FloatArray = np.exp(-age / width) if decay else (age < width).astype(float)
    return shape


def region(rng: Generator, n: int) -> FloatArray:
    """Return one region's days with its jobs, mean 1."""
    minute, day, _ = local_clock(rng, n)
    x = day_shape(rng, minute) * np.where(day < 5, 1.0, rng.uniform(0.4, 1.3))
    period = float(rng.choice([15, 30, 60, 120, 360, DAY]))
    x += log_uniform(rng, 0.1, 4) * train(
        rng, n, period, rng.uniform(1, period / 6), chance(rng, 0.5)
    )
    mean: FloatArray = x / x.mean()
    return mean


@family("broken")
def region_failover(rng: Generator, n: int) -> FloatArray:
    """Another region fails: its days and jobs come here within minutes and leave later."""
    here, there = region(rng, n), log_uniform(rng, 0.2, 5) * region(rng, n)
    moment, lag = break_time(rng, n), log_uniform(rng, 0.5, 30)
    back = moment + log_uniform(rng, 60, 5 * DAY)
    moved = since(n, moment, lag) - since(n, back, log_uniform(rng, 1, 120)) * chance(rng, 0.8)
    moved = np.clip(moved, 0, 1)
    if chance(rng, 0.4):
        drill = moment - rng.uniform(4, 20) * DAY
        moved[int(drill) : int(drill + rng.uniform(20, 300))] = 1.0
    return measured(rng, volume(rng) * (here + moved * there))


@family("broken")
def lengthening_job(rng: Generator, n: int) -> FloatArray:
    """A job takes longer run by run until runs overlap or somebody repairs it."""
    x = day_shape(rng, local_clock(rng, n)[0]) * log_uniform(rng, 0.1, 2)
    every = float(rng.choice([120, 240, 480, DAY, DAY]))
    first, length = rng.uniform(0, every), every * log_uniform(rng, 0.02, 0.25)
    worse = n - rng.uniform(4, 14) * DAY
    repaired = break_time(rng, n) if chance(rng, 0.5) else n
    daily, height = rng.uniform(1.15, 1.6), log_uniform(rng, 0.5, 12)
    for at in np.arange(first - every, n, every):
        days = np.clip((at - worse) / DAY, 0, None) * (at < repaired)
        takes = min(length * daily**days, 2.5 * every) * rng.lognormal(0, 0.05)
        plateau(x, at, at + takes, height)
    return measured(rng, volume(rng, 10) * x)


@family("broken")
def retried_nightly(rng: Generator, n: int) -> FloatArray:
    """A daily job fails on some days: it breaks off and is retried after ever longer waits."""
    x = day_shape(rng, local_clock(rng, n)[0]) * rng.uniform(0.1, 1.5)
    start, length = rng.uniform(0, DAY), log_uniform(rng, 10, 400)
    height, wait = log_uniform(rng, 0.5, 25), log_uniform(rng, 2, 20)
    before, after, broken = rng.uniform(0, 0.1), rng.uniform(0.3, 1), break_time(rng, n) - DAY
    owed = 1.0
    for date in range(n // DAY + 1):
        at = date * DAY + start
        tries = int(rng.integers(1, 9)) if chance(rng, after if at > broken else before) else 0
        for k in range(tries):
            end = at + rng.uniform(0.05, 0.8) * min(length, wait * 2**k)
            plateau(x, at, end, height)
            at = end + wait * 2**k
        if tries == 8:
            owed = min(owed + 1, 3.0)
            continue
        plateau(x, at, at + length * rng.lognormal(0, 0.1), height * owed)
        owed = 1.0
    return measured(rng, volume(rng) * x)


@family("broken")
def firmware_period(rng: Generator, n: int) -> FloatArray:
    """A new firmware reports at another interval; devices take it at once or over days."""
    old = float(rng.choice([10, 15, 20, 30, 60, 120, 240]))
    new = old * float(rng.choice([0.25, 0.5, 0.75, 61 / 60, 1.5, 2, 4]))
    width, decay = max(1.0, min(old, new) * log_uniform(rng, 0.03, 0.3)), chance(rng, 0.5)
    taken = since(n, break_time(rng, n), log_uniform(rng, 0.2, 3000))
    before = train(rng, n, old, width, decay)
    after = train(rng, n, new, width, decay) * log_uniform(rng, 0.4, 2.5)
    if chance(rng, 0.3):
        taken *= np.arange(n) < n - rng.uniform(0, 3) * DAY
    fleet = (1 - taken) * before + taken * after
    x = rng.uniform(0.02, 1) + log_uniform(rng, 0.3, 12) * fleet
    return measured(rng, volume(rng) * x)


@family("broken")
def code_freeze(rng: Generator, n: int) -> FloatArray:
    """Builds of a work day in merge trains stop for a freeze; what waited is merged at its end."""
    minute, day, _ = local_clock(rng, n)
    gap = float(rng.choice([20, 30, 60, 90, 120]))
    merges = train(rng, n, gap, rng.uniform(0.1, 0.6) * gap, chance(rng, 0.3))
    work = office_hours(rng, minute, day) * (
        rng.uniform(0.1, 1) + log_uniform(rng, 0.3, 6) * merges
    )
    begin = break_time(rng, n)
    end = begin + log_uniform(rng, 0.3, 6) * DAY
    t = np.arange(n)
    left = np.where((t >= begin) & (t < end), log_uniform(rng, 0.01, 0.4), 1.0)
    x = left * work + log_uniform(rng, 0.005, 0.3)
    burst = log_uniform(rng, 1, 20) * work.max()
    pulse(x, end, burst, rng.uniform(1, 60), 0, log_uniform(rng, 20, 700))
    hurry = 1 + rng.uniform(0, 2) * np.exp(-np.maximum(begin - t, 0) / 600) * (t < begin)
    return measured(rng, volume(rng, 4, 20000) * x * hurry)


def together(n: int, moment: float, period: float, first: float, drift: float) -> FloatArray:
    """Return the rate, in the mean 1, of pollers that began at one moment and drift apart."""
    age = np.arange(n) - moment
    rate = np.zeros(n)
    for k in range(-6, 7):
        poll = np.round(age / period) + k
        spread = np.hypot(first, drift * np.sqrt(np.maximum(poll, 0)))
        spread = np.minimum(spread, 1.5 * period)
        bell = np.exp(-0.5 * ((age - poll * period) / spread) ** 2) / (spread * np.sqrt(2 * np.pi))
        rate += bell * period * (poll >= 0)
    return rate


@family("broken")
def power_cut_synchronises(rng: Generator, n: int) -> FloatArray:
    """Power cuts: pollers that were spread evenly return all at once, in step, and drift apart."""
    x = np.full(n, rng.uniform(0, 0.5))
    period = log_uniform(rng, 10, 500)
    for i in range(int(rng.integers(1, 4))):
        cut = break_time(rng, n) if i == 0 else rng.uniform(n / 2, n - DAY)
        back = cut + log_uniform(rng, 2, 600)
        drift = period * log_uniform(rng, 0.002, 0.08)
        step = together(n, back, period, rng.uniform(0.6, 8), drift)
        t = np.arange(n)
        x += rng.uniform(0.1, 1) * np.where(t < cut, 1.0, np.where(t < back, 0.0, step))
    shape = day_shape(rng, local_clock(rng, n)[0], rng.uniform(0.02, 0.5))
    return measured(rng, volume(rng, 5) * x * shape)


@family("broken")
def lockdown(rng: Generator, n: int) -> FloatArray:
    """People stay at home from one day on: other hours, no weekend, calls on the hour."""
    minute, day, _ = local_clock(rng, n)
    before = day_shape(rng, minute, rng.uniform(0.5, 1.2), 3)
    before = before * np.where(day < 5, 1.0, rng.uniform(0.1, 0.8))
    home = day_shape(rng, minute, rng.uniform(0.2, 0.9), 3)
    step = int(rng.choice([30, 60]))
    calls = np.exp(-(minute % step) / log_uniform(rng, 1, 12))
    calls = calls * ramps(minute, rng.uniform(420, 600), rng.uniform(900, 1200), 60)
    after = log_uniform(rng, 0.2, 4) * (home + log_uniform(rng, 0.2, 8) * calls)
    share = since(n, break_time(rng, n) // DAY * DAY, log_uniform(rng, 1, 1500))
    return measured(rng, volume(rng) * ((1 - share) * before + share * after))


@family("broken")
def two_schedulers(rng: Generator, n: int) -> FloatArray:
    """After a move two schedulers are alive: every job runs twice until somebody notices."""
    jobs = np.zeros(n)
    for _ in range(int(rng.integers(2, 16))):
        every = float(rng.choice([30, 60, 120, 240, DAY, DAY, DAY]))
        height, length = log_uniform(rng, 0.2, 8), rng.uniform(2, every / 5)
        jobs += height * train(rng, n, every, length, chance(rng, 0.3))
    apart = int(rng.integers(1, 13)) * int(rng.choice([0, 1, 4, 60]))
    copy = np.concatenate([np.zeros(apart), jobs[: n - apart]])
    t, moment = np.arange(n), break_time(rng, n)
    noticed = moment + log_uniform(rng, 0.3, 8) * DAY
    x = jobs + copy * ((t >= moment) & (t < noticed))
    if chance(rng, 0.3):
        x[int(moment) : int(moment + rng.uniform(30, 600))] *= rng.uniform(0, 0.2)
    base = day_shape(rng, local_clock(rng, n)[0]) * log_uniform(rng, 0.1, 4)
    return measured(rng, volume(rng) * (x + base))


def through(demand: FloatArray, limit: FloatArray) -> FloatArray:
    """Return what leaves a queue that lets only so much through in a minute."""
    waiting, out = 0.0, []
    for come, most in zip(demand.tolist(), limit.tolist(), strict=True):
        waiting += come
        out.append(min(waiting, most))
        waiting -= out[-1]
    return np.array(out)


@family("broken")
def newly_throttled(rng: Generator, n: int) -> FloatArray:
    """A partner's bursts at fixed times meet a new limit, or lose one: lower, but longer."""
    every = float(rng.choice([60, 120, 240, 360, 720, DAY]))
    bursts = train(rng, n, every, every * log_uniform(rng, 0.01, 0.15), chance(rng, 0.5))
    bursts = bursts * day_shape(rng, local_clock(rng, n)[0], rng.uniform(0.05, 0.5))
    bursts = bursts * wobble(rng, n, 0.05, 0.3) * log_uniform(rng, 1, 40)
    low = bursts.mean() * log_uniform(rng, 1.1, 4)
    late = np.arange(n) >= break_time(rng, n)
    lost = chance(rng, 0.35)
    x = through(bursts, np.where(late != lost, low, np.inf))
    base = rng.uniform(0.1, 2) * day_shape(rng, local_clock(rng, n)[0])
    return measured(rng, volume(rng) * (base + x))


@family("broken")
def election_night(rng: Generator, n: int) -> FloatArray:
    """News on the hour; then one night of results at short steps, and days of aftermath."""
    minute, _, _ = local_clock(rng, n)
    x = day_shape(rng, minute) * (1 + rng.uniform(0.1, 2) * np.exp(-(minute % 60) / 6))
    t = np.arange(n)
    close = float(rng.uniform(n - WEEK, n - DAY) // 60 * 60)
    x *= 1 + rng.uniform(0, 1) * np.exp(-np.maximum(close - t, 0) / (5 * DAY))
    step, height = float(rng.choice([5, 10, 15, 20, 30, 60])), log_uniform(rng, 1, 60)
    night, decay = rng.uniform(120, 700), rng.uniform(0.15, 0.8)
    for at in np.arange(close, close + night, step):
        news = rng.lognormal(0, 0.5) * (1 - 0.8 * (at - close) / night)
        pulse(x, at, height * news, rng.uniform(1, 4), 0, step * decay)
    plateau(x, close - rng.uniform(30, 600), close + night, height * rng.uniform(0, 0.5))
    pulse(x, close + night, height * rng.uniform(0.05, 0.5), 60, 0, log_uniform(rng, 300, 3000))
    for week in (1, 2, 3)[: int(rng.integers(0, 4))]:
        pulse(x, close - week * WEEK, height * rng.uniform(0.02, 0.3), 20, 90, 15)
    return measured(rng, volume(rng) * x)
