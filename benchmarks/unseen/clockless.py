"""Load without a clock."""

import numpy as np
from numpy.random import Generator

from benchmarks.unseen.clock import cron_fleet
from benchmarks.unseen.mild import api_b2b, web_daily_weekly
from benchmarks.unseen.parts import (
    DAY,
    FloatArray,
    arrivals,
    autoregression,
    chance,
    counts,
    day_shape,
    family,
    fractional_noise,
    local_clock,
    log_uniform,
    measured,
    plateau,
    pulse,
    volume,
    wobble,
)


@family("none")
def queue_length(rng: Generator, n: int) -> FloatArray:
    """Length of a single queue near saturation: a reflected walk."""
    slack, scale = rng.uniform(0.005, 0.05), volume(rng, 5, 500)
    steps = rng.poisson(1.0, n) - rng.poisson(1.0 + slack, n)
    walk = np.cumsum(steps)
    return scale * (walk - np.minimum.accumulate(np.minimum(walk, 0)) + rng.uniform(0.5, 10))


@family("none")
def regime_switching(rng: Generator, n: int) -> FloatArray:
    """Levels that hold for random times."""
    number = int(rng.integers(2, 6))
    levels = np.sort(np.exp(rng.normal(0, rng.uniform(0.5, 1.2), number)))
    stay = np.array([log_uniform(rng, 10, 1500) for _ in range(number)])
    rate, at, state = np.empty(n), 0, 0
    while at < n:
        length = int(rng.exponential(stay[state])) + 1
        rate[at : at + length] = levels[state]
        at += length
        state = int((state + rng.integers(1, number)) % number)
    return measured(rng, volume(rng) * rate)


@family("none")
def self_exciting(rng: Generator, n: int) -> FloatArray:
    """Discrete Hawkes process: events bring about events."""
    branching, decay = rng.uniform(0.6, 0.97), float(np.exp(-1 / log_uniform(rng, 1, 60)))
    base = log_uniform(rng, 0.2, 20) * (1 - branching)
    excited, out = base, np.empty(n)
    for t in range(n):
        count = rng.poisson(min(base + excited, 1e6))
        out[t] = count
        excited = decay * excited + branching * (1 - decay) * count
    events: FloatArray = out * rng.choice([1, 1, 10, 100])
    return events


@family("none")
def heavy_onoff(rng: Generator, n: int) -> FloatArray:
    """Sum of sources whose times on and off are Pareto."""
    x, alpha = np.zeros(n + 1), rng.uniform(1.1, 1.8)
    least_on, least_off = log_uniform(rng, 2, 60), log_uniform(rng, 5, 200)
    for _ in range(int(rng.integers(5, 60))):
        at, rate, on = -rng.uniform(0, 2000), rng.gamma(1.5), chance(rng, 0.3)
        while at < n:
            length = (least_on if on else least_off) * (1 + rng.pareto(alpha))
            if on and at + length > 0:
                x[max(int(at), 0)] += rate
                x[min(int(at + length), n)] -= rate
            at += length
            on = not on
    return measured(rng, volume(rng) * np.maximum(np.cumsum(x)[:n], 0) + 1, 0.01, 0.06)


@family("none")
def log_random_walk(rng: Generator, n: int) -> FloatArray:
    """The log of load walks slowly."""
    step = log_uniform(rng, 0.003, 0.04)
    walk = autoregression(rng, n, log_uniform(rng, 2000, 20000), 1.0)
    walk *= step / np.std(np.diff(walk))
    return counts(rng, volume(rng) * np.exp(np.clip(walk, -4, 4)))


@family("none")
def few_requests(rng: Generator, n: int) -> FloatArray:
    """Counts of few a minute; machines serve less than one each."""
    tod, _, _ = local_clock(rng, n)
    return counts(rng, log_uniform(rng, 0.2, 8) * day_shape(rng, tod, rng.uniform(0, 0.8)))


