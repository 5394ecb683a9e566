"""Load that follows no clock: contagion, herds, cascades, fronts, sieges and trends."""

import numpy as np
from numpy.random import Generator

from benchmarks.unseen.parts import (
    DAY,
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
)


def smoothed(x: FloatArray, minutes: float) -> FloatArray:
    """Return what follows x late, as an exponential average of its past does."""
    kernel = np.exp(-np.arange(int(6 * minutes) + 1) / minutes)
    # The first value is taken to have lasted.
    before = np.concatenate([np.full(len(kernel), x[0]), x])
    out: FloatArray = np.convolve(before, kernel / kernel.sum())[len(kernel) : len(before)]
    return out


@family("none")
def epidemic_waves(rng: Generator, n: int) -> FloatArray:
    """A craze spreads between people, bores them, and returns when they forget or it mutates."""
    recovers = 1 / log_uniform(rng, 100, 1200)
    spreads, forgets = recovers * rng.uniform(1.5, 4), 1 / (rng.uniform(1, 8) * DAY)
    seed, noise = 10 ** rng.uniform(-6, -4), rng.uniform(0.04, 0.4)
    mutates = set(rng.integers(0, n, rng.poisson(n / (rng.uniform(3, 12) * DAY))).tolist())
    again = rng.uniform(0.3, 0.9)
    infected = float(rng.uniform(0.005, 0.1))
    susceptible = float(rng.uniform(0.3, 0.9)) * (1 - infected)
    out = []
    for minute, shock in enumerate((noise * rng.standard_normal(n)).tolist()):
        caught = min(spreads * susceptible * infected * max(1 + shock, 0) + seed, susceptible)
        if minute in mutates:
            susceptible += again * (1 - susceptible - infected)
        immune = 1 - susceptible - infected
        susceptible += forgets * immune - caught
        infected += caught - recovers * infected
        out.append(infected)
    rate = np.array(out) / np.mean(out) + rng.uniform(0.05, 0.6)
    return measured(rng, rate * volume(rng))


@family("none")
def predator_prey(rng: Generator, n: int) -> FloatArray:
    """Offers breed buyers and buyers eat offers up, in cycles of unsteady length and height."""
    pace = 2 * np.pi / log_uniform(rng, 240, 4000)
    damping = rng.uniform(0.05, 0.5)
    shocks = rng.standard_normal((n, 2)) * rng.uniform(0.1, 0.5) * np.sqrt(pace)
    prey, predators = rng.standard_normal(2).tolist()
    out = []
    for one, other in shocks.tolist():
        offers, buyers = np.exp(prey), np.exp(predators)
        prey += pace * (1 - buyers - damping * (offers - 1)) + one
        predators += pace * (offers - 1 - damping * (buyers - 1)) + other
        prey, predators = min(max(prey, -4.0), 2.0), min(max(predators, -4.0), 2.0)
        out.append(buyers)
    rate = np.array(out) + rng.uniform(0.05, 0.6)
    return measured(rng, rate * volume(rng))


@family("none")
def avalanches(rng: Generator, n: int) -> FloatArray:
    """Tasks set tasks off: cascades of every size swell and ebb as an arch, long ones higher."""
    rate = np.full(n, rng.uniform(0.2, 2))
    tail, steepness = rng.uniform(1.0, 2.2), rng.uniform(0.3, 0.9)
    shortest, longest = rng.uniform(2, 10), log_uniform(rng, 200, 3000)
    for at in arrivals(rng, n, log_uniform(rng, 15, 200)).astype(int):
        lasts = int(min(shortest * (1 + rng.pareto(tail)), longest)) + 1
        within = (np.arange(lasts) + 0.5) / lasts
        arch = 4 * within * (1 - within) * (lasts / 20) ** steepness
        end = min(at + lasts, n)
        rate[at:end] += arch[: end - at] * rng.uniform(0.5, 1.5)
    return measured(rng, rate * volume(rng, 20, 10000))


@family("none")
def ramp_tests(rng: Generator, n: int) -> FloatArray:
    """Engineers test at any time how much a service bears: up by steps, held, and let go."""
    rate = np.exp(autoregression(rng, n, log_uniform(rng, 300, 5000), rng.uniform(0.1, 0.4)))
    rate *= rng.uniform(0.5, 1.5)
    for at in arrivals(rng, n, log_uniform(rng, 0.25, 2) * DAY):
        steps, hold = int(rng.integers(2, 11)), float(rng.choice([2, 5, 10, 15, 30]))
        top = log_uniform(rng, 0.5, 5)
        runs = int(rng.integers(1, 4))
        for run in range(runs):
            begin = at + run * (steps * hold + rng.uniform(10, 60))
            end = begin + steps * hold
            if chance(rng, 0.3):
                end -= rng.uniform(0, 0.6) * steps * hold  # given up
            for step in range(steps):
                plateau(rate, begin + step * hold, end, top / steps)
            if chance(rng, 0.4):
                plateau(rate, end, end + rng.uniform(20, 200), top * rng.uniform(0.3, 0.8))
    return measured(rng, rate * volume(rng))


