"""Stretches of load with their observations, drawn once and used by many candidates."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.controller.observation import HISTORY, WEEK
from autoscaling_rl.environments.batch import batch_observations
from autoscaling_rl.environments.dynamics import Rules, starting_machines
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.environments.simulation import Replay
from autoscaling_rl.load.generator import generate_load

FloatArray = NDArray[np.float32]

GOLDEN = 64  # whole observations kept of a window


@dataclass(frozen=True)
class TrainingWindow:
    """One stretch of load.

    Attributes:
        load: requests per minute, shape (minutes,).
        inputs: the chosen numbers of the observations, shape (inputs, minutes).
        level: demand level of each minute, shape (minutes,).
        golden: some whole observations, what depends on the fleet left at zero.
        start: machines in service before the first minute.
        needed: machine-minutes that would just serve the load.
        rules: rules of the dynamics.
        clock: the dynamics' minute at the start.
    """

    load: FloatArray
    inputs: FloatArray
    level: FloatArray
    golden: FloatArray
    start: int
    needed: float
    rules: Rules
    clock: int


def draw_windows(
    settings: AutoScalingSettings,
    *,
    count: int,
    minutes: int,
    seed: int,
    load_path: Path | None = None,
    synthetic_share: float = 1.0,
    inputs: NDArray[np.int64],
) -> list[TrainingWindow]:
    """Return `count` windows of `minutes`, drawn from one seed.

    Args:
        settings: the environment's settings.
        count: how many windows.
        minutes: length of each.
        seed: seed of every draw.
        load_path: a recorded load to cut windows from, beside generated ones.
        synthetic_share: part of the windows that is generated nevertheless.
        inputs: which numbers of the observation are kept.
    """
    rng = np.random.default_rng(seed)
    replay = Replay.of(str(load_path)) if load_path else None
    generated = round(count * synthetic_share) if replay else count
    windows = []
    for index in range(count):
        if index < generated or replay is None:
            windows.append(_generated(settings, minutes, rng, inputs))
        else:
            windows.append(_recorded(settings, minutes, rng, replay, inputs))
    return windows


def _generated(
    settings: AutoScalingSettings,
    minutes: int,
    rng: np.random.Generator,
    inputs: NDArray[np.int64],
) -> TrainingWindow:
    minute_of_week = int(rng.integers(0, WEEK))
    lead = HISTORY + settings.metric_delay_minutes
    mean = settings.mean_machines * settings.capacity
    load = generate_load(rng, lead + minutes, minute_of_week, mean)
    return _window(settings, load, lead, minute_of_week + lead, rng, inputs)


def _recorded(
    settings: AutoScalingSettings,
    minutes: int,
    rng: np.random.Generator,
    replay: Replay,
    inputs: NDArray[np.int64],
) -> TrainingWindow:
    """Cut a window anywhere after the first hour, with what history the recording has."""
    length = len(replay.rates)
    minutes = min(minutes, length - 60)
    first = int(rng.integers(60, length - minutes + 1))
    lead = min(first, HISTORY + settings.metric_delay_minutes)
    load = np.asarray(replay.rates[first - lead : first + minutes], np.float32)
    scale = settings.mean_machines * settings.capacity / max(float(replay.rates.mean()), 1e-9)
    place = replay.minute_of_week + first
    return _window(settings, load * np.float32(scale), lead, place, rng, inputs)


def _window(
    settings: AutoScalingSettings,
    load: FloatArray,
    first: int,
    minute_of_week: int,
    rng: np.random.Generator,
    inputs: NDArray[np.int64],
) -> TrainingWindow:
    delay = settings.metric_delay_minutes
    observations = batch_observations(
        load.astype(np.float64),
        first - delay,
        len(load) - delay,
        capacity=settings.capacity,
        minute_of_week=(minute_of_week - delay) % WEEK,
        failure_price=settings.failure_price,
        warmup=settings.warmup_minutes,
    )
    served = np.ascontiguousarray(load[first:])
    start = max(starting_machines(float(load[first - 1]), settings.capacity), settings.min_machines)
    return TrainingWindow(
        load=served,
        inputs=np.ascontiguousarray(observations[inputs]),
        level=observations[0].copy(),
        golden=np.ascontiguousarray(observations[:, :: max(1, len(served) // GOLDEN)].T),
        start=min(start, settings.max_machines or start),
        needed=max(1.0, float(served.sum(dtype=np.float64)) / settings.capacity),
        rules=settings.rules(seed=int(rng.integers(0, 2**31))),
        clock=0,
    )
