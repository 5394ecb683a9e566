"""Load that jumps at fixed times of the clock."""

import numpy as np
from numpy.random import Generator

from benchmarks.unseen.parts import (
    DAY,
    WEEK,
    FloatArray,
    autoregression,
    chance,
    day_shape,
    family,
    local_clock,
    log_uniform,
    measured,
    office_hours,
    pulse,
    volume,
    zone,
)


@family("clock")
def market_open(rng: Generator, n: int) -> FloatArray:
    """An exchange that opens and closes, with bursts at both."""
    tod, dow, _ = local_clock(rng, n)
    opening = int(rng.choice([480, 540, 570, 555]))
    closing = opening + int(rng.choice([390, 450, 510]))
    trading = ((tod >= opening) & (tod < closing) & (dow < 5)).astype(float)
    since, until = np.maximum(tod - opening, 0), np.maximum(closing - tod, 0)
    burst = rng.uniform(0.5, 5) * np.exp(-since / log_uniform(rng, 5, 60))
    burst += rng.uniform(0.2, 3) * np.exp(-until / log_uniform(rng, 5, 40))
    rate = rng.uniform(0.03, 0.3) + trading * (1 + burst)
    return measured(rng, volume(rng) * rate, 0.03, 0.2)


@family("clock")
def school_lessons(rng: Generator, n: int) -> FloatArray:
    """Peaks at the beginning of lessons, homework later."""
    tod, dow, _ = local_clock(rng, n)
    first, length = int(rng.choice([470, 480, 510])), int(rng.choice([45, 50, 60, 90]))
    number, height, decay = int(rng.integers(4, 9)), rng.uniform(1, 8), log_uniform(rng, 3, 25)
    since = tod - first
    at_school = (since >= 0) & (since < number * length) & (dow < 5)
    peaks = np.exp(-(since % length) / decay)
    rate = rng.uniform(0.05, 0.3) + at_school * (rng.uniform(0.3, 1) + height * peaks)
    homework = np.exp(-0.5 * ((tod - rng.uniform(960, 1140)) / 80) ** 2) * (dow < 6)
    return measured(rng, volume(rng) * (rate + rng.uniform(0, 0.8) * homework))


