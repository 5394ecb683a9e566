"""Every method over unseen windows, each window's figures kept in a file of its own."""

import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from multiprocessing import active_children
from pathlib import Path
from typing import Any

from autoscaling_rl.backtest import cut
from autoscaling_rl.baselines.registry import DEFAULT, ORACLE, run_baselines
from autoscaling_rl.baselines.window import DAY
from autoscaling_rl.rollout import ArtifactPolicy, Stretch, rollout
from autoscaling_rl.scorecard import POLICY
from benchmarks.results_cache import cached
from benchmarks.unseen import KIND_OF
from benchmarks.unseen.windows import Unseen


@dataclass(frozen=True)
class Judged:
    """What was found in a window.

    Attributes:
        window: which.
        rules: in words.
        costs: J of the policy, the baselines and the oracle.
    """

    window: Unseen
    rules: str
    costs: Mapping[str, float]

    @property
    def kind(self) -> str:
        """Kind of its family."""
        return KIND_OF[self.window.family]

    def ratio(self, method: str = POLICY) -> float:
        """Return J of a method over that of tuned target tracking."""
        return self.costs[method] / self.costs[DEFAULT]

    @property
    def gap(self) -> float:
        """Share of the way from tuned target tracking to the oracle that the policy has gone."""
        tracking = self.costs[DEFAULT]
        way = tracking - self.costs[ORACLE]
        return (tracking - self.costs[POLICY]) / way if way else 0.0


def judge_windows(
    windows: Sequence[Unseen], model: Path, folder: Path, key: Mapping[str, Any], jobs: int
) -> list[Judged]:
    """Judge a model over windows; what is known already is not run again.

    Args:
        windows: where.
        model: folder of the artifact.
        folder: where figures are kept.
        key: what tells sources apart.
        jobs: processes.
    """
    found: dict[Unseen, Judged] = {}
    ends = (signal.SIGTERM, signal.SIG_DFL)
    with ProcessPoolExecutor(jobs, initializer=signal.signal, initargs=ends) as pool:
        tasks = {pool.submit(judge, each, model, folder, key): each for each in windows}
        try:
            for number, task in enumerate(as_completed(tasks), 1):
                found[tasks[task]] = task.result()
                if number % 20 == 0 or number == len(windows):
                    print(f"{number} of {len(windows)} windows", flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in active_children():
                process.terminate()
            raise
    return [found[window] for window in windows]


def judge(window: Unseen, model: Path, folder: Path, key: Mapping[str, Any]) -> Judged:
    """Return what is found in a window."""
    load, settings = window.draw()
    ground, history, start = cut(load, settings)
    key = {**key, "window": window.identity()}

    def baselines() -> dict[str, Any]:
        runs = run_baselines(ground, history=history)
        return {name: run.trajectory.cost(ground.rules) for name, run in runs.items()}

    def policy() -> dict[str, Any]:
        warmups = ground.rules.warmups
        minute = start.weekday() * DAY + start.hour * 60 + start.minute
        stretch = Stretch(ground, minute)
        run = rollout(_artifact(model), [stretch], int(warmups[len(warmups) // 2]))[0]
        return {POLICY: run.cost(ground.rules)}

    costs = cached(folder / f"{window.name}.json", key, baselines)
    digest = _digest(model)
    path = folder / f"{window.name}.{digest}.json"
    costs |= cached(path, {**key, "model": digest}, policy)
    return Judged(window, _in_words(settings), costs)


@cache
def _artifact(folder: Path) -> ArtifactPolicy:
    return ArtifactPolicy.load(folder)


@cache
def _digest(folder: Path) -> str:
    return sha256((folder / "manifest.json").read_bytes()).hexdigest()[:12]


def _in_words(settings: Any) -> str:  # noqa: ANN401
    words = [f"{settings.mean_machines:.0f} machines, price {settings.failure_price:g}"]
    boot = settings.warmup_distribution or f"{settings.warmup_minutes} minutes"
    words.append(f"warm-up {boot}")
    for name, text in _WORDS.items():
        if value := getattr(settings, name):
            words.append(f"{text} {value:g}")
    return ", ".join(words)


_WORDS = {
    "change_price": "change price",
    "minimum_billed_minutes": "minutes billed at least",
    "launch_failure_rate": "failing launches",
    "metric_delay_minutes": "metric delay",
    "max_machines": "at most",
}
