"""Reads the scorecard that the evaluation job writes, and refuses one that cannot be judged."""

import json
import math
from dataclasses import dataclass

from lambdas.errors import GateError
from lambdas.validation import shown

POLICY = "policy"
ORACLE = "oracle"
BEST_TUNED = "best_tuned"
METRICS = ("J", "return")
LARGEST = 1e15
"""Beyond this no metric is meaningful, and sums over windows could overflow."""


@dataclass(frozen=True, kw_only=True)
class Scorecard:
    """One value for each policy and window; windows are the same for all.

    `metric` is `J`, a cost in machine-minutes (lower is better), or `return`, the sum of rewards
    of an episode (higher is better).
    """

    metric: str
    default_baseline: str
    values: dict[str, tuple[float, ...]]

    def baselines(self) -> list[str]:
        """List what the policy can be compared with; nothing beats the clairvoyant oracle."""
        return [name for name in self.values if name not in (POLICY, ORACLE)]

    def resolve(self, baseline: str | None) -> str:
        """Turn what the user asked for into a policy of this scorecard.

        Args:
            baseline: A name, `best_tuned`, or None for the scorecard's own default: `best_tuned`
                where baselines were tuned, `random` elsewhere.

        Raises:
            GateError: Names the baselines that there are.
        """
        name = self.default_baseline if baseline is None else baseline
        if name == BEST_TUNED:
            if best := self.best_tuned():
                return best
        elif name in self.baselines():
            return name
        raise GateError(
            f"gate.baseline: {shown(name)} is not in the scorecard of this environment; "
            f"use one of {', '.join(self.baselines())}"
        )

    def best_tuned(self) -> str | None:
        """Return the tuned baseline with the best total over these windows, None without any."""
        tuned = [known for known in self.baselines() if known.endswith("_tuned")]
        best = min if self.metric == "J" else max
        return best(tuned, key=self.total) if tuned else None

    def total(self, name: str) -> float:
        """Add up a policy's values over the windows."""
        return math.fsum(self.values[name])


def parse_scorecard(data: bytes) -> Scorecard:
    """Read scorecard.json.

    Raises:
        GateError: Says what is wrong with it.
    """
    try:
        return _parse(json.loads(data))
    except (ValueError, RecursionError) as error:
        line = " ".join(str(error).split())
        raise GateError(f"scorecard.json of the evaluation job is malformed: {line}") from error


def _parse(document: object) -> Scorecard:
    if not isinstance(document, dict) or document.get("schema_version") != 1:
        raise ValueError("it must be an object with schema_version 1")
    metric, default = document.get("metric"), document.get("default_baseline")
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, not {shown(metric)}")
    if not isinstance(default, str):
        raise ValueError(f"default_baseline must be a name, not {shown(default)}")
    windows, policies = document.get("windows"), document.get("policies")
    if not isinstance(windows, list) or len(windows) < 2:
        raise ValueError("windows must list at least 2 windows: one allows no confidence bound")
    if not isinstance(policies, dict) or POLICY not in policies:
        raise ValueError(f'policies must hold "{POLICY}"')
    values = {name: _values(name, entry, len(windows)) for name, entry in policies.items()}
    return Scorecard(metric=str(metric), default_baseline=default, values=values)


def _values(name: str, entry: object, count: int) -> tuple[float, ...]:
    values = entry.get("values") if isinstance(entry, dict) else None
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"policies.{name}.values must hold {count} numbers, one for each window")
    for value in values:
        finite = isinstance(value, int | float) and abs(value) <= LARGEST
        if isinstance(value, bool) or not finite:
            raise ValueError(f"policies.{name}.values must be numbers, not {shown(value)}")
    return tuple(float(value) for value in values)
