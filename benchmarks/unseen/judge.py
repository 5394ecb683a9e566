"""Every method over unseen windows, each window's figures kept in a file of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from autoscaling_rl.backtest import cut
from autoscaling_rl.backtest_settings import BacktestSettings
from autoscaling_rl.baselines.registry import DEFAULT, ORACLE, run_baselines
from autoscaling_rl.load.file import Load
from autoscaling_rl.scorecard import POLICY
from benchmarks.results_cache import cached
from benchmarks.results_judge import digest, follow, load_model
from benchmarks.results_pool import as_found
from benchmarks.unseen import KIND_OF
from benchmarks.unseen.windows import Unseen, identity


@dataclass(frozen=True)
class Judged:
    """What was found in a window.

    Attributes:
        window: which.
        rules: in words.
        costs: J in machine-minutes of the policy, the baselines and the oracle, by name.
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
    def gap(self) -> float | None:
        """Part of the way from tuned target tracking to the oracle that the policy goes.

        None where there is no way to go, as in `scorecard`: where boot times scatter the oracle,
        which plans with their median, can be the dearer one.
        """
        tracking, oracle = self.costs[DEFAULT], self.costs[ORACLE]
        if not tracking - oracle > 1e-9 * oracle:
            return None
        return (tracking - self.costs[POLICY]) / (tracking - oracle)


def judge_windows(
    windows: Sequence[Unseen], model: Path, folder: Path, key: Mapping[str, Any], jobs: int
) -> list[Judged]:
    """Judge a model over windows; what is known already is not run again.

    Args:
        windows: where, each once.
        model: folder of a verified artifact that decides on states.
        folder: where figures are kept, a file for each window and one for each model in it.
        key: what tells sources apart.
        jobs: processes.

    Returns:
        What was found, in the order of the windows.
    """
    found: dict[Unseen, Judged] = {}
    work = partial(judge, model=model, folder=folder, key=key)
    for window, judged in as_found(work, windows, jobs):
        found[window] = judged
        if len(found) % 20 == 0 or len(found) == len(windows):
            print(f"{len(found)} of {len(windows)} windows", flush=True)
    return [found[window] for window in windows]


def judge(window: Unseen, model: Path, folder: Path, key: Mapping[str, Any]) -> Judged:
    """Return what is found in a window; see `judge_windows`."""
    load, settings = window.draw()
    ground, history, start = cut(load, settings)
    key = {**key, "window": identity(load, settings)}

    def baselines() -> dict[str, Any]:
        runs = run_baselines(ground, history=history)
        return {name: run.trajectory.cost(ground.rules) for name, run in runs.items()}

    def policy() -> dict[str, Any]:
        return {POLICY: follow(load_model(model), ground, start).cost(ground.rules)}

    costs = cached(folder / f"{window.name}.json", key, baselines)
    its = digest(model)
    costs |= cached(folder / f"{window.name}.{its[:12]}.json", {**key, "model": its}, policy)
    return Judged(window, in_words(load, settings), costs)


def in_words(load: Load, settings: BacktestSettings) -> str:
    """Return what differs from window to window, as a cell of a table."""
    boot = settings.warmup_distribution or f"{settings.warmup_minutes} minutes"
    words = [f"load of {settings.mean_machines:g} machines", f"price {settings.failure_price:g}"]
    words.append(f"warm-up {boot}")
    for name, text in _WORDS.items():
        if value := getattr(settings, name):
            words.append(text.format(value))
    if settings.min_machines > 1:
        words.append(f"at least {settings.min_machines} machines")
    if load.interval_minutes > 1:
        done = "held" if settings.bins == "hold" else "interpolated"
        words.append(f"{load.interval_minutes}-minute bins, {done}")
    return ", ".join(words)


_WORDS = {
    "change_price": "change price {:g}",
    "minimum_billed_minutes": "billed for {} minutes at least",
    "launch_failure_rate": "{:.1%} of launches fail",
    "metric_delay_minutes": "metrics {} minutes late",
    "max_machines": "at most {} machines",
}
