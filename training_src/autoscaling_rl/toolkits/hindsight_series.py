"""Loads that toolkit `hindsight` trains on: features of every minute, and what there is to gain."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.baselines.oracle import oracle
from autoscaling_rl.baselines.registry import BASELINES, DEFAULT
from autoscaling_rl.baselines.window import Trajectory, Window
from autoscaling_rl.controller.features import features
from autoscaling_rl.controller.series import DAY, LOOKBACK, WEEK, Series
from autoscaling_rl.environments.dynamics import make_rules
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.environments.simulation import Replay
from autoscaling_rl.load.families import TRAINING, Recording, generate
from autoscaling_rl.load.shapes import log_uniform
from autoscaling_rl.toolkits.hindsight_options import HindsightOptions

FloatArray = NDArray[np.float32]

# How often each family is drawn.
WEIGHTS = {
    "seasonal": 1.8, "noisy": 1.0, "bursty": 1.8, "clients": 1.0,
    "jobs": 0.8, "steps": 0.8, "environment": 1.5, "mixed": 1.2,
}  # fmt: skip
# Warm-ups and sizes of the job's own settings take these shares, others the rest.
OWN_WARMUPS, OWN_SIZES = 0.35, 0.3
WARMUPS, SIZES = (1, 30), (4, 250)
UNKNOWN = DAY // 2  # minutes at the start that are not trained on
PRICES = (5.0, 20.0, 80.0)  # at which the gain is computed; between them it is interpolated
TARGETS = (0.3, 0.45, 0.55, 0.62, 0.68, 0.74, 0.8, 0.84, 0.88, 0.92, 0.96, 1.0, 1.06)
LEAST_GAIN = 0.01  # of the oracle's J
NOMINAL = 20.0  # machines for which the gain is computed; it grows with the size


@dataclass(frozen=True)
class TrainingSeries:
    """A load and everything that training reads of it.

    Attributes:
        features: shape (minutes, features), float32; prices are left for the update to fill in.
        load: load in machines of the same minutes, float32.
        warmup: nominal warm-up in minutes.
        gain: log of the machine-minutes per minute that the oracle saves over target tracking, for
            each of `PRICES`.
    """

    features: FloatArray
    load: FloatArray
    warmup: int
    gain: NDArray[np.float64]

    def gain_at(self, price: float) -> float:
        """Return the gain per minute at a failure price."""
        return float(np.exp(np.interp(np.log(price), np.log(PRICES), self.gain)))


def draw_series(
    options: HindsightOptions,
    settings: AutoScalingSettings,
    rng: np.random.Generator,
    load_path: Path | None,
    part: tuple[float, float] = (0.0, 1.0),
) -> Iterator[TrainingSeries]:
    """Yield the loads of one network, from one generator of random numbers.

    Args:
        options: how many, how long, and which part of them is recorded.
        settings: the job's own warm-up, size and metric delay.
        rng: source of every random number.
        load_path: a recorded load, of which the part for training is used.
        part: where that is cut from, begin and end as shares of it.
    """
    replay = Replay.of(str(load_path)) if load_path else None
    own = round(options.series * options.own_share) if replay else 0
    begin, stop = (int(share * len(replay.rates)) for share in part) if replay else (0, 0)
    weights = np.array(list(WEIGHTS.values()))
    families = [TRAINING[name] for name in WEIGHTS]
    for place in range(options.series):
        minutes = options.series_days * DAY
        start = int(rng.integers(0, 336)) * 30
        family = families[int(rng.choice(len(families), p=weights / weights.sum()))]
        recording = Recording.draw(rng)
        if replay is not None and place < own:
            minutes = min(minutes, stop - begin)
            first = int(rng.integers(begin, stop - minutes + 1))
            load = replay.rates[first : first + minutes]
            start = (replay.minute_of_week + first) % WEEK
        else:
            load = generate(family, recording, rng, minutes, start)
        yield prepare(load, start, settings, rng)


def prepare(
    load: NDArray[np.float64],
    start: int,
    settings: AutoScalingSettings,
    rng: np.random.Generator,
) -> TrainingSeries:
    """Return a load, requests per minute from minute of the week `start` on, ready to train on."""
    warmup, size = settings.warmup_minutes, settings.mean_machines
    if rng.random() >= OWN_WARMUPS:
        warmup = round(log_uniform(rng, *WARMUPS))
    if rng.random() >= OWN_SIZES:
        size = log_uniform(rng, *SIZES)
    delay = settings.metric_delay_minutes
    machines = load * (size / max(float(load.mean()), 1e-9))
    series = Series(4 * DAY + start, warmup, len(load))  # 1970-01-05 was a Monday
    series.append(machines)
    unknown = min(UNKNOWN, len(load) // 4)
    rows = features(series, LOOKBACK + unknown, LOOKBACK + len(load) - delay)
    return TrainingSeries(
        np.ascontiguousarray(rows.T, np.float32),
        machines[unknown + delay :].astype(np.float32),
        warmup,
        np.log(gains(load, warmup) * size),
    )


def gains(load: NDArray[np.float64], warmup: int) -> NDArray[np.float64]:
    """Return what the oracle saves over well-tuned target tracking, for each of `PRICES`.

    In machine-minutes per minute and machine of the mean load. Gradients are divided by it, so that
    every load counts alike and J is measured as it is judged: as a part of the gap closed.
    """
    capacity = max(float(load.mean()), 1e-9) / NOMINAL
    rules = make_rules(capacity=capacity, warmups=warmup)
    window = Window(load, min(DAY, len(load) // 4), rules)
    track = BASELINES[DEFAULT].prepare(window)
    records = [track(target).record for target in TARGETS]
    found = []
    for price in PRICES:
        priced = replace(window, rules=rules._replace(failure_price=price))
        best = oracle(priced).cost(priced.rules)
        tracking = min(Trajectory(record).cost(priced.rules) for record in records)
        found.append(max(tracking - best, LEAST_GAIN * best, 1e-6))
    return np.array(found) / (window.minutes * NOMINAL)
