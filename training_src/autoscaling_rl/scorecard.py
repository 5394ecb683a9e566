"""The scorecard: what each policy cost and failed, over one window or several.

Figures are sums over minutes first and ratios last, so that windows add up. Savings come with
paired intervals: windows (or days) are drawn with replacement for both policies together, since
both met the same load (percentile bootstrap; Efron and Tibshirani, An Introduction to the
Bootstrap, 1993). The gate of the workflow draws with the same generator and seed: no interval here
tells another verdict than the gate's.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.baselines.registry import DEFAULT, ORACLE
from autoscaling_rl.baselines.window import (
    ACTIVE,
    CHANGED,
    DAY,
    FAILED,
    OWED,
    PENDING,
    Trajectory,
    Window,
)

FloatArray = NDArray[np.float64]

SCHEMA_VERSION = 1
POLICY = "policy"
BEST_TUNED = "best_tuned"  # stands for the tuned baseline of least cost in the windows judged
UNIT = "machine-minutes"
SLO_SHARE = 0.005  # of a minute's load; a minute with more failures breaks the objective
CONFIDENCE = 0.95  # of each end of a saving's interval, which so covers 90 %
RESAMPLES, SEED = 4000, 20_230_517  # as in the gate


@dataclass(frozen=True)
class Totals:
    """Sums over the minutes of a window, or of several.

    Attributes:
        minutes: minutes.
        requests: load.
        failed: load that failed.
        billed: machine-minutes.
        cost: J in machine-minutes.
        slo_minutes: minutes with more than 0.5 % of the load failed.
        longest_outage: most such minutes in a row, within a window.
        changes: minutes in which machines were added or removed.
    """

    minutes: int
    requests: float
    failed: float
    billed: float
    cost: float
    slo_minutes: int
    longest_outage: int
    changes: int

    def __add__(self, other: "Totals") -> "Totals":
        """Return the sums over both; the longest outage is the longer one."""
        return Totals(
            self.minutes + other.minutes,
            self.requests + other.requests,
            self.failed + other.failed,
            self.billed + other.billed,
            self.cost + other.cost,
            self.slo_minutes + other.slo_minutes,
            max(self.longest_outage, other.longest_outage),
            self.changes + other.changes,
        )


def totals(trajectory: Trajectory, window: Window) -> Totals:
    """Return the sums of a run."""
    record, requests = trajectory.record, window.requests
    broken = record[FAILED] > SLO_SHARE * requests
    return Totals(
        window.minutes,
        float(requests.sum()),
        float(record[FAILED].sum()),
        float(record[[ACTIVE, PENDING, OWED]].sum()),
        trajectory.cost(window.rules),
        int(broken.sum()),
        _longest_run(broken),
        int(np.count_nonzero(record[CHANGED])),
    )


def _longest_run(flags: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False]))))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def figures(runs: Mapping[str, Totals]) -> dict[str, dict[str, float | int | None]]:
    """Return the figures of every policy by name.

    `J_over_oracle` and `gap_closed` (the part of the way from tuned target tracking to the oracle)
    are None without those two, and where there is no gap to close. Figures are finite.
    """
    oracle, tracking = runs.get(ORACLE), runs.get(DEFAULT)
    return {name: _figures(each, oracle, tracking) for name, each in runs.items()}


def _figures(
    run: Totals, oracle: Totals | None, tracking: Totals | None
) -> dict[str, float | int | None]:
    gap = tracking.cost - oracle.cost if tracking and oracle else 0.0
    worthwhile = oracle is not None and gap > 1e-9 * oracle.cost
    return {
        "failed_percent": _ratio(100 * run.failed, run.requests, 0.0),
        "machine_hours": _finite(run.billed / 60),
        "J": _finite(run.cost),
        "J_over_oracle": _ratio(run.cost, oracle.cost if oracle else 0.0, None),
        "gap_closed": _ratio(tracking.cost - run.cost, gap, None)
        if tracking and worthwhile
        else None,
        "slo_minutes": run.slo_minutes,
        "longest_outage_minutes": run.longest_outage,
        "changes_per_day": _ratio(run.changes * DAY, run.minutes, 0.0),
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _ratio(part: float, whole: float, otherwise: float | None) -> float | None:
    return _finite(part / whole) if whole > 0 else otherwise


@dataclass(frozen=True)
class Interval:
    """A relative saving and its confidence interval; 0.04 is a saving of 4 %.

    Attributes:
        saving: sum(baseline - policy) / sum(baseline).
        lower: lower end, None with fewer than two windows.
        upper: upper end, None with fewer than two windows.
    """

    saving: float
    lower: float | None
    upper: float | None


def paired_interval(
    policy: Sequence[float] | FloatArray,
    baseline: Sequence[float] | FloatArray,
    confidence: float = CONFIDENCE,
) -> Interval | None:
    """Return the saving of a policy over a baseline with a percentile interval.

    Args:
        policy: cost of the policy in each window.
        baseline: cost of the baseline in the same windows.
        confidence: of each end by itself, one-sided: at 0.95 the interval covers 90 %.

    Returns:
        None if the baseline's costs add up to nothing, or next to nothing beside the policy's, so
        that a relative saving has no meaning.
    """
    ours, theirs = np.asarray(policy, np.float64), np.asarray(baseline, np.float64)
    if ours.shape != theirs.shape or ours.ndim != 1 or not len(ours):
        raise ValueError("a paired interval takes as many values of the policy as of the baseline")
    least = 1e-9 * float(ours.sum() + theirs.sum())  # below it a ratio says nothing
    if not theirs.sum() > least or theirs.min() < 0:
        return None
    saving = float((theirs - ours).sum() / theirs.sum())
    if len(ours) == 1:
        return Interval(saving, None, None)
    drawn = _draws(len(ours))
    scale = theirs[drawn].sum(axis=1)
    gains = (theirs - ours)[drawn].sum(axis=1)
    drawn_savings = np.divide(gains, scale, out=np.zeros(RESAMPLES), where=scale > least)
    drawn_savings.sort()
    place = max(0, math.floor((1 - confidence) * RESAMPLES) - 1)
    return Interval(saving, float(drawn_savings[place]), float(drawn_savings[-1 - place]))


@cache
def _draws(windows: int) -> NDArray[np.int64]:
    draw = random.Random(SEED)
    return np.array([draw.choices(range(windows), k=windows) for _ in range(RESAMPLES)])


def savings(
    values: Mapping[str, Sequence[float] | FloatArray], confidence: float = 0.95
) -> dict[str, dict[str, float | None] | None]:
    """Return the policy's saving over every other with its interval, for JSON.

    Args:
        values: cost in each window by policy; windows are the same for all.
        confidence: of each end of an interval.
    """
    intervals = {
        name: paired_interval(values[POLICY], theirs, confidence)
        for name, theirs in values.items()
        if name != POLICY
    }
    return {name: vars(each) if each else None for name, each in intervals.items()}


def evaluation_scorecard(
    windows: Sequence[str], runs: Mapping[str, Sequence[Totals]]
) -> dict[str, Any]:
    """Return the scorecard of an evaluation over several windows, which the gate reads.

    Args:
        windows: a name for each window.
        runs: each policy's totals in these windows; one is called "policy".
    """
    values = {name: [each.cost for each in per_window] for name, per_window in runs.items()}
    summed = {name: _sum(per_window) for name, per_window in runs.items()}
    policies = {
        name: {"values": values[name], **numbers} for name, numbers in figures(summed).items()
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "metric": "J",
        "unit": UNIT,
        "default_baseline": BEST_TUNED,
        "windows": list(windows),
        "policies": policies,
        "savings": savings(values),
    }


def _sum(runs: Sequence[Totals]) -> Totals:
    total = runs[0]
    for run in runs[1:]:
        total = total + run
    return total
