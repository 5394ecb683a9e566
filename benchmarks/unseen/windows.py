"""Windows of unseen families: the load, and rules of many kinds, drawn for each window anew."""

import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.random import Generator

from autoscaling_rl.backtest_settings import BacktestSettings
from autoscaling_rl.load.file import Bins, Load
from benchmarks.unseen import FAMILIES, KIND_OF
from benchmarks.unseen.parts import DAY, WEEK, FloatArray

SEED = 20_261_126
KNOWN, JUDGED = 28 * DAY, 7 * DAY  # minutes before a window, half of them to tune on, and in it
MONDAY = datetime(2025, 9, 1, tzinfo=UTC)
BIN = 5  # minutes


@dataclass(frozen=True)
class Unseen:
    """A window of a family.

    Attributes:
        family: its name.
        number: tells windows of a family apart.
    """

    family: str
    number: int

    @property
    def name(self) -> str:
        """Name of the window, fit for a file."""
        return f"{self.family}-{self.number}"

    def draw(self) -> tuple[Load, BacktestSettings]:
        """Return load and rules, which hang on family and number alone."""
        place = list(KIND_OF).index(self.family)
        for_load, for_rules = np.random.SeedSequence([SEED, place, self.number]).spawn(2)
        offset, bins, rules = draw_rules(np.random.default_rng(for_rules))
        family = FAMILIES[KIND_OF[self.family]][self.family]
        # A family's minute 0 is a Monday's first: what comes before the load begins is left out.
        rates = family(np.random.default_rng(for_load), offset + KNOWN + JUDGED)[offset:]
        start = MONDAY + timedelta(minutes=offset)
        hold: Bins = "hold" if bins == "hold" else "interpolate"
        load = Load(start, BIN if bins else 1, binned(rates, bins), hold, ())
        begin = start + timedelta(minutes=KNOWN)
        settings = BacktestSettings(
            **rules, start=begin, days=JUDGED / DAY, bins=hold, seed=self.number
        )
        return load, settings


def identity(load: Load, settings: BacktestSettings) -> dict[str, Any]:
    """Return JSON values that tell load and rules from others."""
    rates = load.minute_rates
    weights = np.linspace(1, 2, len(rates))
    return {**asdict(settings), "sums": [float(rates.sum()), float((rates * weights).sum())]}


def draw_rules(rng: Generator) -> tuple[int, str, dict[str, Any]]:
    """Return at which minute of the week the load begins, what bins it has, and the rules.

    Every number is drawn, whether used or not: an option that is changed leaves others as they are.
    """

    def between(low: float, high: float) -> float:
        return math.exp(rng.uniform(math.log(low), math.log(high)))

    offset = int(rng.integers(0, WEEK // 15)) * 15
    mean = round(between(5, 200), 2)
    fixed = int(rng.integers(1, 31))
    scatters, mixed = rng.random() < 0.35, rng.random() < 0.4
    lognormal = f"lognormal:{rng.uniform(2, 15):.1f}:{rng.uniform(0.2, 0.8):.2f}"
    mix = f"mix:{rng.integers(1, 6)}:{rng.integers(8, 31)}:{rng.uniform(0.05, 0.5):.2f}"
    price, usual = round(between(5, 100), 1), rng.random()
    change = round(rng.uniform(0.5, 5), 2) if rng.random() < 0.2 else 0.0
    billed = int(rng.random() < 0.15) * int(rng.integers(5, 31))
    fails = int(rng.random() < 0.2) * round(rng.uniform(0.01, 0.1), 3)
    delay = int(rng.random() < 0.25) * int(rng.integers(1, 4))
    least = int(rng.integers(1, 3))
    most = int(rng.random() < 0.15) * max(least, round(mean * rng.uniform(1.2, 3)))
    coarse, hold = rng.random() < 0.15, rng.random() < 0.5
    rules = {
        "mean_machines": mean,
        "warmup_minutes": fixed,
        "warmup_distribution": (mix if mixed else lognormal) if scatters else None,
        "failure_price": 20.0 if usual < 0.3 else 50.0 if usual < 0.45 else price,
        "history_days": KNOWN // DAY // 2,
        "min_machines": least,
        "max_machines": int(most),
        "launch_failure_rate": float(fails),
        "metric_delay_minutes": delay,
        "change_price": float(change),
        "minimum_billed_minutes": billed,
    }
    return offset, ("hold" if hold else "interpolate") if coarse else "", rules


def binned(rates: FloatArray, bins: str) -> FloatArray:
    """Return rates as a recording of five-minute means shows them; as they are without bins."""
    if not bins:
        return np.ascontiguousarray(rates, dtype=np.float64)
    means = rates.reshape(-1, BIN).mean(axis=1)
    if bins == "hold":
        held: FloatArray = np.repeat(means, BIN)
        return held
    middles = np.arange(len(means)) * BIN + (BIN - 1) / 2
    joined: FloatArray = np.interp(np.arange(len(rates)), middles, means)
    return joined
