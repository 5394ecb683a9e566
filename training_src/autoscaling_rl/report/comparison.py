"""The policy against the others over the same windows, judged as the workflow's gate judges."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.baselines.registry import ORACLE
from autoscaling_rl.scorecard import BEST_TUNED, POLICY

FloatArray = NDArray[np.float64]

# The gate draws with the same generator and seed: page and gate never tell two different verdicts.
RESAMPLES = 4000
SEED = 20_230_517


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What the policy saves against another one; 0.04 is a saving of 4 %.

    For the metric "return" it is the gain relative to the other's mean return without its sign.

    Attributes:
        baseline: name of the other one.
        saving: over all windows together.
        lower: lower end of the interval, None with fewer than two windows.
        upper: upper end of the interval, None with fewer than two windows.
        coverage: probability that the interval covers the true saving.
        per_window: saving in each window.
        scale: mean amount that a saving of 1 stands for, in the metric's unit.
    """

    baseline: str
    saving: float
    lower: float | None
    upper: float | None
    coverage: float
    per_window: tuple[float, ...]
    scale: float

    @property
    def passed(self) -> bool:
        """Whether the lower end is above zero."""
        return self.lower is not None and self.lower > 0


def resolve(scorecard: Mapping[str, Any], baseline: str | None) -> str | None:
    """Return the name of the baseline to compare with, None if the scorecard does not hold it.

    Args:
        scorecard: as `evaluation_scorecard` returns it.
        baseline: a name, "best_tuned", or None for the scorecard's own.
    """
    name: str | None = baseline or scorecard.get("default_baseline")
    policies: Mapping[str, Any] = scorecard["policies"]
    tuned = [known for known in policies if known.endswith("_tuned")]
    if name == BEST_TUNED and tuned:
        best = min if scorecard["metric"] == "J" else max
        return best(tuned, key=lambda known: float(_values(policies[known]["values"]).sum()))
    return name if name in policies and name not in (POLICY, ORACLE) else None


def compare(
    scorecard: Mapping[str, Any], baseline: str | None = None, *, confidence: float = 0.95
) -> Comparison | None:
    """Return the policy's saving against a baseline of an evaluation's scorecard.

    Args:
        scorecard: as `evaluation_scorecard` returns it.
        baseline: as in `resolve`.
        confidence: one-sided, of the lower end of the interval.

    Returns:
        None if there is nothing to compare: no such baseline, or costs that are not above zero.
    """
    name = resolve(scorecard, baseline)
    if name is None:
        return None
    policies = scorecard["policies"]
    ours, theirs = (_values(policies[each].get("values")) for each in (POLICY, name))
    if len(ours) != len(theirs) or not len(ours) or not np.isfinite([ours, theirs]).all():
        return None
    if scorecard["metric"] == "J":
        return compare_totals(name, ours, theirs, confidence=confidence)
    scale = abs(math.fsum(theirs)) / len(theirs) or 1.0
    return _comparison(name, ours - theirs, np.full(len(theirs), scale), confidence)


def compare_totals(
    name: str,
    ours: Sequence[float] | FloatArray,
    theirs: Sequence[float] | FloatArray,
    *,
    confidence: float,
) -> Comparison | None:
    """Return what costs `ours` save against the costs `theirs` of the same windows."""
    policy, baseline = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if not baseline.min(initial=np.inf) > 0:
        return None
    return _comparison(name, baseline - policy, baseline, confidence)


def comparisons(scorecard: Mapping[str, Any], *, confidence: float = 0.95) -> list[Comparison]:
    """Return the comparisons with every baseline; nothing beats the oracle, it is left out."""
    names = [name for name in scorecard["policies"] if name not in (POLICY, ORACLE)]
    found = (compare(scorecard, name, confidence=confidence) for name in names)
    return [each for each in found if each is not None]


def _values(values: Sequence[float | None] | None) -> FloatArray:
    return np.array([np.nan if each is None else each for each in values or ()], np.float64)


def _comparison(name: str, gains: FloatArray, scales: FloatArray, confidence: float) -> Comparison:
    lower = upper = None
    if len(gains) > 1:
        drawn = _draws(len(gains))
        savings = np.sort(gains[drawn].sum(axis=1) / scales[drawn].sum(axis=1))
        place = max(0, math.floor((1 - confidence) * RESAMPLES) - 1)
        lower, upper = float(savings[place]), float(savings[RESAMPLES - 1 - place])
    return Comparison(
        baseline=name,
        saving=float(gains.sum() / scales.sum()),
        lower=lower,
        upper=upper,
        coverage=2 * confidence - 1,
        per_window=tuple((gains / scales).tolist()),
        scale=float(scales.mean()),
    )


@cache
def _draws(windows: int) -> NDArray[np.int64]:
    draw = random.Random(SEED)
    return np.array([draw.choices(range(windows), k=windows) for _ in range(RESAMPLES)])