@family("none")
def catastrophes(rng: Generator, n: int) -> FloatArray:
    """A crowd grows towards what the place bears; at any time much of it falls off at once."""
    grows, noise = 1 / log_uniform(rng, 60, 2000), log_uniform(rng, 0.005, 0.03)
    floor = rng.uniform(0.02, 0.15)
    falls = np.zeros(n)
    at = arrivals(rng, n, log_uniform(rng, 0.3, 3) * DAY).astype(int)
    falls[at] = np.log(rng.beta(rng.uniform(0.8, 3), rng.uniform(0.8, 3), len(at)) + 0.01)
    shocks = (noise * rng.standard_normal(n) + falls).tolist()
    log, out = float(rng.uniform(-1.5, 0)), []
    for shock in shocks:
        log = min(max(log + grows * (1 - np.exp(log)) + shock, -5.0), 1.0)
        out.append(log)
    rate = np.exp(np.array(out)) + floor
    return measured(rng, rate * volume(rng), 0.01, 0.08)


@family("none")
def herding_ants(rng: Generator, n: int) -> FloatArray:
    """Traders copy each other's choice of two, so that nearly all dwell on one, then the other."""
    # After Kirman's ants (Quarterly Journal of Economics 108, 1993).
    copying = 1 / log_uniform(rng, 300, 6000)
    alone = copying * rng.uniform(0.1, 0.9)
    shocks = (rng.standard_normal(n) * np.sqrt(2 * copying)).tolist()
    share, out = float(rng.random()), []
    for shock in shocks:
        share += alone * (1 - 2 * share) + shock * float(np.sqrt(share * (1 - share)))
        share = min(max(share, 0.0), 1.0)
        out.append(share)
    one, other = 1.0, log_uniform(rng, 2, 12)
    rate = one + (other - one) * smoothed(np.array(out), rng.uniform(1, 10))
    return measured(rng, rate * volume(rng, 20, 10000))


@family("none")
def spot_market(rng: Generator, n: int) -> FloatArray:
    """Batch work runs for whoever bids above a wandering price, and stops when it jumps over."""
    log = autoregression(rng, n, log_uniform(rng, 200, 4000), rng.uniform(0.2, 0.5))
    log += autoregression(rng, n, 10, rng.uniform(0.01, 0.06))
    for at in arrivals(rng, n, log_uniform(rng, 0.3, 3) * DAY):
        pulse(log, at, rng.exponential(0.6), 1, rng.uniform(0, 60), log_uniform(rng, 20, 400))
    rate = np.full(n, rng.uniform(0.1, 1))
    bidders = int(rng.integers(5, 40))
    for _ in range(bidders):
        bid, wait = rng.normal(rng.uniform(0, 0.4), 0.4), int(rng.integers(0, 15))
        # Who was outbid returns after the price has stayed below the bid for a while.
        outbid = np.convolve(log > bid, np.ones(wait + 1))[:n] > 0.5
        rate += rng.lognormal(0, 1) * 10 / bidders * ~outbid
    return measured(rng, rate * volume(rng, 20, 5000))


@family("none")
def storm_fronts(rng: Generator, n: int) -> FloatArray:
    """Sensors report strikes and gusts as fronts pass: cells in clusters, with calm between."""
    rate = np.full(n, rng.uniform(0.15, 0.8))
    decay = log_uniform(rng, 5, 40)
    cells, lasts = rng.uniform(5, 50), log_uniform(rng, 100, 900)
    for at in arrivals(rng, n, log_uniform(rng, 0.3, 2.5) * DAY):
        front, strength = lasts * rng.lognormal(0, 0.5), rng.lognormal(0, 0.5)
        plateau(rate, at, at + front, 0.2 * strength)
        for _ in range(rng.poisson(cells)):
            within = front * rng.beta(1.5, 2.5)
            height = strength * rng.lognormal(-1, 0.8)
            pulse(rate, at + within, height, rng.uniform(2, 20), rng.uniform(0, 15), decay)
    return measured(rng, rate * volume(rng, 20, 20000))


@family("none")
def scraper_sieges(rng: Generator, n: int) -> FloatArray:
    """Robots take what they can till they are blocked, wait twice as long each time, and return."""
    calm = autoregression(rng, n, log_uniform(rng, 60, 2000), rng.uniform(0.05, 0.3))
    rate = np.exp(calm) * rng.uniform(0.5, 2)
    for _ in range(rng.integers(2, 9)):
        speed, works = log_uniform(rng, 0.2, 3), log_uniform(rng, 20, 600)
        shortest = wait = log_uniform(rng, 10, 120)
        longest = shortest * 2.0 ** rng.integers(3, 8)
        at = rng.uniform(0, DAY)
        while at < n:
            end = at + works * rng.lognormal(0, 0.8)
            plateau(rate, at, end, speed * rng.uniform(0.8, 1.2))
            at = end + wait * rng.uniform(0.8, 1.5)
            wait = min(2 * wait, longest)
            if chance(rng, 0.2):
                wait = shortest  # from another address
    return measured(rng, rate * volume(rng, 20, 10000))


@family("none")
def kinked_trends(rng: Generator, n: int) -> FloatArray:
    """Load climbs or sinks steadily, and turns at times that nothing announces."""
    gap, keep = log_uniform(rng, 120, 2500), rng.uniform(0, 0.9)
    shape = rng.uniform(0.7, 3)
    gaps = np.maximum(rng.gamma(shape, gap / shape, int(2 * n / gap) + 20), 10)
    knots = np.cumsum(gaps) - gaps[0] * rng.random()
    levels = autoregression(rng, len(knots), 1 / (1.01 - keep), rng.uniform(0.3, 0.8))
    rate = np.exp(np.interp(np.arange(n), knots, levels))
    rate *= volume(rng)
    return measured(rng, rate, 0.01, 0.06) if chance(rng, 0.8) else counts(rng, rate)
