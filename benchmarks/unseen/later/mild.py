"""Smooth seasons, trends and what meters do to them."""

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
    day_shape,
    family,
    local_clock,
    log_uniform,
    measured,
    volume,
    wobble,
)


def smooth(x: FloatArray, minutes: float) -> FloatArray:
    """Return a centred moving average."""
    half = max(round(minutes / 2), 1)
    total = np.concatenate([[0.0], np.cumsum(np.pad(x, half, mode="edge"))])
    width = 2 * half
    return np.asarray((total[width:] - total[:-width])[: len(x)] / width, dtype=np.float64)


def seasons(rng: Generator, n: int, contrast: float | None = None) -> FloatArray:
    """Return a daily shape with weekdays of different weight, mean about 1."""
    minute, day, _ = local_clock(rng, n)
    weekend = rng.uniform(0.3, 1.6)
    weights = np.exp(rng.normal(0, 0.06, 7)) * np.where(np.arange(7) < 5, 1.0, weekend)
    factors = smooth(weights[day], rng.uniform(60, 600)) / weights.mean()
    shape = day_shape(rng, minute, contrast, int(rng.integers(1, 4)))
    return np.asarray(shape * factors, dtype=np.float64)


def bump(minute: FloatArray, centre: FloatArray | float, width: float) -> FloatArray:
    """Return a bell around a minute of the day, across midnight."""
    away = (minute - centre + DAY / 2) % DAY - DAY / 2
    bell: FloatArray = np.exp(-0.5 * (away / width) ** 2)
    return bell


@family("mild")
def degree_hours(rng: Generator, n: int) -> FloatArray:
    """Heating or cooling: load bends up where slow weather leaves a comfortable temperature."""
    minute, _, _ = local_clock(rng, n)
    fronts = autoregression(rng, n, log_uniform(rng, 0.7, 5) * DAY, rng.uniform(1.5, 6))
    swing = rng.uniform(1, 8) * np.cos(2 * np.pi * (minute - rng.uniform(780, 1000)) / DAY)
    season = rng.normal(0, 1) * (np.arange(n) - n / 2) / WEEK
    warmer = smooth(fronts, rng.uniform(30, 240)) + swing + season + rng.uniform(-6, 6)
    width = rng.uniform(0.5, 3)
    degrees = width * np.logaddexp(0, warmer * rng.choice([-1.0, 1.0]) / width)
    base = seasons(rng, n, rng.uniform(0.1, 0.6))
    return measured(rng, volume(rng, 10) * base * (1 + log_uniform(rng, 0.03, 1) * degrees))


@family("mild")
def tides(rng: Generator, n: int) -> FloatArray:
    """A port: load follows the tide, fifty minutes later each day, with springs and neaps."""
    hours = np.arange(n) / 60
    periods = np.array([12.4206, 12.0, 23.9345, 25.8193])
    weights = np.array([1.0, rng.uniform(0.2, 0.6), rng.uniform(0, 0.6), rng.uniform(0, 0.5)])
    phases = rng.uniform(0, 2 * np.pi, 4)
    height = (
        weights[:, None] * np.cos(2 * np.pi * hours / periods[:, None] + phases[:, None])
    ).sum(0)
    gate = 1 / (1 + np.exp(-(height - rng.uniform(-0.5, 0.8)) / rng.uniform(0.05, 0.8)))
    people = seasons(rng, n, rng.uniform(0.1, 0.7))
    share = rng.uniform(0.3, 0.95)
    return measured(rng, volume(rng, 5, 10000) * people * (1 - share + 2 * share * gate))


@family("mild")
def solar_telemetry(rng: Generator, n: int) -> FloatArray:
    """Solar plants: daylight of a changing length, dimmed by clouds that come in fields."""
    minute, _, number = local_clock(rng, n)
    tilt = rng.uniform(-0.5, 0.6) + rng.uniform(-0.004, 0.004) * (number - number[0] + minute / DAY)
    sun = np.clip(tilt + np.cos(2 * np.pi * (minute - 720) / DAY), 0, None)
    slow = autoregression(rng, n, log_uniform(rng, 400, 3000), 1.0)
    fast = autoregression(rng, n, log_uniform(rng, 4, 60), rng.uniform(0.3, 1.5))
    cloud = 1 / (1 + np.exp(-2 * (slow + fast * np.exp(-(slow**2)) + rng.uniform(-1, 1))))
    light = sun * (1 - rng.uniform(0.3, 0.9) * smooth(cloud, log_uniform(rng, 2, 45)))
    idle = rng.choice([0.0, log_uniform(rng, 0.01, 0.5)])
    return measured(rng, volume(rng) * (idle + light), 0.01, 0.06)


@family("mild")
def launch_afterglow(rng: Generator, n: int) -> FloatArray:
    """A game after its launch: interest falls as a power of age, updates bring some back."""
    t = np.arange(n, dtype=float)
    releases = [rng.uniform(-10 * DAY, 10 * DAY)]
    releases += list(arrivals(rng, n, log_uniform(rng, 5, 25) * DAY))
    power = rng.uniform(0.3, 1.3)
    interest = np.full(n, log_uniform(rng, 0.02, 0.6))
    for i, release in enumerate(releases):
        since = np.maximum(t - release, 0)
        arrived = 1 - np.exp(-since / log_uniform(rng, 20, 900))
        height = log_uniform(rng, 1, 6) if i == 0 else log_uniform(rng, 0.1, 2)
        interest += height * arrived * (1 + since / (log_uniform(rng, 0.3, 6) * DAY)) ** -power
    return measured(rng, volume(rng, 20) * interest * seasons(rng, n))