@family("clock")
def cron_fleet(rng: Generator, n: int) -> FloatArray:
    """Scheduled jobs of many periods, some of which fail to run."""
    tod, _, _ = local_clock(rng, n)
    x = np.full(n, 1.0) * day_shape(rng, tod, rng.uniform(0, 0.4))
    for _ in range(int(rng.integers(2, 12))):
        period = int(rng.choice([15, 30, 60, 120, 360, DAY, DAY, DAY, WEEK]))
        begin = int(rng.integers(0, period // 5 + 1)) * 5 % period
        height = rng.gamma(1.5) * (0.5 if period < 120 else 2.0)
        hold, fails = log_uniform(rng, 1, 5 + period / 12), rng.choice([0, 0, 0.02, 0.1])
        for at in range(begin, n, period):
            if not chance(rng, fails):
                pulse(x, at, height * rng.uniform(0.8, 1.2), 1, hold, 0)
    return measured(rng, volume(rng) * x)


@family("clock")
def news_broadcast(rng: Generator, n: int) -> FloatArray:
    """Peaks after the news."""
    tod, _, _ = local_clock(rng, n)
    x = day_shape(rng, tod)
    ahead = zone(rng)
    hours = rng.choice(np.arange(6, 24), int(rng.integers(1, 4)), replace=False)
    size, decay, spread = rng.uniform(1.5, 8), log_uniform(rng, 5, 30), rng.uniform(0.1, 0.6)
    for day in range(-1, n // DAY + 2):
        for hour in hours:
            height = size * np.exp(rng.normal(0, spread))
            rise, hold = float(rng.integers(1, 4)), float(rng.integers(0, 15))
            pulse(x, day * DAY + hour * 60 - ahead, height, rise, hold, decay)
    return measured(rng, volume(rng) * x)


@family("clock")
def shift_change(rng: Generator, n: int) -> FloatArray:
    """Three shifts, with minutes of rush at each change."""
    tod, dow, _ = local_clock(rng, n)
    shifts = [360, 840, 1320]
    levels = rng.uniform(0.3, 1.2, 3)
    x = np.select([tod < 360, tod < 840, tod < 1320], [levels[2], levels[0], levels[1]], levels[2])
    for begin in shifts:
        since = (tod - begin + rng.integers(0, 15)) % DAY
        x = x + rng.uniform(1, 6) * (since < rng.integers(8, 35))
    return measured(rng, volume(rng) * x * np.where(dow >= 5, rng.choice([0.1, 0.4, 1.0]), 1.0))


@family("clock")
def iot_synchronised(rng: Generator, n: int) -> FloatArray:
    """Devices that report at full quarters, half hours or hours, spread by network delay."""
    period, t = int(rng.choice([10, 15, 30, 60])), np.arange(n)
    decay, height = log_uniform(rng, 0.7, period / 6), rng.uniform(2, 20)
    tod, _, _ = local_clock(rng, n)
    x = 1 + height * np.exp(-((t - rng.integers(0, period)) % period) / decay)
    return measured(rng, volume(rng) * x * day_shape(rng, tod, rng.uniform(0, 0.4)), 0.01, 0.08)


@family("clock")
def match_days(rng: Generator, n: int) -> FloatArray:
    """Sports on fixed evenings of the week, with half-time and a late surge."""
    tod, _, _ = local_clock(rng, n)
    x = day_shape(rng, tod)
    slots = rng.choice(7, int(rng.integers(1, 5)), replace=False)
    kick, size = int(rng.integers(28, 44)) * 30, rng.uniform(2, 12)
    for week in range(n // WEEK + 1):
        for slot in slots:
            if chance(rng, 0.1):
                continue
            at, height = week * WEEK + slot * DAY + kick, size * np.exp(rng.normal(0, 0.4))
            pulse(x, at - 15, height, 20, 40, 5)
            pulse(x, at + 45, height * rng.uniform(0.3, 1.5), 2, 10, 5)
            pulse(x, at + 62, height * rng.uniform(0.8, 1.4), 5, 45, rng.uniform(5, 30))
    return measured(rng, volume(rng) * x)


@family("clock")
def daily_flash_sale(rng: Generator, n: int) -> FloatArray:
    """A sale at the same minute, of very different size."""
    tod, _, _ = local_clock(rng, n)
    x = day_shape(rng, tod)
    at, size, decay = int(rng.integers(0, 48)) * 30, rng.uniform(2, 15), log_uniform(rng, 8, 90)
    workdays, spread = chance(rng, 0.4), rng.uniform(0.1, 0.8)
    for day in range(n // DAY + 1):
        if workdays and day % 7 >= 5:
            continue
        height = size * np.exp(rng.normal(0, spread))
        pulse(x, day * DAY + at, height, 1, float(rng.integers(0, 10)), decay)
    return measured(rng, volume(rng) * x)


@family("clock")
def call_centre(rng: Generator, n: int) -> FloatArray:
    """Opening hours with a backlog, most on Mondays."""
    tod, dow, _ = local_clock(rng, n)
    opening, closing = int(rng.choice([420, 480, 540])), int(rng.choice([960, 1020, 1080, 1200]))
    is_open = (tod >= opening) & (tod < closing) & (dow < 5)
    is_open |= (tod >= opening + 60) & (tod < 780) & (dow == 5) & chance(rng, 0.5)
    monday = np.where(dow == 0, rng.uniform(1.0, 1.8), 1.0)
    backlog = rng.uniform(0, 2) * np.exp(-np.maximum(tod - opening, 0) / log_uniform(rng, 10, 90))
    lunch = 1 - rng.uniform(0, 0.5) * np.exp(-0.5 * ((tod - 750) / 35) ** 2)
    return measured(rng, volume(rng, 20, 4000) * (0.02 + is_open * monday * lunch * (1 + backlog)))


@family("clock")
def game_daily_reset(rng: Generator, n: int) -> FloatArray:
    """A game whose day begins anew at a full hour, with events at weekends."""
    tod, dow, day = local_clock(rng, n)
    reset, size = int(rng.integers(0, 24)) * 60, rng.uniform(1, 6)
    since = (tod - reset) % DAY
    rate = day_shape(rng, tod) + size * np.exp(-since / log_uniform(rng, 10, 90))
    event = (dow >= 5) & (rng.random(int(day.max()) // 7 + 2) < 0.6)[day // 7]
    return measured(rng, volume(rng) * rate * np.where(event, rng.uniform(1.2, 2.5), 1.0))


@family("clock")
def nightly_build(rng: Generator, n: int) -> FloatArray:
    """Office commits by day; at night a plateau of hours that some nights fails to come."""
    tod, dow, _ = local_clock(rng, n)
    x = 0.1 + office_hours(rng, tod, dow) * np.exp(
        autoregression(rng, n, log_uniform(rng, 5, 60), rng.uniform(0.1, 0.5))
    )
    at, hold = int(rng.integers(0, 48)) * 30, log_uniform(rng, 30, 360)
    size, fails = rng.uniform(0.8, 6), rng.uniform(0, 0.15)
    for day in range(n // DAY + 1):
        if day % 7 < 5 and not chance(rng, fails):
            pulse(x, day * DAY + at, size, 1, hold * np.exp(rng.normal(0, 0.15)), 0)
    return measured(rng, volume(rng) * x)


@family("clock")
def timetable(rng: Generator, n: int) -> FloatArray:
    """A ferry or train calls at fixed minutes by day; some calls are cancelled."""
    _, dow, _ = local_clock(rng, n)
    x = np.full(n, rng.uniform(0.1, 0.5))
    period, lag = int(rng.choice([20, 30, 40, 60, 90, 120])), int(rng.integers(0, 60))
    first, last = int(rng.integers(300, 420)), int(rng.integers(1200, 1400))
    busy, cancelled = day_shape(rng, np.arange(DAY), 0.6), rng.uniform(0, 0.1)
    for day in range(n // DAY + 1):
        for at in range(first, last, period):
            if not chance(rng, cancelled):
                hold, decay = float(rng.integers(1, 6)), log_uniform(rng, 2, 10)
                pulse(x, day * DAY + at + lag, 3 * busy[at], 2, hold, decay)
    return measured(rng, volume(rng) * x * np.where(dow >= 5, rng.uniform(0.4, 1.2), 1.0))


@family("clock")
def odd_period_job(rng: Generator, n: int) -> FloatArray:
    """A job every P minutes, P neither a divisor nor a multiple of the day."""
    tod, _, _ = local_clock(rng, n)
    x = day_shape(rng, tod, rng.uniform(0, 0.5))
    period, begin = int(log_uniform(rng, 33, 700)), int(rng.integers(0, 300))
    size, hold = rng.uniform(1, 8), log_uniform(rng, 2, 60)
    for at in range(begin, n, period):
        pulse(x, at, size * rng.uniform(0.85, 1.15), 1, min(hold, period / 2), 0)
    return measured(rng, volume(rng) * x)


@family("clock")
def prayer_times(rng: Generator, n: int) -> FloatArray:
    """Five peaks a day whose times move by a minute or two from day to day."""
    tod, _, _ = local_clock(rng, n)
    x = day_shape(rng, tod, 0.4)
    at = np.sort(rng.uniform(240, 1320, 5))
    drift, size = rng.uniform(-2, 2, 5), rng.uniform(0.8, 6, 5)
    decay = log_uniform(rng, 5, 25)
    for day in range(n // DAY + 1):
        for k in range(5):
            height = size[k] * (rng.uniform(1.5, 4) if k == 2 and day % 7 == 4 else 1)
            rise = float(rng.integers(2, 8))
            pulse(x, day * DAY + at[k] + drift[k] * day, height, rise, 3, decay)
    return measured(rng, volume(rng) * x)
