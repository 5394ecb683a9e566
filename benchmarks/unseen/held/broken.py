"""Patterns of the clock that shift, stop, begin, fail or change, mostly in the last days."""

import numpy as np
from numpy.random import Generator

from benchmarks.unseen.parts import (
    DAY,
    FloatArray,
    bump,
    chance,
    day_shape,
    family,
    local_clock,
    log_uniform,
    measured,
    office_hours,
    plateau,
    pulse,
    volume,
)


def moment(rng: Generator, n: int) -> int:
    """Return when something breaks: mostly in the last seven days, else in those before."""
    days = rng.uniform(0.5, 7) if chance(rng, 0.75) else rng.uniform(7, 11)
    return n - int(days * DAY)


def adoption(n: int, middle: float, minutes: float) -> FloatArray:
    """Return a share that grows from 0 to 1 around a minute, as an S."""
    share: FloatArray = 1 / (1 + np.exp(-np.clip((np.arange(n) - middle) / minutes, -50, 50)))
    return share


@family("broken")
def drifting_host(rng: Generator, n: int) -> FloatArray:
    """Jobs start from a host whose clock loses its reference and runs fast or slow, till set."""
    minute, _, _ = local_clock(rng, n)
    rate = rng.uniform(0.3, 1.2) * day_shape(rng, minute)
    lost = moment(rng, n)
    repaired = lost + rng.uniform(1, 12) * DAY
    drift = rng.choice([-1, 1]) * log_uniform(rng, 3, 60)  # minutes a day
    for _ in range(rng.integers(1, 4)):
        every = int(rng.choice([60, 120, 240, 720, DAY]))
        height, length = rng.uniform(0.5, 3), every * rng.uniform(0.03, 0.2)
        for at in range(int(rng.integers(0, every)), n, every):
            off = drift * (at - lost) / DAY if lost < at < repaired else 0.0
            pulse(rate, at + off, height * rng.uniform(0.9, 1.1), 2, length, length / 8)
    return measured(rng, rate * volume(rng))


@family("broken")
def new_continent(rng: Generator, n: int) -> FloatArray:
    """A service opens to another continent, whose day adds a second peak that grows at its pace."""
    minute, day, _ = local_clock(rng, n)
    away = (minute + int(rng.integers(5, 13)) * 60) % DAY
    peak, width = rng.uniform(900, 1260), rng.uniform(120, 220)
    home = (0.15 + bump(minute, peak, width)) * np.where(day < 5, 1.0, rng.uniform(0.6, 1.3))
    abroad = 0.15 + bump(away, peak + rng.uniform(-60, 60), width * rng.uniform(0.8, 1.2))
    opened = moment(rng, n)
    waited = np.maximum(np.arange(n) - opened, 0)
    grown = 1 - np.exp(-waited / (log_uniform(rng, 0.05, 4) * DAY))
    curious = np.zeros(n)
    pulse(curious, opened, rng.uniform(0, 1.5), rng.uniform(5, 60), 30, rng.uniform(60, 600))
    rate = home + rng.uniform(0.3, 1.3) * abroad * (grown + curious)
    return measured(rng, rate * volume(rng))


@family("broken")
def strike_days(rng: Generator, n: int) -> FloatArray:
    """Trains hardly run on days of strike: commuters stay away, after they asked what will run."""
    minute, day, number = local_clock(rng, n)
    work = np.where(day < 5, 1.0, rng.uniform(0.1, 0.4))
    morning, evening = rng.uniform(440, 510), rng.uniform(1010, 1090)
    narrow = bump(minute, morning, 45) + rng.uniform(0.6, 1) * bump(minute, evening, 65)
    wide = bump(minute, morning - 30, 110) + bump(minute, evening - 40, 130)
    usual = 0.15 + 0.3 * bump(minute, 800, 200) + work * narrow
    few = 0.15 + 0.25 * bump(minute, 800, 220) + rng.uniform(0.1, 0.5) * work * wide
    first = int(number[moment(rng, n)])
    strike = (number >= first) & (number < first + rng.integers(1, 5))
    eve = (number == first - 1) & (minute > 720)
    rate = np.where(strike, few, usual)
    rate += rng.uniform(0.1, 0.9) * eve * bump(minute, rng.uniform(1080, 1290), 120)
    rate += rng.uniform(0, 0.8) * strike * bump(minute, morning - 60, 60)
    return measured(rng, rate * volume(rng))