@family("none")
def chaotic_map(rng: Generator, n: int) -> FloatArray:
    """Logistic or intermittent map, each value held or joined up over some minutes."""
    hold = int(log_uniform(rng, 1, 60))
    r, z, values = rng.uniform(3.58, 4.0), rng.uniform(0.1, 0.9), []
    intermittent, power = chance(rng, 0.4), rng.uniform(1.5, 2.5)
    for _ in range(n // hold + 2):
        if intermittent:
            z = (z + z**power) % 1.0 if z > 1e-4 else float(rng.uniform(0.001, 0.1))
        else:
            z = min(max(r * z * (1 - z), 1e-6), 1 - 1e-6)
        values.append(z)
    known, t = np.array(values), np.arange(n)
    stairs = chance(rng, 0.5)
    level = known[t // hold] if stairs else np.interp(t / hold, np.arange(len(known)), known)
    return counts(rng, volume(rng) * (rng.uniform(0.05, 0.5) + level))


@family("none")
def thundering_herd(rng: Generator, n: int) -> FloatArray:
    """Now and then everyone is cut off and comes back at once, in echoes that grow apart."""
    base = np.exp(autoregression(rng, n, log_uniform(rng, 100, 2000), rng.uniform(0.05, 0.4)))
    x = base.copy()
    for at in arrivals(rng, n, rng.uniform(0.3, 4) * DAY):
        down = int(log_uniform(rng, 1, 20))
        x[int(at) : int(at) + down] *= 0.1
        when, height, wait = at + down, rng.uniform(2, 20), log_uniform(rng, 1, 8)
        while height > 0.2:
            pulse(x, when, height, 1, wait * 0.2, 1.0)
            when, wait, height = when + wait, wait * 2, height * rng.uniform(0.3, 0.8)
    return measured(rng, volume(rng) * x)


@family("none")
def gpu_tenants(rng: Generator, n: int) -> FloatArray:
    """A few tenants hold batch jobs of log-normal length; levels are stairs."""
    x = np.full(n, rng.uniform(0.0, 1.0))
    for _ in range(int(rng.integers(2, 12))):
        gap, long = log_uniform(rng, 120, 3000), log_uniform(rng, 20, 1500)
        size = float(rng.choice([1, 2, 4, 8]))
        for at in arrivals(rng, n, gap):
            plateau(x, at, at + long * np.exp(rng.normal(0, 0.9)), size)
    return volume(rng, 10, 1000) * x * np.exp(autoregression(rng, n, 5, 0.01))


@family("none")
def tenant_sum(rng: Generator, n: int) -> FloatArray:
    """Many tenants, each of a kind of its own."""
    kinds = [web_daily_weekly, regime_switching, flash_crowds, cron_fleet, gamma_noise, api_b2b]
    x = np.zeros(n)
    for _ in range(int(rng.integers(3, 9))):
        one = kinds[int(rng.integers(len(kinds)))](rng, n)
        x += one / max(one.mean(), 1e-9) * rng.gamma(0.8)
    return volume(rng) * x


@family("none")
def flash_crowds(rng: Generator, n: int) -> FloatArray:
    """Crowds at random times, with decay by power law or exponential."""
    tod, _, _ = local_clock(rng, n)
    x = day_shape(rng, tod, rng.uniform(0, 0.7))
    power = chance(rng, 0.5)
    for at in arrivals(rng, n, log_uniform(rng, 0.2, 4) * DAY):
        height, rise = min(1 + rng.pareto(1.5), 30) * rng.uniform(0.5, 2), log_uniform(rng, 1, 30)
        if power:
            s = np.arange(n - int(at), dtype=float)
            x[int(at) :] += (
                height * np.clip((s + 1) / rise, 0, 1) / (1 + s / log_uniform(rng, 5, 60)) ** 1.3
            )
        else:
            pulse(x, at, height, rise, 0, log_uniform(rng, 5, 240))
    return measured(rng, volume(rng) * x)


@family("none")
def ad_campaigns(rng: Generator, n: int) -> FloatArray:
    """Campaigns begin at any time and hold a level for hours; budgets end them abruptly."""
    tod, _, _ = local_clock(rng, n)
    x = day_shape(rng, tod, rng.uniform(0.1, 0.6))
    for at in arrivals(rng, n, log_uniform(rng, 0.3, 3) * DAY):
        pulse(x, at, rng.gamma(1.5) * 1.5, log_uniform(rng, 1, 20), log_uniform(rng, 30, 1500), 0)
    return measured(rng, volume(rng) * x)


@family("none")
def fractional(rng: Generator, n: int) -> FloatArray:
    """Exponential of fractional noise, with or without a day."""
    tod, _, _ = local_clock(rng, n)
    noise = rng.uniform(0.15, 0.8) * fractional_noise(rng, n, rng.uniform(0.6, 0.97))
    return counts(rng, volume(rng) * np.exp(noise) * day_shape(rng, tod, rng.choice([0, 0.3, 0.7])))


@family("none")
def gamma_noise(rng: Generator, n: int) -> FloatArray:
    """Independent noise, up to very rough."""
    tod, _, _ = local_clock(rng, n)
    k = log_uniform(rng, 0.4, 20)
    return volume(rng) * day_shape(rng, tod, rng.uniform(0, 0.8)) * rng.gamma(k, 1 / k, n)


@family("none")
def poisson_lognormal(rng: Generator, n: int) -> FloatArray:
    """Poisson counts of a log-normal rate."""
    sd = rng.uniform(0.2, 1.2)
    log = (
        rng.normal(0, sd, n)
        if chance(rng, 0.5)
        else autoregression(rng, n, log_uniform(rng, 1, 15), sd)
    )
    return counts(rng, log_uniform(rng, 2, 2000) * np.exp(log))


@family("none")
def step_levels(rng: Generator, n: int) -> FloatArray:
    """Piecewise constant with steps at random times."""
    gap, spread = log_uniform(rng, 60, 4000), rng.uniform(0.2, 1.0)
    at = np.concatenate(([0.0], arrivals(rng, n, gap)))
    level = np.exp(rng.normal(0, spread, len(at)))
    return measured(rng, volume(rng) * level[np.searchsorted(at, np.arange(n), side="right") - 1])


@family("none")
def shot_noise(rng: Generator, n: int) -> FloatArray:
    """Jumps up at random times that decay at once, many or few of them."""
    gap, decay = log_uniform(rng, 3, 300), log_uniform(rng, 5, 300)
    jumps = np.zeros(n)
    times = arrivals(rng, n, gap).astype(int)
    np.add.at(jumps, times, rng.exponential(1.0, len(times)))
    x, out, keep = 0.0, [], float(np.exp(-1 / decay))
    for jump in jumps.tolist():
        x = keep * x + jump
        out.append(x)
    return measured(rng, volume(rng) * (rng.uniform(0.05, 1.0) + np.array(out)), 0.01, 0.05)


@family("none")
def bulk_arrivals(rng: Generator, n: int) -> FloatArray:
    """Compound Poisson: whole batches arrive within one minute or a few."""
    x = np.full(n, log_uniform(rng, 0.1, 3))
    for at in arrivals(rng, n, log_uniform(rng, 2, 120)):
        plateau(x, at, at + rng.integers(1, 6), rng.lognormal(0.5, rng.uniform(0.2, 1.0)))
    return counts(rng, volume(rng, 10, 3000) * x)


@family("none")
def stable_walk(rng: Generator, n: int) -> FloatArray:
    """Log level moves by heavy-tailed steps and creeps back to its mean."""
    alpha, scale = rng.uniform(1.2, 1.9), log_uniform(rng, 0.0005, 0.006)
    steps = rng.choice([-1.0, 1.0], n) * (rng.pareto(alpha, n)) * scale
    keep, x, out = 1 - 1 / log_uniform(rng, 300, 6000), 0.0, []
    for step in steps.tolist():
        x = min(max(keep * x + step, -3.0), 3.0)
        out.append(x)
    return counts(rng, volume(rng) * np.exp(np.array(out)))


@family("none")
def sawtooth(rng: Generator, n: int) -> FloatArray:
    """Fills up and is flushed: teeth of equal, random or state-dependent length."""
    x, at = np.empty(n), 0
    tooth, regular = log_uniform(rng, 15, 800), chance(rng, 0.4)
    floor, falling = rng.uniform(0.05, 0.5), chance(rng, 0.3)
    while at < n:
        length = int(tooth if regular else rng.gamma(4.0, tooth / 4)) + 2
        part = np.linspace(0, 1, length)[: n - at]
        x[at : at + length] = floor + (1 - part if falling else part) * rng.uniform(0.8, 1.2)
        at += length
    return measured(rng, volume(rng) * x, 0.01, 0.08)


@family("none")
def backlog_recovery(rng: Generator, n: int) -> FloatArray:
    """Workers fail at random; what waits is worked off at the most that they can do."""
    tod, _, _ = local_clock(rng, n)
    come = volume(rng) * day_shape(rng, tod, rng.uniform(0, 0.5)) * wobble(rng, n)
    most = come.mean() * rng.uniform(1.5, 5)
    up = np.ones(n)
    for at in arrivals(rng, n, rng.uniform(0.3, 3) * DAY):
        up[int(at) : int(at) + int(log_uniform(rng, 5, 240))] = rng.choice([0.0, 0.1])
    waiting, out = 0.0, []
    for arrive, can in zip(come.tolist(), (most * up).tolist(), strict=True):
        done = min(waiting + arrive, can)
        waiting += arrive - done
        out.append(done)
    return np.round(np.array(out))
