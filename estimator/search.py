"""The points that a search on this machine tries, drawn from the ranges of a tuning request."""

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from estimator.errors import EstimatorError

Point = dict[str, str]
"""Hyperparameters by name, as a request carries them."""

_LONGEST_GRID = 1_000


def points(
    ranges: Mapping[str, Sequence[Mapping[str, Any]]], *, strategy: str, count: int, seed: int
) -> list[Point]:
    """Return what to try, in order; the same arguments always give the same points.

    `Random` draws each point by itself. `Bayesian` would need what earlier jobs found: a scrambled
    Sobol sequence stands in for it, which covers the ranges more evenly than chance does. `Grid`
    tries every combination.

    Args:
        ranges: `ParameterRanges` of the request.
        strategy: `Random`, `Bayesian` or `Grid`.
        count: How many points; a grid has as many as it has.
        seed: Of the draw.
    """
    if strategy == "Grid":
        return _grid(ranges["CategoricalParameterRanges"])
    listed = [(kind, one) for kind, many in ranges.items() for one in many]
    rows = _units(strategy, len(listed), count, seed)
    return [
        {
            one["Name"]: _value(kind, one, unit)
            for (kind, one), unit in zip(listed, row, strict=True)
        }
        for row in rows
    ]


def _units(strategy: str, width: int, count: int, seed: int) -> list[list[float]]:
    """Return `count` rows of `width` numbers in [0, 1)."""
    import numpy as np

    if strategy == "Random":
        rows = np.random.default_rng(seed).random((count, width))
    else:
        from scipy.stats import qmc

        # The sequence is even where its length is a power of two; its first points are so as well.
        sobol = qmc.Sobol(width, rng=np.random.default_rng(seed))
        rows = sobol.random_base2((count - 1).bit_length())[:count]
    units: list[list[float]] = rows.tolist()
    return units


def _grid(ranges: Sequence[Mapping[str, Any]]) -> list[Point]:
    size = math.prod(len(one["Values"]) for one in ranges)
    if size > _LONGEST_GRID:
        raise EstimatorError(
            f"hyperparameter_ranges make a grid of {size} jobs: write fewer values, or "
            "strategy='Random' with max_jobs"
        )
    names = [one["Name"] for one in ranges]
    return [
        dict(zip(names, values, strict=True))
        for values in itertools.product(*(one["Values"] for one in ranges))
    ]


def _value(kind: str, one: Mapping[str, Any], unit: float) -> str:
    if kind == "CategoricalParameterRanges":
        values: Sequence[str] = one["Values"]
        return values[int(unit * len(values))]
    low, high = float(one["MinValue"]), float(one["MaxValue"])
    if kind == "IntegerParameterRanges":
        # Each whole number gets a share of its own, the first and the last as well.
        drawn = _between(low, high + 1, one["ScalingType"], unit)
        return str(min(int(high), int(drawn)))
    return json.dumps(min(high, max(low, _between(low, high, one["ScalingType"], unit))))


def _between(low: float, high: float, scaling: str, unit: float) -> float:
    if scaling == "Logarithmic":
        return float(low * (high / low) ** unit)
    if scaling == "ReverseLogarithmic":
        return float(1 - (1 - low) * ((1 - high) / (1 - low)) ** unit)
    return low + (high - low) * unit
