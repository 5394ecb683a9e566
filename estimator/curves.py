"""The metrics of a job point by point, from its lines.

CloudWatch averages metrics over a minute, so a short job has one value of each; the lines they come
from are all there, with their times.
"""

import contextlib
import math
import re
from collections import defaultdict
from typing import Any

from estimator.errors import EstimatorError
from estimator.job import Job
from estimator.logs import LogReader
from estimator.session import asking

Curve = list[tuple[float, float]]
"""Seconds since the job began to train, and the value then."""

SPEED = "steps_per_second"
_STEPS = re.compile(r"^Training>.*Steps=(\d+)")


def curves(job: Job) -> dict[str, Curve]:
    """Return the curve of each metric that the job's definitions find in its lines.

    A job that prints no steps per second, but how many steps it is at, gets those since its start.

    Raises:
        EstimatorError: If the job has not started to train, or has no metrics.
    """
    described = job.describe()
    patterns = _patterns(described)
    if "TrainingStartTime" not in described or not patterns:
        raise EstimatorError(
            f"training job {job.name} has no metrics yet: wait until it trains, with "
            "metric_definitions"
        )
    start = described["TrainingStartTime"].timestamp()
    found: dict[str, Curve] = defaultdict(list)
    speeds: Curve = []
    with asking(f"the lines of {job.name}"):
        for line in LogReader(job.session.client("logs"), job.name).lines():
            seconds = max(0.0, line.seconds - start)
            for name, pattern in patterns.items():
                _add(found[name], seconds, pattern.search(line.text))
            steps = _STEPS.match(line.text)
            if steps and seconds > 0:
                speeds.append((seconds, int(steps[1]) / seconds))
    kept = {name: sorted(curve) for name, curve in found.items() if curve}
    return ({SPEED: speeds} if speeds else {}) | kept


def _patterns(described: dict[str, Any]) -> dict[str, "re.Pattern[str]"]:
    definitions = described["AlgorithmSpecification"].get("MetricDefinitions", ())
    return {one["Name"]: re.compile(one["Regex"]) for one in definitions}


def _add(curve: Curve, seconds: float, match: "re.Match[str] | None") -> None:
    if match is None or not match.groups():
        return
    with contextlib.suppress(ValueError, TypeError):
        value = float(match[1])
        if math.isfinite(value):
            curve.append((seconds, value))
