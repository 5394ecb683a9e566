"""Load that clocks drive: gates, releases, rounds, passes and alarms at exact times."""

import numpy as np
from numpy.random import Generator

from benchmarks.unseen.parts import (
    DAY,
    WEEK,
    FloatArray,
    IntArray,
    by_day,
    chance,
    counts,
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
    zone,
)


def since(t: IntArray, period: int, offset: float, decay: float) -> FloatArray:
    """Return what dies away after each tick of a period, 1 at the tick."""
    out: FloatArray = np.exp(-((t - round(offset)) % period) / decay)
    return out


def until(t: IntArray, period: int, offset: float, growth: float) -> FloatArray:
    """Return what grows before each tick of a period, 1 just before the tick."""
    out: FloatArray = np.exp(-((round(offset) - 1 - t) % period) / growth)
    return out


@family("clock")
def meter_readings(rng: Generator, n: int) -> FloatArray:
    """Electricity meters report each interval, by make at its own offset, and the day at night."""
    minute, _, number = local_clock(rng, n)
    every = int(rng.choice([15, 30, 60]))
    rate = np.full(n, rng.uniform(0.02, 0.3))
    for _ in range(rng.integers(1, 5)):
        offset, decay = int(rng.integers(0, every)), log_uniform(rng, 0.7, every / 4)
        rate += rng.uniform(0.3, 1.5) * since(minute, every, offset, decay)
    late, decay = int(rng.integers(1, 90)), rng.uniform(8, 60)
    registers = rng.uniform(0.5, 4) * since(minute, DAY, late, decay)
    rate += registers * by_day(rng, number, rng.uniform(0.01, 0.1))
    rate += rng.uniform(0, 0.4) * day_shape(rng, minute)
    return measured(rng, rate * volume(rng), 0.01, 0.06)


@family("clock")
def settlement_cutoffs(rng: Generator, n: int) -> FloatArray:
    """Banks hand in payments ahead of the cut-offs of a business day, most in the last minutes."""
    minute, day, number = local_clock(rng, n)
    rate = 0.1 + 0.4 * office_hours(rng, minute, day)
    cutoffs = np.sort(rng.choice(np.arange(16, 41), int(rng.integers(3, 7)), replace=False)) * 30
    business = np.where(day < 5, 1.0, rng.choice([0.0, 0.0, 0.1]))
    for cutoff in cutoffs:
        rush = until(minute, DAY, cutoff, rng.uniform(6, 45)) * (minute < cutoff)
        rate += rng.uniform(0.4, 2.5) * rush * business * by_day(rng, number, 0.12)
    last = float(cutoffs[-1]) + rng.integers(5, 60)
    reports = ramps(minute, last, last + rng.uniform(15, 90), rng.uniform(1, 6))
    rate += rng.uniform(0.3, 1.8) * reports * business
    return measured(rng, rate * volume(rng))


@family("clock")
def ticket_releases(rng: Generator, n: int) -> FloatArray:
    """Tickets go on sale at an hour of some weekdays; a waiting room lets so many in a minute."""
    minute, day, number = local_clock(rng, n)
    rate = rng.uniform(0.3, 0.8) * day_shape(rng, minute)
    hour = float(rng.integers(8, 13) * 60 + rng.choice([0, 0, 0, 30]))
    on_sale = rng.choice(7, int(rng.integers(1, 4)), replace=False)
    admitted, early = rng.uniform(1.5, 6), rng.uniform(10, 45)
    for start in np.flatnonzero((minute == hour) & np.isin(day, on_sale)).tolist():
        buyers = rng.lognormal(0, rng.uniform(0.2, 0.9)) * 60
        height = admitted * rng.uniform(0.9, 1.1)
        waiting = np.zeros(n)
        pulse(waiting, start - early, height * rng.uniform(0.2, 0.6), early, 0, 0)
        pulse(waiting, start, height, 1, min(buyers, 400), rng.uniform(5, 40))
        rate += waiting
    return measured(rng, rate * by_day(rng, number, 0.05) * volume(rng))