@family("mild")
def sampled_counter(rng: Generator, n: int) -> FloatArray:
    """A meter that counts one request in so many, sometimes more sparsely the more there are."""
    rate = volume(rng, 300, 100000) * seasons(rng, n) * wobble(rng, n)
    ratio = np.full(n, np.round(log_uniform(rng, 3, max(4.0, rate.mean() / 3))))
    if chance(rng, 0.5):
        wanted = log_uniform(rng, 3, 300)
        ratio = 2.0 ** np.maximum(np.floor(np.log2(np.maximum(rate, 1) / wanted)), 0)
    return np.asarray(counts(rng, rate / ratio) * ratio, dtype=np.float64)


@family("mild")
def held_averages(rng: Generator, n: int) -> FloatArray:
    """A meter that shows the average of some minutes for as long, at times of a window ago."""
    step = int(rng.choice([2, 3, 5, 5, 10, 15, 30]))
    rate = volume(rng, 10) * seasons(rng, n) * np.exp(rng.normal(0, 0.08) * np.arange(n) / WEEK)
    extra = int(rng.integers(0, step))
    late = step if chance(rng, 0.5) else 0
    x = measured(rng, np.pad(rate, (late + step, 2 * step), mode="edge"), 0.04, 0.25)
    whole = len(x) // step * step
    held = np.repeat(x[:whole].reshape(-1, step).mean(1), step)
    if chance(rng, 0.3):
        held = np.round(held, -int(np.log10(max(held.mean() / 20, 1))))
    return held[extra : extra + n]


@family("mild")
def lost_collectors(rng: Generator, n: int) -> FloatArray:
    """Some collectors of a smooth load fall silent for minutes to days; their share is missing."""
    number = int(rng.integers(3, 40))
    shares = rng.dirichlet(np.full(number, log_uniform(rng, 0.3, 10)))
    gap, length = log_uniform(rng, 1, 20) * DAY, log_uniform(rng, 5, 1500)
    seen = np.ones(n)
    for share in shares:
        begins = arrivals(rng, n, gap)
        down = np.zeros(n + 1)
        np.add.at(down, begins.astype(int), 1)
        ends = np.minimum(begins + 1 + rng.exponential(length, len(begins)), n)
        np.add.at(down, ends.astype(int), -1)
        seen -= share * (np.cumsum(down[:n]) > 0.5)
    return measured(rng, volume(rng) * seasons(rng, n) * np.maximum(seen, 0), 0.01, 0.06)


@family("mild")
def payday_month(rng: Generator, n: int) -> FloatArray:
    """A bank: load swells around the paydays of a month and ebbs over days."""
    t = np.arange(n, dtype=float)
    month = rng.choice([14.0, 15.2, 30.44, 30.44]) * DAY
    height, decay = log_uniform(rng, 0.15, 4), log_uniform(rng, 0.4, 6) * DAY
    money = np.zeros(n)
    for _ in range(int(rng.integers(1, 4))):
        since = (t - rng.uniform(0, month)) % month
        swell = np.exp(-since / decay) * (1 - np.exp(-since / log_uniform(rng, 30, 600)))
        ahead = np.exp(-(month - since) / log_uniform(rng, 60, 1500))
        money += height * (swell + rng.uniform(0, 0.4) * ahead) * log_uniform(rng, 0.4, 1)
    return measured(rng, volume(rng, 20, 100000) * seasons(rng, n) * (1 + money))


@family("mild")
def commuters_in_rain(rng: Generator, n: int) -> FloatArray:
    """Two peaks of a workday, the height and hour of which depend on that day's weather."""
    minute, day, number = local_clock(rng, n)
    number = number - number[0]
    x = np.zeros(n)
    workday, clock = day < 5, minute.astype(float)
    weather = np.clip(autoregression(rng, int(number[-1]) + 1, rng.uniform(0.5, 3), 1.0), -2, 2)
    wet, shift = rng.normal(0, 0.35), rng.uniform(-25, 25)
    for low, high in ((390, 560), (930, 1140)):
        centre = rng.uniform(low, high) + shift * weather[number]
        heights = np.exp(wet * weather + rng.normal(0, 0.05, len(weather)))
        x += (
            rng.uniform(0.5, 2)
            * heights[number]
            * workday
            * bump(clock, centre, rng.uniform(20, 80))
        )
    leisure = bump(clock, rng.uniform(720, 1020), rng.uniform(120, 260))
    x += rng.uniform(0.1, 0.8) * leisure * np.where(workday, 0.5, 1) + rng.uniform(0.01, 0.3)
    return measured(rng, volume(rng, 10) * x)


def admitted(demand: FloatArray, limit: FloatArray, patience: float) -> FloatArray:
    """Return what passes a limit while those turned away return some minutes later, or never."""
    waiting, out = 0.0, []
    keep, ask = float(np.exp(-1 / patience)), 0.2
    for fresh, most in zip(demand.tolist(), limit.tolist(), strict=True):
        offered = fresh + ask * waiting
        served = min(offered, most)
        waiting = keep * (waiting - ask * waiting) + offered - served
        out.append(served)
    return np.array(out)


@family("mild")
def rate_limited_tops(rng: Generator, n: int) -> FloatArray:
    """A rate limit cuts the tops of the days and changes at times; what is cut returns."""
    demand = seasons(rng, n, rng.uniform(0.4, 1.3)) * wobble(rng, n)
    levels = np.quantile(demand, rng.uniform(0.7, 0.98)) * np.exp(rng.normal(0, 0.12, 40))
    changes = arrivals(rng, n, log_uniform(rng, 3, 40) * DAY)
    limit = levels[np.searchsorted(changes, np.arange(n)) % 40]
    passed = admitted(demand, limit, log_uniform(rng, 5, 300))
    return measured(rng, volume(rng) * passed, 0.005, 0.03)
