"""Stage 2 of the results: every method over every place, each run kept in a file of its own."""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from autoscaling_rl.backtest import cut
from autoscaling_rl.baselines.registry import run_baselines
from autoscaling_rl.baselines.window import DAY, Trajectory, Window
from autoscaling_rl.rollout import ArtifactPolicy, Stretch, rollout
from autoscaling_rl.scorecard import totals
from benchmarks.results_cache import Json, cached
from benchmarks.results_places import DEFAULT, Place
from benchmarks.results_pool import as_found
from benchmarks.results_train import Model

BASELINES = "baselines"
# What of the bank is left; the names are those of the page.
VARIANTS: dict[str, dict[str, Any]] = {
    "no_choice": {
        "price_factors": [1.0],
        "offsets": [0.0],
        "rules": False,
        "seasons": False,
        "trackers": False,
        "days": 1,
    },
    "network_only": {"rules": False, "seasons": False, "trackers": False},
    "rules_only": {"price_factors": []},
    "no_seasons": {"seasons": False},
    "leader_alone": {"least_share": 1.0},
}


def judge_all(
    places: Sequence[Place],
    models: Sequence[Model],
    *,
    folder: Path,
    key: Mapping[str, Any],
    jobs: int,
    ablated: str,
) -> None:
    """Run baselines, oracle and models over all places; what is known already is not run again.

    Args:
        places: where.
        models: trained ones.
        folder: where results are kept.
        key: what tells sources apart, from before anything was run.
        jobs: processes.
        ablated: preset whose models are also run with parts of their bank, on traces.
    """
    if jobs == 1:
        for number, place in enumerate(places, 1):
            _report(number, places, judge(place, models, folder, key, ablated), place.name)
        return
    work = partial(judge, models=models, folder=folder, key=key, ablated=ablated)
    for number, (place, seconds) in enumerate(as_found(work, places, jobs), 1):
        _report(number, places, seconds, place.name)


def _report(number: int, places: Sequence[Place], seconds: float, name: str) -> None:
    print(f"{number} of {len(places)}: {name}, {seconds:.0f} CPU-seconds", flush=True)


def judge(
    place: Place, models: Sequence[Model], folder: Path, key: Mapping[str, Any], ablated: str
) -> float:
    """Run everything over one place and return the CPU-seconds that it took now."""
    began = time.process_time()
    ground = _Ground(place)
    key = {**key, "load": place.source.identity(), "rules": vars(place.settings)}
    cached(folder / place.name / f"{BASELINES}.json", key, ground.baselines)
    varied = (place.kind, place.setting) == ("trace", DEFAULT)
    for model in models:
        its_key = {**key, "model": digest(model.folder)}
        path = folder / place.name / f"{model.name}.json"
        cached(path, its_key, partial(ground.follow, model))
        for variant, changes in VARIANTS.items() if varied and model.preset == ablated else ():
            path = folder / place.name / f"{model.name}.{variant}.json"
            cached(path, {**its_key, "bank": changes}, partial(ground.follow, model, changes))
    return time.process_time() - began


class _Ground:
    """A place whose load is read only if something must be run."""

    def __init__(self, place: Place) -> None:
        self.place = place

    @cached_property
    def _cut(self) -> tuple[Window, Window, datetime]:
        return cut(self.place.source.load(), self.place.settings)

    def baselines(self) -> Json:
        window, history, _ = self._cut
        return _measured(
            lambda: {
                name: {**_figures(run.trajectory, window), "knobs": run.knobs}
                for name, run in run_baselines(window, history=history).items()
            }
        )

    def follow(self, model: Model, changes: Mapping[str, Any] | None = None) -> Json:
        """Run the model, or one with other settings of its bank."""
        window, _, start = self._cut
        policy = load_model(model.folder)
        if changes is not None:
            varied = with_bank(policy, changes)
            if varied is None:
                return {"runs": {}, "cpu_seconds": 0.0}
            policy = varied
        return _measured(lambda: {"policy": _figures(follow(policy, window, start), window)})


def follow(policy: ArtifactPolicy, window: Window, start: datetime) -> Trajectory:
    """Run a policy over a window that starts at a time in UTC, told of the median warm-up."""
    minute_of_week = start.weekday() * DAY + start.hour * 60 + start.minute
    warmups = window.rules.warmups
    nominal = int(warmups[len(warmups) // 2])
    return rollout(policy, [Stretch(window, minute_of_week)], nominal)[0]


def _measured(run: Callable[[], Json]) -> Json:
    began = time.process_time()
    runs = run()
    return {"runs": runs, "cpu_seconds": time.process_time() - began}


def _figures(trajectory: Trajectory, window: Window) -> Json:
    costs = trajectory.costs(window.rules)
    daily = np.add.reduceat(costs, np.arange(0, len(costs), DAY))
    figures = dataclasses.asdict(totals(trajectory, window))
    figures["capacity"] = window.rules.capacity
    return {"totals": figures, "daily": [float(cost) for cost in daily]}


@cache
def load_model(folder: Path) -> ArtifactPolicy:
    """Return the verified artifact in a folder."""
    return ArtifactPolicy.load(folder)


@cache
def digest(folder: Path) -> str:
    """Return what tells the artifact in a folder from others."""
    return hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()


def with_bank(model: ArtifactPolicy, changes: Mapping[str, Any]) -> ArtifactPolicy | None:
    """Return the same policy with other settings of its bank; None if it has no bank."""
    policy = model.policy
    if policy.bank is None:
        return None
    varied = dataclasses.replace(policy, bank={**policy.bank, **changes})
    return dataclasses.replace(model, policy=varied)
