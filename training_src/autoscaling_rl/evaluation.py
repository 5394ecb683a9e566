"""Evaluation: the policy and every baseline over the same windows of load.

Windows are generated from seeds of their own, or are the days of the part of a recorded load that
training never saw. Baselines choose their knobs on the history before a window alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from autoscaling_rl import scorecard
from autoscaling_rl.baselines.registry import run_baselines
from autoscaling_rl.baselines.window import Trajectory, Window
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.load.file import read_load
from autoscaling_rl.load.generator import generate_load
from autoscaling_rl.load.split import check_splittable, evaluation_start, minute_of_week
from autoscaling_rl.metrics import Reporter
from autoscaling_rl.rollout import ArtifactPolicy, Stretch, rollout
from autoscaling_rl.toolkits.base import seeds

DAY, WEEK = 1440, 10080
HISTORY_DAYS = 14
WINDOW_DAYS = 7  # of a generated window
SHORT_PART = 360  # minutes
_EVALUATION = 7_321  # keeps the seeds apart from those of training, whatever the job's seed


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation found.

    Attributes:
        scorecard: for the gate; see `scorecard.evaluation_scorecard`.
        names: a name for each window that was run.
        stretches: the windows.
        runs: trajectories by policy, one for each window.
        knobs: the knobs of the baselines, one mapping for each window.
        start: time of the window's first minute, for a recorded load.
    """

    scorecard: dict[str, Any]
    names: list[str]
    stretches: list[Stretch]
    runs: dict[str, list[Trajectory]]
    knobs: list[dict[str, dict[str, float]]]
    start: datetime | None = None


def evaluate(
    model: ArtifactPolicy,
    settings: AutoScalingSettings,
    *,
    episodes: int,
    seed: int,
    load_path: Path | None,
    reporter: Reporter,
) -> Evaluated:
    """Run the policy, the tuned baselines and the oracle.

    Args:
        model: the policy.
        settings: the environment's settings.
        episodes: generated windows; a recorded load is one window, judged day by day.
        seed: seed of the generated windows and of boot times.
        load_path: the recorded load, or None.
        reporter: for progress.

    Raises:
        UserError: the load cannot be used.
    """
    if load_path is None:
        names = [f"seed {index}" for index in range(episodes)]
        stretches = [_generated(settings, seed, index) for index in range(episodes)]
    else:
        names, stretches = ["recorded"], [recorded(settings, load_path, seed)]
    reporter.start(len(stretches), unit="window")
    runs: dict[str, list[Trajectory]] = {}
    runs[scorecard.POLICY] = rollout(model, stretches, settings.warmup_minutes)
    knobs = []
    for index, stretch in enumerate(stretches):
        window = stretch.window.recent(HISTORY_DAYS)
        history = stretch.window.tuning(HISTORY_DAYS)
        baselines = run_baselines(window, history=history)
        for name, run in baselines.items():
            runs.setdefault(name, []).append(run.trajectory)
        knobs.append({name: run.knobs for name, run in baselines.items()})
        reporter.advance(index + 1)
    if load_path is None:
        return Evaluated(_scorecard(names, stretches, runs), names, stretches, runs, knobs)
    load = read_load(load_path)
    start = load.start + timedelta(minutes=evaluation_start(load))
    return Evaluated(
        _parts_scorecard(stretches[0], runs, start), names, stretches, runs, knobs, start
    )


def _scorecard(
    names: list[str], stretches: list[Stretch], runs: Mapping[str, list[Trajectory]]
) -> dict[str, Any]:
    windows = [stretch.window for stretch in stretches]
    sums = {
        name: [scorecard.totals(run, window) for run, window in zip(each, windows, strict=True)]
        for name, each in runs.items()
    }
    return scorecard.evaluation_scorecard(names, sums)


def _parts_scorecard(
    stretch: Stretch, runs: Mapping[str, list[Trajectory]], start: datetime
) -> dict[str, Any]:
    """Judge the one window of a recorded load part by part, so that parts are resampled."""
    cuts = _cuts(stretch.window.minutes)
    names = [f"{start + timedelta(minutes=begin):%Y-%m-%d %H:%M}" for begin, _ in cuts]
    window = stretch.window
    parts = [
        Stretch(
            Window(window.load[: window.first + end], window.first + begin, window.rules),
            stretch.minute_of_week,
        )
        for begin, end in cuts
    ]
    records = {name: each[0].record for name, each in runs.items()}
    return _scorecard(
        names,
        parts,
        {
            name: [Trajectory(record[:, begin:end]) for begin, end in cuts]
            for name, record in records.items()
        },
    )


def _cuts(minutes: int) -> list[tuple[int, int]]:
    """Return where the parts of a window begin and end; the last one takes what is left over.

    Parts are days; a window of less than two days is cut into stretches of six hours, since one
    part alone allows no confidence bound.
    """
    part = DAY if minutes >= 2 * DAY else min(SHORT_PART, minutes // 2)
    edges = [place * part for place in range(minutes // part)] + [minutes]
    return list(pairwise(edges))


def _generated(settings: AutoScalingSettings, seed: int, index: int) -> Stretch:
    draw, boots = seeds(_EVALUATION, seed, index, count=2)
    rng = np.random.default_rng(draw)
    # Twice the history: forecasts need past days while knobs are tuned on the first days of it.
    first = 2 * HISTORY_DAYS * DAY
    begin = int(rng.integers(0, WEEK))
    mean = settings.mean_machines * settings.capacity
    load = generate_load(rng, first + WINDOW_DAYS * DAY, begin, mean)
    window = Window(
        load.astype(np.float64),
        first,
        settings.rules(seed=boots),
        settings.metric_delay_minutes,
        begin % 60,
    )
    return Stretch(window, (begin + first) % WEEK)


def recorded(settings: AutoScalingSettings, load_path: Path, seed: int) -> Stretch:
    """Return the part of a load file that training must not see, with the history before it.

    The capacity of a machine is such that `mean_machines` would just serve the window's mean.

    Raises:
        UserError: the file is not a load, or too short.
    """
    load = read_load(load_path)
    check_splittable(load, str(load_path))
    first = evaluation_start(load)
    begin = max(0, first - 2 * HISTORY_DAYS * DAY)
    rates = load.minute_rates
    capacity = max(float(rates[first:].mean()), 1e-9) / settings.mean_machines
    window = Window(
        rates[begin:],
        first - begin,
        settings.rules(capacity=capacity, seed=seeds(_EVALUATION, seed)[0]),
        settings.metric_delay_minutes,
        (load.start.minute + begin) % 60,
    )
    return Stretch(window, (minute_of_week(load) + first) % WEEK)
