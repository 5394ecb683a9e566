"""No pattern of the clock at all."""

import numpy as np
from numpy.random import Generator

from benchmarks.unseen.parts import (
    DAY,
    WEEK,
    FloatArray,
    arrivals,
    autoregression,
    chance,
    counts,
    family,
    log_uniform,
    measured,
    plateau,
    pulse,
    volume,
    wobble,
)


def offered(
    fresh: FloatArray, capacity: float, delay: float, persist: float, shed: int
) -> FloatArray:
    """Return fresh requests and retries at a service that does less the more it is overloaded."""
    waiting, overloaded, out = 0.0, 0, []
    for new in fresh.tolist():
        retries = waiting / delay
        total = min(new + retries, 40 * capacity)
        done = total if total <= capacity else capacity * capacity / total
        waiting = waiting - retries + persist * (total - done)
        overloaded = overloaded + 1 if total > 1.2 * capacity else 0
        if overloaded > shed:
            waiting, overloaded = 0.0, 0
        out.append(total)
    return np.array(out)


@family("none")
def retry_storms(rng: Generator, n: int) -> FloatArray:
    """Small overloads tip a service over: retries keep it down until load is shed."""
    fresh = np.exp(autoregression(rng, n, log_uniform(rng, 30, 2000), rng.uniform(0.05, 0.3)))
    for at in arrivals(rng, n, log_uniform(rng, 0.3, 5) * DAY):
        pulse(fresh, at, log_uniform(rng, 0.3, 4), rng.uniform(1, 5), 0, log_uniform(rng, 1, 30))
    persist, shed = rng.uniform(0.8, 0.98), int(log_uniform(rng, 20, 600))
    capacity, delay = rng.uniform(1.25, 2.2), log_uniform(rng, 1, 15)
    return measured(rng, volume(rng) * offered(fresh, capacity, delay, persist, shed), 0.02, 0.08)


@family("none")
def aftershocks(rng: Generator, n: int) -> FloatArray:
    """Earthquakes: heights without scale, aftershocks and interest that die down as Omori's law."""
    x = np.full(n, 1.0)
    c, p = log_uniform(rng, 2, 40), rng.uniform(0.9, 1.6)
    spread, first = rng.uniform(0.3, 0.75), log_uniform(rng, 0.2, 4)
    shocks = []
    for at in arrivals(rng, n + 10 * DAY, log_uniform(rng, 0.7, 8) * DAY) - 10 * DAY:
        magnitude = min(rng.exponential(spread), 2.3)
        number = min(rng.poisson(2 * 10**magnitude), 60)
        delays = c * (rng.uniform(1e-3, 1, number) ** (-1 / p) - 1) * rng.uniform(1, 10)
        smaller = magnitude - 0.4 - rng.exponential(spread, number)
        shocks += [(at, magnitude), *zip((at + delays).tolist(), smaller.tolist(), strict=True)]
    for at, magnitude in shocks:
        begin, end = max(round(at), 0), min(round(at) + 4000, n)
        age = np.arange(begin, max(end, begin)) - round(at)
        x[begin : max(end, begin)] += first * 10**magnitude * (1 + age / c) ** -p
    return measured(rng, volume(rng, 5, 20000) * x)


@family("none")
def delayed_control(rng: Generator, n: int) -> FloatArray:
    """Admission by an old measurement: the delayed feedback of Mackey and Glass, waves to chaos."""
    delay = int(log_uniform(rng, 12, 400))
    loss = rng.uniform(1.2, 7) / delay
    power, gain = rng.uniform(6, 14), loss * rng.uniform(1.7, 2.4)
    kicks = (1 + rng.normal(0, log_uniform(rng, 0.002, 0.1), n)).tolist()
    x = (1 + rng.uniform(-0.3, 0.3, delay)).tolist()
    for i in range(n):
        old = x[i]
        x.append((x[-1] * (1 - loss) + gain * old / (1 + old**power)) * max(kicks[i], 0.1))
    wave = np.array(x[delay:])
    calm = rng.uniform(0, 1)
    drift = np.exp(autoregression(rng, n, 3 * DAY, rng.uniform(0, 0.3)))
    return measured(rng, volume(rng, 10) * drift * (calm + wave ** rng.uniform(1, 2.5)), 0.01, 0.05)