@family("clock")
def rolling_midnights(rng: Generator, n: int) -> FloatArray:
    """A worldwide allowance renews at each time zone's midnight, for as many as live there."""
    t = np.arange(n)
    rate = np.full(n, rng.uniform(0.2, 0.6))
    decay, rise = log_uniform(rng, 3, 60), rng.uniform(1, 5)
    renewal = float(rng.choice([0, 0, 0, 300, 360, 540]))
    for hours in rng.choice(np.arange(-11, 13), int(rng.integers(5, 18)), replace=False):
        offset = renewal - hours * 60 + (30 if chance(rng, 0.15) else 0)
        people = rng.lognormal(0, 1.0)
        late = (t - round(offset)) % DAY
        rate += people * since(t, DAY, offset, decay) * np.minimum((late + 1) / rise, 1)
        rate += 0.1 * people * (1 + np.cos(2 * np.pi * (t - offset - 1200) / DAY))
    rate *= by_day(rng, t // DAY, rng.uniform(0.01, 0.06))
    return measured(rng, rate * volume(rng))


@family("clock")
def digest_mail(rng: Generator, n: int) -> FloatArray:
    """Digests are mailed at hours that readers chose, and opened for a while; one is weekly."""
    rate = np.full(n, rng.uniform(0.05, 0.2))
    for _ in range(rng.integers(1, 4)):
        minute, day, number = local_clock(rng, n)
        readers = rng.uniform(0.3, 1)
        rate += 0.3 * readers * day_shape(rng, minute)
        for slot in rng.choice(np.arange(12, 44), int(rng.integers(2, 7)), replace=False) * 30:
            days = day < 5 if chance(rng, 0.6) else day >= 0
            opened = since(minute, DAY, slot, rng.uniform(10, 70)) * (minute >= slot)
            sending = (minute >= slot) & (minute < slot + rng.integers(2, 12))
            height = readers * rng.uniform(0.3, 1.5)
            rate += height * days * (opened * by_day(rng, number, 0.1) + 0.8 * sending)
        weekly = since(day * DAY + minute, WEEK, int(rng.integers(0, 7 * 24)) * 60, 90)
        rate += readers * rng.uniform(0.5, 3) * weekly
    return measured(rng, rate * volume(rng))


@family("clock")
def log_rollups(rng: Generator, n: int) -> FloatArray:
    """Logs are added up each five minutes, hour, day and week, for longer the more came in."""
    minute, day, _ = local_clock(rng, n)
    source = day_shape(rng, minute) * np.where(day < 5, 1.0, rng.uniform(0.4, 1))
    source *= np.exp(rng.uniform(-0.2, 0.2) * np.linspace(0, 1, n))
    sums = np.concatenate([[0.0], np.cumsum(source)])
    rate = source * rng.uniform(0.1, 0.8)
    usual = {5: (1, 2), 60: (4, 20), DAY: (30, 180), WEEK: (90, 500)}
    for period, (short, long) in usual.items():
        takes, height = log_uniform(rng, short, long), log_uniform(rng, 0.3, 3)
        delay = int(rng.integers(0, 4)) if period <= 60 else int(rng.integers(0, 12)) * 15
        for tick in range(period, n, period):
            amount = (sums[tick] - sums[tick - period]) / period
            plateau(rate, tick + delay, tick + delay + max(takes * amount, 1), height)
    return measured(rng, rate * volume(rng), 0.01, 0.06)


@family("clock")
def satellite_passes(rng: Generator, n: int) -> FloatArray:
    """Satellites hand data down while a station sees them; pictures are made for a while after."""
    t = np.arange(n, dtype=float)
    data = np.zeros(n)
    stations = [(rng.uniform(-1.2, 1.3), rng.uniform(0, 6.3)) for _ in range(rng.integers(1, 5))]
    for _ in range(rng.integers(1, 5)):
        along = 2 * np.pi * t / rng.uniform(92, 110) + rng.uniform(0, 6.3)
        node, tilt, size = rng.uniform(0, 6.3), rng.uniform(1.2, 1.75), rng.uniform(0.5, 1.5)
        for latitude, longitude in stations:
            # The sky turns once in a sidereal day.
            east = 2 * np.pi * t / 1436.07 + longitude - node
            seen = np.cos(along) * np.cos(latitude) * np.cos(east)
            seen += np.sin(along) * np.cos(tilt) * np.cos(latitude) * np.sin(east)
            seen += np.sin(along) * np.sin(tilt) * np.sin(latitude)
            data += size * (seen > np.cos(rng.uniform(0.32, 0.42)))
    decay = rng.uniform(3, 30)
    kernel = np.exp(-np.arange(round(5 * decay)) / decay)
    pictures = np.convolve(data, kernel / kernel.sum())[:n]
    rate = rng.uniform(0.02, 0.3) + data * rng.uniform(0.2, 1) + pictures * rng.uniform(0.5, 2)
    return measured(rng, rate * volume(rng), 0.02, 0.08)


@family("clock")
def crawler_rounds(rng: Generator, n: int) -> FloatArray:
    """Crawlers make their rounds every so many hours at a polite, constant rate, beside people."""
    minute, _, number = local_clock(rng, n)
    t = np.arange(n)
    rate = rng.uniform(0.4, 1.5) * day_shape(rng, minute) * by_day(rng, number, 0.05)
    for _ in range(rng.integers(3, 9)):
        period = int(rng.choice([60, 120, 180, 240, 360, 480, 720, DAY, 2 * DAY, WEEK]))
        length = max(period * rng.uniform(0.03, 0.35), 4)
        phase = (t - rng.integers(0, period // 5) * 5) % period
        rate += log_uniform(rng, 0.15, 2) * (phase < length)
    return measured(rng, rate * volume(rng))


@family("clock")
def power_gates(rng: Generator, n: int) -> FloatArray:
    """Traders of electricity bid ahead of each gate's closure and of the noon auction."""
    minute, day, number = local_clock(rng, n)
    lead = float(rng.choice([5, 30, 45, 60]))
    awake = rng.uniform(0.2, 0.6) + ramps(minute, 390, 1290, 90) * np.where(day < 5, 1.0, 0.7)
    quarters = rng.uniform(0.2, 1) * until(minute, 15, lead, rng.uniform(1, 4))
    hours = rng.uniform(0.3, 2) * until(minute, 60, lead, rng.uniform(2, 10))
    rate = awake * (rng.uniform(0.1, 0.5) + quarters + hours)
    auction = rng.uniform(1, 5) * until(minute, DAY, 720, rng.uniform(8, 40)) * (minute < 720)
    published = 720 + int(rng.integers(35, 75))
    results = rng.uniform(0.8, 4) * since(minute, DAY, published, rng.uniform(3, 25))
    rate += (auction + results) * by_day(rng, number, rng.uniform(0.05, 0.2))
    return measured(rng, rate * volume(rng))


@family("clock")
def alarm_clocks(rng: Generator, n: int) -> FloatArray:
    """Alarms ring at round times, are put off by some minutes and ring again; later when free."""
    t = np.arange(n) + WEEK
    rate = np.full(n, rng.uniform(0.02, 0.1))
    put_off, again = int(rng.choice([5, 9, 10])), rng.uniform(0.2, 0.6)
    of_day = np.arange(DAY)
    roundness = np.select(
        [of_day % 60 == 0, of_day % 30 == 0, of_day % 15 == 0, of_day % 5 == 0],
        [1.0, rng.uniform(0.6, 1.0), rng.uniform(0.3, 0.6), rng.uniform(0.08, 0.25)],
        rng.uniform(0.005, 0.03),
    )
    for _ in range(rng.integers(1, 4)):
        clock = t + zone(rng)
        wake, width, people = rng.uniform(380, 440), rng.uniform(35, 70), rng.uniform(0.3, 1)
        free = (clock // DAY) % 7 >= 5
        for late, share, days in ((0.0, 1.0, ~free), (90.0, rng.uniform(0.2, 0.6), free)):
            rings = roundness * np.exp(-0.5 * ((of_day - wake - late) / width) ** 2)
            rings = np.sum([np.roll(rings, k * put_off) * again**k for k in range(4)], axis=0)
            smooth = np.convolve(rings, np.exp(-np.arange(60) / 8))[:DAY] * 0.2
            rate += people * share * days * (rings + smooth)[clock % DAY]
        rate += 0.15 * people * day_shape(rng, clock % DAY)
    return counts(rng, rate * volume(rng, 100))