@family("broken")
def drained_site(rng: Generator, n: int) -> FloatArray:
    """Another site is drained for maintenance: its users come here, and leave as names expire."""
    minute, day, _ = local_clock(rng, n)
    rate = day_shape(rng, minute) * np.where(day < 5, 1.0, rng.uniform(0.6, 1.1))
    theirs = day_shape(rng, (minute + int(rng.integers(-9, 10)) * 60) % DAY)
    moved = np.zeros(n)
    expiry = log_uniform(rng, 2, 60)
    drains = [moment(rng, n) for _ in range(rng.integers(1, 4))]
    if chance(rng, 0.4):
        drains.append(n - int(rng.uniform(11, 25) * DAY))
    for at in drains:
        pulse(moved, at, 1.0, 2 * expiry, log_uniform(rng, 60, 2000), expiry)
    rate += np.minimum(moved, 1) * theirs * log_uniform(rng, 0.3, 1.5)
    return measured(rng, rate * volume(rng))


@family("broken")
def sharded_job(rng: Generator, n: int) -> FloatArray:
    """A large job of each day is split into parts that run spread over the day."""
    minute, _, number = local_clock(rng, n)
    rate = rng.uniform(0.3, 1.2) * day_shape(rng, minute)
    start, length = int(rng.integers(0, 48)) * 30, rng.uniform(45, 240)
    height, parts = rng.uniform(1, 5), int(rng.choice([2, 4, 6, 12, 24]))
    split = int(number[moment(rng, n)])
    left = rng.choice([0.0, 0.0, 0.3])  # of the old job
    jitter = rng.choice([0.0, 3.0])
    for at in np.flatnonzero(minute == start).tolist():
        size = rng.lognormal(0, 0.08)
        whole = 1.0 if number[at] < split else left
        if whole:
            plateau(rate, at, at + length * size * whole, height)
        for part in range(parts if number[at] >= split else 0):
            begin = at + part * DAY / parts + rng.uniform(0, jitter)
            plateau(rate, begin, begin + max(length * size * (1 - left) / parts, 2), height)
    return measured(rng, rate * volume(rng))


@family("broken")
def stuck_lock(rng: Generator, n: int) -> FloatArray:
    """A forgotten lock keeps a regular job from running; once freed, it catches up at once."""
    minute, _, _ = local_clock(rng, n)
    rate = rng.uniform(0.3, 1.0) * day_shape(rng, minute)
    every = int(rng.choice([30, 60, 120, 240]))
    length, height = every * rng.uniform(0.08, 0.4), rng.uniform(0.5, 3)
    stuck = moment(rng, n)
    freed = stuck + log_uniform(rng, 4, 60) * 60
    catch_up = rng.uniform(0.2, 1)  # the rest is skipped
    missed = 0
    for at in range(int(rng.integers(0, every)), n, every):
        if stuck < at < freed:
            missed += 1
            continue
        begin, lasts = at + rng.uniform(0, 2), length * rng.lognormal(0, 0.1)
        plateau(rate, begin, begin + lasts, height)
    faster = rng.uniform(1, 2.5)
    plateau(rate, freed, freed + missed * catch_up * length / faster, height * faster)
    return measured(rng, rate * volume(rng))


@family("broken")
def heatwave(rng: Generator, n: int) -> FloatArray:
    """Days get hot: people rest in the afternoon, rise early, and stay up late."""
    minute, day, _ = local_clock(rng, n)
    noon, evening = rng.uniform(750, 900), rng.uniform(1140, 1260)
    week = np.where(day < 5, 1.0, rng.uniform(0.7, 1.2))
    usual = 0.1 + rng.uniform(0.7, 1.2) * bump(minute, noon, 170) + bump(minute, evening, 100)
    hot = 0.15 + rng.uniform(0.6, 1.2) * bump(minute, rng.uniform(480, 560), 90)
    hot += rng.uniform(0.2, 0.6) * bump(minute, noon, 150)
    hot += rng.uniform(0.8, 1.6) * bump(minute, evening + rng.uniform(60, 140), 120)
    begins = moment(rng, n)
    ends = begins + rng.uniform(2, 10) * DAY
    pace = rng.uniform(0.1, 0.6) * DAY
    heat = adoption(n, begins, pace) * (1 - adoption(n, ends, pace / 2)) * rng.uniform(0.5, 1)
    return measured(rng, week * ((1 - heat) * usual + heat * hot) * volume(rng))