@family("none")
def multiplicative_cascade(rng: Generator, n: int) -> FloatArray:
    """A multifractal: each span of time splits in two halves of unequal luck, down to minutes."""
    levels = int(np.ceil(np.log2(n)))
    deviation, steeper = rng.uniform(0.08, 0.42), rng.uniform(0.9, 1.1)
    finest, coarsest = levels - int(rng.integers(0, 5)), int(rng.integers(0, 6))
    log = np.zeros(1 << levels)
    for level in range(coarsest, finest + 1):
        luck = rng.normal(0, deviation * steeper ** (level - 8), 1 << level)
        log += np.repeat(luck, 1 << (levels - level))
    offset = int(rng.integers(0, len(log) - n + 1))
    x = np.exp(log - log.max())[offset : offset + n]
    return counts(rng, volume(rng, 5) * x / x.mean())


@family("none")
def probing_attacks(rng: Generator, n: int) -> FloatArray:
    """Attackers probe: bouts of bursts, each a little higher, until they are blocked."""
    x = np.exp(autoregression(rng, n, log_uniform(rng, 60, 3000), rng.uniform(0.02, 0.3)))
    gap = log_uniform(rng, 0.4, 7) * DAY
    strongest = log_uniform(rng, 3, 200)
    for at in arrivals(rng, n, gap):
        length, pause = log_uniform(rng, 1, 90), log_uniform(rng, 2, 240)
        height, harder = log_uniform(rng, 0.3, strongest), rng.uniform(1, 1.5)
        begin = float(at)
        for _ in range(min(int(rng.geometric(rng.uniform(0.03, 0.5))), 60)):
            plateau(x, begin, begin + length, height)
            begin += length + pause * rng.lognormal(0, 0.5)
            height = min(height * harder, strongest)
    return measured(rng, volume(rng) * x, 0.02, 0.08)


@family("none")
def integrate_and_fire(rng: Generator, n: int) -> FloatArray:
    """Goods gather until a lorry is full: batches almost at a beat, which no clock gives."""
    x = np.full(n, log_uniform(rng, 0.01, 1))
    t = np.arange(n)
    flow = np.exp(autoregression(rng, n, log_uniform(rng, 200, 6000), rng.uniform(0, 0.8)))
    total = np.cumsum(flow / flow.mean())
    for _ in range(int(rng.integers(1, 6))):
        full = log_uniform(rng, 20, 1500)
        regular = full * log_uniform(rng, 1, 300)
        levels = np.cumsum(rng.wald(full, regular, int(2 * n / full) + 20))
        times = np.interp(levels[levels < total[-1]], total, t)
        height, hold = log_uniform(rng, 0.3, 12), full * log_uniform(rng, 0.02, 0.4)
        decay = rng.choice([0.0, hold / 3])
        for at in times.tolist():
            pulse(x, at, height * rng.lognormal(0, 0.15), 1, hold * rng.lognormal(0, 0.2), decay)
    return measured(rng, volume(rng, 10) * x)


@family("none")
def volatility_clusters(rng: Generator, n: int) -> FloatArray:
    """A trading venue: messages follow a volatility that feeds on its own surprises (GARCH)."""
    memory, react = 1 - log_uniform(rng, 0.0008, 0.02), log_uniform(rng, 0.015, 0.2)
    freedom = rng.uniform(3, 9)
    shocks = rng.standard_t(freedom, n) / np.sqrt(freedom / (freedom - 2))
    squares = np.minimum(shocks**2, 400.0)
    variance, out = 1.0, []
    for square in squares.tolist():
        out.append(variance)
        variance = 1 - memory + variance * (memory - react + react * square)
        variance = min(variance, 5000.0)
    scale = np.array(out) ** rng.uniform(0.5, 0.9)
    mixed, floor = rng.uniform(0, 1), log_uniform(rng, 0.02, 2)
    rate = floor + scale * (1 - mixed + mixed * np.sqrt(squares))
    return counts(rng, volume(rng, 5, 100000) * rate * wobble(rng, n, 0.01, 0.05))


def sessions(rng: Generator, n: int, mean: float, minutes: float) -> FloatArray:
    """Return how many sessions are open, when they begin at random and last exponentially."""
    warm = int(6 * minutes)
    begins = rng.uniform(-warm, n, rng.poisson(mean / minutes * (n + warm)))
    ends = begins + rng.exponential(minutes, len(begins))
    change = np.zeros(n + 1)
    np.add.at(change, np.clip(np.ceil(begins), 0, n).astype(int), 1)
    np.add.at(change, np.clip(np.ceil(ends), 0, n).astype(int), -1)
    still: FloatArray = np.cumsum(change[:n])
    return still


