"""How long decisions take, in CPU time of this machine."""

import importlib
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.baselines.registry import run_baselines
from autoscaling_rl.baselines.window import DAY, Window
from autoscaling_rl.environments.dynamics import make_rules
from autoscaling_rl.load.families import TRAINING, Recording, generate
from autoscaling_rl.rollout import ArtifactPolicy, Stretch, rollout

KNOWN = 14 * DAY  # minutes that a bank is rebuilt from
MACHINES = 20.0
_SEED = 31


def measure(model: ArtifactPolicy, *, days: int = 365, decisions: int = 2 * DAY) -> dict[str, Any]:
    """Return CPU times of a policy with a bank.

    Args:
        model: the policy.
        days: length of the long back-test.
        decisions: decisions that are timed one by one.
    """
    load = _load()
    _long_backtest(model, load, 1)  # compiles what is compiled
    figures = {"rebuild_seconds": _rebuild(model, load), **_one_by_one(model, load, decisions)}
    return figures | _long_backtest(model, load, days) | {"days": days}


def _load() -> NDArray[np.float64]:
    """Return 28 days of generated load in requests per minute."""
    recording = Recording(5000.0, 0.02)
    rng = np.random.default_rng(_SEED)
    return generate(TRAINING["noisy"], recording, rng, 2 * KNOWN, 0)


def _bank(model: ArtifactPolicy, room: int) -> Any:  # noqa: ANN401 - of the artifact's own class
    bank, members = (
        importlib.import_module(f"{model.code.__name__}.{name}") for name in ("bank", "members")
    )
    settings = members.ALONE
    if model.policy.bank is not None:
        settings = members.BankSettings.of(model.policy.bank)
    return bank.Bank(model.policy, settings, bank.Fleet(), 0, room)


def _rebuild(model: ArtifactPolicy, load: NDArray[np.float64]) -> float:
    """Return the time that it takes to decide knowing nothing but 14 days of load."""
    times = []
    for _ in range(3):
        bank = _bank(model, KNOWN)
        began = time.process_time()
        bank.advance(load[:KNOWN] / load.mean() * MACHINES, bank.scored_since(KNOWN))
        times.append(time.process_time() - began)
    return float(np.median(times))


def _one_by_one(
    model: ArtifactPolicy, load: NDArray[np.float64], decisions: int
) -> dict[str, float]:
    """Return median and 99th percentile of a decision that follows the one of the minute before."""
    bank = _bank(model, KNOWN + decisions)
    machines = load / load.mean() * MACHINES
    bank.advance(machines[:KNOWN])
    times = np.empty(decisions)
    for place in range(decisions):
        minute = machines[KNOWN + place : KNOWN + place + 1]
        began = time.thread_time_ns()
        bank.advance(minute)
        times[place] = (time.thread_time_ns() - began) / 1000
    return {
        "decision_median_us": float(np.median(times)),
        "decision_p99_us": float(np.quantile(times, 0.99)),
    }


def _long_backtest(model: ArtifactPolicy, load: NDArray[np.float64], days: int) -> dict[str, float]:
    """Return the time that a back-test of repeated load takes: the policy, and all baselines."""
    minutes = KNOWN + days * DAY
    repeated = np.tile(load, -(-minutes // len(load)))[:minutes]
    window = Window(repeated, KNOWN, make_rules(capacity=repeated.mean() / MACHINES))
    began = time.process_time()
    rollout(model, [Stretch(window, 0)], 5)
    between = time.process_time()
    run_baselines(window)
    ended = time.process_time()
    return {"policy_seconds": between - began, "baselines_seconds": ended - between}
