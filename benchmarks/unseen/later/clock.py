"""Jumps and pulses at fixed times of some clock."""

import numpy as np
from numpy.random import Generator

from benchmarks.unseen.parts import (
    DAY,
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
    volume,
)


def since_tick(rng: Generator, n: int, period: float) -> FloatArray:
    """Return the minutes since the last tick of a clock of some period and any phase."""
    return np.asarray((np.arange(n) + rng.uniform(0, period)) % period, dtype=np.float64)


def quiet_base(rng: Generator, n: int) -> FloatArray:
    """Return a daily shape of low contrast."""
    return day_shape(rng, local_clock(rng, n)[0], rng.uniform(0.05, 0.6))


@family("clock")
def cache_ttl_stampedes(rng: Generator, n: int) -> FloatArray:
    """Groups of cache entries expire at fixed intervals and are filled again, by demand."""
    demand = quiet_base(rng, n)
    x = demand * rng.uniform(0.1, 1)
    for _ in range(int(rng.integers(1, 5))):
        life = log_uniform(rng, 15, 1000)
        if chance(rng, 0.6):
            life = float(rng.choice([15, 20, 30, 60, 90, 120, 180, 240, 360, 720]))
        fill = log_uniform(rng, 0.7, life / 6)
        burst = np.exp(-since_tick(rng, n, life + rng.choice([0.0, fill])) / fill)
        x += log_uniform(rng, 0.2, 20) * demand ** rng.uniform(0.5, 1.5) * burst
    return measured(rng, volume(rng) * x)


@family("clock")
def token_echoes(rng: Generator, n: int) -> FloatArray:
    """Everybody logs in at the start of work; their tokens' renewals echo it all day, blurred."""
    minute, day, number = local_clock(rng, n)
    template = np.zeros(2 * DAY)
    clock = np.arange(2 * DAY)
    start, life = rng.uniform(400, 640), float(rng.choice([15, 30, 45, 60, 60, 90, 120, 240]))
    sharp, blur, stay = log_uniform(rng, 1.5, 25), log_uniform(rng, 0.2, 5), rng.uniform(0.6, 0.97)
    for k in range(int(rng.uniform(360, 660) / life) + 1):
        spread = np.hypot(sharp, blur * np.sqrt(k))
        bell = np.exp(-0.5 * ((clock - start - k * life) / spread) ** 2) / spread
        template += stay**k * bell * (1.0 if k else rng.uniform(1, 4))
    template = template[:DAY] / template[:DAY].mean()
    sizes = rng.lognormal(0, rng.uniform(0.02, 0.2), int(number.max()) + 1)
    works = np.where(day < 5, 1.0, rng.uniform(0, 0.2))
    rest = log_uniform(rng, 0.05, 3) * quiet_base(rng, n)
    return measured(rng, volume(rng, 5) * (template[minute] * works * sizes[number] + rest))