@family("none")
def black_swan(rng: Generator, n: int) -> FloatArray:
    """Weeks of open sessions and nothing else; then one enormous event, sudden or announced."""
    users = log_uniform(rng, 8, 3000)
    x = sessions(rng, n, users, log_uniform(rng, 60, 600)) / users
    at, height = rng.uniform(n - WEEK, n - 200), log_uniform(rng, 4, 200)
    t = np.arange(n)
    if chance(rng, 0.4):
        left, near = np.maximum(at - t, 0), log_uniform(rng, 2, 60)
        x += height * np.where(t < at, (1 + left / near) ** -rng.uniform(1, 2.5), 0)
    rise, hold = log_uniform(rng, 1, 40), log_uniform(rng, 1, 300)
    pulse(x, at, height, rise, hold, log_uniform(rng, 2, 600))
    if chance(rng, 0.3):
        echo = at + log_uniform(rng, 60, 2000)
        pulse(x, echo, height * rng.uniform(0.2, 1.2), rise, hold, log_uniform(rng, 2, 200))
    return measured(rng, volume(rng, 4, 20000) * x, 0.01, 0.05)


def texture(rng: Generator, n: int, which: int) -> FloatArray:
    """Return one of six characters of a load, mean about 1."""
    if which == 0:
        return rng.gamma(shape := log_uniform(rng, 0.3, 30), 1 / shape, n)
    if which == 1:
        deviation = rng.uniform(0.1, 0.9)
        return np.exp(
            autoregression(rng, n, log_uniform(rng, 10, 2000), deviation) - deviation**2 / 2
        )
    if which == 2:
        users = log_uniform(rng, 3, 500)
        return sessions(rng, n, users, log_uniform(rng, 15, 500)) / users
    changes = arrivals(rng, n, log_uniform(rng, 8, 1000))
    place = np.searchsorted(changes, np.arange(n))
    if which == 3:
        return rng.lognormal(0, rng.uniform(0.2, 1.2), len(changes) + 1)[place]
    if which == 4:
        return np.where(place % 2 == 0, rng.uniform(0, 0.4), 1.8)
    x = np.full(n, rng.uniform(0.05, 0.8))
    decay = log_uniform(rng, 1, 40)
    for at in changes[:: max(1, len(changes) // 1500)].tolist():
        pulse(x, at, log_uniform(rng, 0.5, 12), 1, 0, decay)
    return x


@family("none")
def changed_character(rng: Generator, n: int) -> FloatArray:
    """Noise, steps, spikes or sessions become another of these in or just before the last week."""
    first, second = rng.permutation(6)[:2].tolist()
    old, new = texture(rng, n, first), log_uniform(rng, 0.25, 5) * texture(rng, n, second)
    t = np.arange(n)
    moment = rng.uniform(n - WEEK - 2 * DAY, n - DAY)
    share = np.clip((t - moment) / log_uniform(rng, 1, DAY), 0, 1)
    if chance(rng, 0.3):
        back = moment + log_uniform(rng, 0.2, 5) * DAY
        share = share * (t < back)
    kept = rng.choice([0.0, 0.0, 1.0])
    x = old * (1 - share * (1 - kept)) + new * share
    return measured(rng, volume(rng, 8) * x, 0.01, 0.06)


@family("none")
def rising_topics(rng: Generator, n: int) -> FloatArray:
    """Topics that go round: each rises exponentially and fades more slowly, few are enormous."""
    x = np.exp(autoregression(rng, n, log_uniform(rng, 100, 4000), rng.uniform(0.02, 0.4)))
    tail, first = rng.uniform(0.8, 2.5), log_uniform(rng, 0.1, 2)
    quick, slow = log_uniform(rng, 1.5, 60), log_uniform(rng, 1.2, 12)
    for at in arrivals(rng, n, log_uniform(rng, 60, 3 * DAY)):
        rise = quick * rng.lognormal(0, 0.5)
        fade = min(rise * slow * rng.lognormal(0, 0.5), 900.0)
        height = min(first * (1 + rng.pareto(tail)), 300.0)
        begin, end = max(int(at - 9 * rise), 0), min(int(at + 9 * fade), n)
        age = np.arange(begin, end) - at
        x[begin:end] += 2 * height / (np.exp(-age / rise) + np.exp(age / fade))
    return measured(rng, volume(rng, 5) * x)