@family("broken")
def poller_upgrade(rng: Generator, n: int) -> FloatArray:
    """Clients that polled on the quarter hour or so get a version with another interval."""
    minute, _, _ = local_clock(rng, n)
    t = np.arange(n)
    old, new = rng.choice([5, 10, 15, 20, 30, 60], 2, replace=False).tolist()
    spread = log_uniform(rng, 0.5, 4)

    def polls(every: int) -> FloatArray:
        wave: FloatArray = np.exp(-(t % every) / spread)
        wave /= wave[:every].sum()
        return wave

    upgraded = adoption(n, moment(rng, n), log_uniform(rng, 20, DAY))
    upgraded *= rng.uniform(0.5, 1)
    after = np.full(n, 1 / new) if chance(rng, 0.4) else polls(new)
    rate = 15 * ((1 - upgraded) * polls(old) + upgraded * after)
    rate *= 0.6 + 0.4 * day_shape(rng, minute)
    rate += rng.uniform(0.1, 1) * day_shape(rng, minute)
    return measured(rng, rate * volume(rng), 0.01, 0.08)


@family("broken")
def season_finale(rng: Generator, n: int) -> FloatArray:
    """Viewers vote during a show at its hour, till a longer and larger finale; then hardly any."""
    minute, day, number = local_clock(rng, n)
    rate = rng.uniform(0.3, 0.8) * day_shape(rng, minute)
    hour, lasts = int(rng.integers(36, 46)) * 30, rng.uniform(30, 100)
    shown = rng.choice(7, int(rng.integers(2, 8)), replace=False)
    starts = np.flatnonzero((minute == hour) & np.isin(day, shown)).tolist()
    finale = int(number[moment(rng, n)])
    last = max(int(np.searchsorted(number[starts], finale)), 1) - 1
    height, larger = rng.uniform(0.6, 2.5), rng.uniform(1.3, 2.5)
    votes, later = rng.uniform(0.3, 1.2), rng.choice([0.0, 0.0, 0.2, 0.4])  # later: reruns
    for show, at in enumerate(starts):
        size = larger if show == last else 1.0 if show < last else later
        length = lasts * (rng.uniform(1.2, 2) if show == last else 1.0)
        crowd = height * size * rng.lognormal(0, 0.12)
        pulse(rate, at - 10, crowd, 20, length, rng.uniform(8, 30))
        pulse(rate, at + length, crowd * votes, 2, 8, 4)
    return measured(rng, rate * volume(rng))


@family("broken")
def churned_tenant(rng: Generator, n: int) -> FloatArray:
    """A tenant with hours of its own leaves at once or step by step; a new one may come."""
    rate = np.full(n, rng.uniform(0.05, 0.2))
    tenants = int(rng.integers(3, 7))
    leaves, t = moment(rng, n), np.arange(n)
    steps = int(rng.integers(1, 5))
    pause = log_uniform(rng, 60, 2 * DAY)
    for tenant in range(tenants):
        minute, day, _ = local_clock(rng, n)
        size = rng.uniform(1, 2.5) if tenant == 0 else log_uniform(rng, 0.2, 1)
        own = office_hours(rng, minute, day) if chance(rng, 0.6) else day_shape(rng, minute)
        job = (minute - rng.integers(0, DAY)) % DAY < rng.uniform(10, 120)
        own = size * (own + rng.uniform(0, 1.5) * job)
        if tenant == 0:
            gone = np.clip(np.floor((t - leaves) / pause) + 1, 0, steps) / steps
            own *= 1 - gone
        elif tenant == 1 and chance(rng, 0.4):
            own *= t >= moment(rng, n)
        rate += own
    return measured(rng, rate * volume(rng))