@family("clock")
def pipeline_waterfall(rng: Generator, n: int) -> FloatArray:
    """A data pipeline begins at a fixed time; each stage begins when the one before it ends."""
    x = log_uniform(rng, 0.01, 1) * quiet_base(rng, n)
    stages = int(rng.integers(2, 10))
    lengths = np.exp(rng.uniform(np.log(4), np.log(150), stages))
    heights = np.exp(rng.normal(0, rng.uniform(0.3, 1.5), stages)) * log_uniform(rng, 0.5, 8)
    every, first = rng.choice([240, 480, DAY, DAY, DAY]), rng.uniform(0, DAY)
    vary, workdays = rng.uniform(0, 0.3), chance(rng, 0.3)
    for run in np.arange(first - DAY, n, every):
        if workdays and (run // DAY) % 7 >= 5:
            continue
        begin, data = run, rng.lognormal(0, vary)
        for length, height in zip(lengths, heights, strict=True):
            end = begin + length * data * rng.lognormal(0, vary)
            plateau(x, begin, end, height)
            begin = end + rng.exponential(2)
    return measured(rng, volume(rng) * x)


@family("clock")
def cheap_hours(rng: Generator, n: int) -> FloatArray:
    """Batches run in each day's cheapest hours of electricity: jumps at full hours."""
    minute, _, number = local_clock(rng, n)
    days = int(number[-1] - number[0]) + 1
    price = -np.log(day_shape(rng, np.arange(24) * 60, rng.uniform(0.2, 1)))
    wind = rng.normal(0, log_uniform(rng, 0.02, 0.6), (days, 24)).cumsum(1)
    rank = np.argsort(np.argsort(price + wind, axis=1), axis=1)
    most = int(rng.integers(2, 12))
    taken = rng.integers(max(1, most - 3), most + 1, days)
    runs = (rank < taken[:, None]).astype(float)
    into = np.clip((minute % 60 + 1) / log_uniform(rng, 1, 12), 0, 1)
    here = runs[number - number[0], minute // 60] * into
    sizes = rng.lognormal(0, rng.uniform(0, 0.4), days)[number - number[0]]
    base = quiet_base(rng, n)
    return measured(rng, volume(rng, 10) * (base + log_uniform(rng, 0.5, 30) * here * sizes))


@family("clock")
def auction_closings(rng: Generator, n: int) -> FloatArray:
    """Auctions close in a row of an evening: bids rise hyperbolically to each close, then fall."""
    minute, day, number = local_clock(rng, n)
    step = int(rng.choice([10, 15, 20, 30, 60, 120]))
    begin = int(rng.integers(8, 19)) * 60
    end = min(begin + step * int(rng.integers(2, 20)), DAY)
    on = (minute >= begin) & (minute < end)
    on &= np.isin(day, rng.permutation(7)[: int(rng.integers(2, 8))])
    left = step - 1 - minute % step
    rush = (1 + left / log_uniform(rng, 0.5, 10)) ** -rng.uniform(0.7, 2.5)
    lots = rng.lognormal(0, rng.uniform(0.1, 1.2), (int(number[-1]) + 1, DAY // step))
    bids = rush * lots[number, minute // step] * on
    x = quiet_base(rng, n) + log_uniform(rng, 0.5, 50) * bids
    return measured(rng, volume(rng) * x)


@family("clock")
def tournament_rounds(rng: Generator, n: int) -> FloatArray:
    """Tournaments on some days: pairings burst at each round, players halve, spectators grow."""
    x = quiet_base(rng, n)
    days = set(rng.permutation(7)[: int(rng.integers(1, 5))].tolist())
    start, gap = rng.uniform(0, DAY), float(rng.choice([15, 20, 30, 45, 60, 75, 90]))
    rounds, halving = int(rng.integers(3, 11)), rng.uniform(0.5, 1)
    players, watch = log_uniform(rng, 0.5, 40), log_uniform(rng, 0.02, 5)
    decay = log_uniform(rng, 1, gap / 3)
    for date in range(n // DAY + 1):
        if date % 7 not in days:
            continue
        field = players * rng.lognormal(0, 0.25)
        for k in range(rounds):
            at = date * DAY + start + k * gap
            pulse(x, at, field * halving**k, rng.uniform(1, 4), 0, decay)
            plateau(x, at, at + gap - 3, watch * 1.3**k)
    return measured(rng, volume(rng) * x)


@family("clock")
def beating_clocks(rng: Generator, n: int) -> FloatArray:
    """Pulse trains of almost equal periods slide over each other; where they meet they hinder."""
    period = log_uniform(rng, 20, 500)
    crowd = np.zeros(n)
    for i in range(int(rng.integers(2, 5))):
        detuned = period * (1 + (i > 0) * rng.choice([-1, 1]) * log_uniform(rng, 0.002, 0.08))
        width = max(2.0, period * rng.uniform(0.03, 0.3))
        crowd += rng.uniform(0.4, 1.3) * (since_tick(rng, n, detuned) < width)
    x = rng.uniform(0.05, 1.5) * quiet_base(rng, n)
    x += log_uniform(rng, 0.3, 15) * crowd ** rng.uniform(0.7, 2.5)
    return measured(rng, volume(rng, 10) * x)


@family("clock")
def lottery_rollover(rng: Generator, n: int) -> FloatArray:
    """Lottery: sales rush to each draw and stop, all look at the result; jackpots roll over."""
    x = quiet_base(rng, n)
    days = set(rng.permutation(7)[: int(rng.integers(1, 4))].tolist())
    at, closed = rng.uniform(600, 1380), rng.uniform(5, 90)
    grow, won = rng.uniform(1.1, 1.8), rng.uniform(0.08, 0.4)
    sell, look, decay = (
        log_uniform(rng, 0.3, 10),
        log_uniform(rng, 0.5, 25),
        log_uniform(rng, 4, 60),
    )
    hurry, jackpot = log_uniform(rng, 15, 300), log_uniform(rng, 1, 3)
    t = np.arange(n)
    for date in range(n // DAY + 2):
        if date % 7 not in days:
            continue
        draw = date * DAY + at
        left = draw - closed - t
        x += sell * jackpot * np.where(left > 0, np.exp(-np.maximum(left, 0) / hurry), 0)
        pulse(x, draw + rng.uniform(0, 3), look * jackpot, rng.uniform(1, 5), 0, decay)
        jackpot = 1.0 if chance(rng, won) else min(jackpot * grow, 12.0)
    return measured(rng, volume(rng) * x)


@family("clock")
def quota_resets(rng: Generator, n: int) -> FloatArray:
    """Clients of a metered model spend their quota soon after each reset, sooner when busy."""
    demand = day_shape(rng, local_clock(rng, n)[0])
    x = rng.uniform(0.02, 0.8) * demand
    for window in rng.permutation([60, 180, 300, 480, DAY])[: int(rng.integers(1, 4))].tolist():
        since = since_tick(rng, n, window)
        since = np.floor(since) if chance(rng, 0.5) else since
        lasts = window * log_uniform(rng, 0.02, 0.7) / demand ** rng.uniform(0, 1)
        unspent = 1 / (
            1 + np.exp(np.clip((since - lasts) / (lasts * rng.uniform(0.05, 0.5)), -50, 50))
        )
        x += log_uniform(rng, 0.3, 12) * demand ** rng.uniform(0, 1) * unspent
    return measured(rng, volume(rng, 5) * x)


@family("clock")
def backup_rotation(rng: Generator, n: int) -> FloatArray:
    """Backups: short ones every few hours, daily ones that grow until the weekly full one."""
    minute, day, _ = local_clock(rng, n)
    x = rng.uniform(0.1, 1) * day_shape(rng, minute) * (0.3 + office_hours(rng, minute, day))
    gap, full_day = int(rng.choice([60, 120, 180, 240, 360])), int(rng.integers(0, 7))
    start, archive = rng.uniform(0, DAY), rng.integers(1, 29)
    short, daily, full = rng.uniform(2, 15), log_uniform(rng, 8, 60), log_uniform(rng, 60, 700)
    height = log_uniform(rng, 0.4, 15)
    for at in np.arange(start % gap, n, gap):
        plateau(x, at, at + short * rng.lognormal(0, 0.2), height * rng.uniform(0.3, 1))
    for date in range(-1, n // DAY + 1):
        begin, age = date * DAY + start, (date - full_day) % 7
        length = full if age == 0 else daily * age
        plateau(x, begin, begin + length * rng.lognormal(0, 0.1), height)
        if date % 30 == archive:
            plateau(
                x, begin + full, begin + full + rng.uniform(60, 900), height * rng.uniform(0.5, 2)
            )
    return measured(rng, volume(rng) * x)
