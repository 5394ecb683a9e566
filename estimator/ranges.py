"""What a tuning job may choose: ranges of hyperparameters, under the names of the SDK."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from estimator.errors import EstimatorError
from estimator.hyperparameters import encode, encode_all
from estimator.kinds import check_kind, plain
from estimator.toolkits import nearest

SCALINGS = ("Auto", "Linear", "Logarithmic", "ReverseLogarithmic")
_MAX_RANGES = 30


@dataclass(frozen=True)
class ContinuousParameter:
    """A number between two others.

    Attributes:
        min_value: The least.
        max_value: The largest.
        scaling_type: `Auto`, `Linear`, `Logarithmic` or `ReverseLogarithmic`.
    """

    min_value: float
    max_value: float
    scaling_type: str = "Auto"


@dataclass(frozen=True)
class IntegerParameter:
    """A whole number between two others, both of them included.

    Attributes:
        min_value: The least.
        max_value: The largest.
        scaling_type: `Auto`, `Linear` or `Logarithmic`.
    """

    min_value: int
    max_value: int
    scaling_type: str = "Auto"


@dataclass(frozen=True)
class CategoricalParameter:
    """One of several values.

    Attributes:
        values: Texts, numbers or truth values.
    """

    values: Sequence[object]


Range = ContinuousParameter | IntegerParameter | CategoricalParameter


def check_ranges(given: Mapping[str, Any]) -> dict[str, Range]:
    """Return the ranges by the name of their hyperparameter; those of the SDK are taken as well.

    Raises:
        EstimatorError: If one is upside down, empty, or no range.
    """
    check_kind("hyperparameter_ranges", given, Mapping)
    if not given:
        raise EstimatorError(
            "hyperparameter_ranges is empty: write for example "
            "{'deviation': ContinuousParameter(0.01, 0.1)}"
        )
    if len(given) > _MAX_RANGES:
        raise EstimatorError(
            f"hyperparameter_ranges has {len(given)} ranges: SageMaker takes {_MAX_RANGES} at most"
        )
    encode_all(dict.fromkeys(given, 0))
    ranges = {name: _own(name, one) for name, one in given.items()}
    for name, one in ranges.items():
        if isinstance(one, CategoricalParameter):
            _check_values(name, one)
        else:
            _check_limits(name, one)
    return ranges


def parameter_ranges(ranges: Mapping[str, Range]) -> dict[str, list[dict[str, Any]]]:
    """Return the ranges as a request holds them."""
    kinds: dict[str, list[dict[str, Any]]] = {
        f"{kind}ParameterRanges": [] for kind in ("Continuous", "Integer", "Categorical")
    }
    for name, one in ranges.items():
        if isinstance(one, CategoricalParameter):
            values = [encode(value) for value in one.values]
            kinds["CategoricalParameterRanges"].append({"Name": name, "Values": values})
            continue
        kind = "Integer" if isinstance(one, IntegerParameter) else "Continuous"
        kinds[f"{kind}ParameterRanges"].append(
            {
                "Name": name,
                "MinValue": encode(one.min_value),
                "MaxValue": encode(one.max_value),
                "ScalingType": one.scaling_type,
            }
        )
    return kinds


def _own(name: str, one: Any) -> Range:  # noqa: ANN401 - also the SDK's
    kind = type(one).__name__
    if kind == "CategoricalParameter":
        listed = hasattr(one.values, "tolist")  # an array of NumPy's
        return CategoricalParameter(one.values.tolist() if listed else one.values)
    limits: dict[str, type[ContinuousParameter | IntegerParameter]] = {
        "ContinuousParameter": ContinuousParameter,
        "IntegerParameter": IntegerParameter,
    }
    if kind in limits:
        return limits[kind](plain(one.min_value), plain(one.max_value), one.scaling_type)
    raise EstimatorError(
        f"hyperparameter_ranges: {name} is {one!r}: write a ContinuousParameter, an "
        "IntegerParameter or a CategoricalParameter"
    )


def _check_values(name: str, one: CategoricalParameter) -> None:
    values = one.values
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise EstimatorError(f"hyperparameter_ranges: {name} has no list of values: write one")
    encoded = list(encode_all({str(number): value for number, value in enumerate(values)}).values())
    if len(set(encoded)) < len(encoded) or len(encoded) > _MAX_RANGES:
        raise EstimatorError(
            f"hyperparameter_ranges: {name} has {len(encoded)} values, {len(set(encoded))} of them "
            f"different: write each once, {_MAX_RANGES} at most"
        )


def _check_limits(name: str, one: ContinuousParameter | IntegerParameter) -> None:
    place, whole = f"hyperparameter_ranges: {name}", isinstance(one, IntegerParameter)
    for limit in (one.min_value, one.max_value):
        number = isinstance(limit, int | float) and not isinstance(limit, bool)
        if not number or not math.isfinite(limit) or (whole and limit != int(limit)):
            raise EstimatorError(
                f"{place} goes to {limit!r}: write {'a whole' if whole else 'a finite'} number"
            )
    if one.min_value >= one.max_value:
        raise EstimatorError(
            f"{place} goes from {one.min_value} to {one.max_value}: write the smaller one first, "
            "or a fixed value as a hyperparameter of the estimator"
        )
    if one.scaling_type not in SCALINGS:
        known = nearest(str(one.scaling_type), SCALINGS)
        raise EstimatorError(f"{place}: there is no scaling {one.scaling_type!r}{known}")
    _check_scaling(place, one, whole=whole)


def _check_scaling(place: str, one: ContinuousParameter | IntegerParameter, *, whole: bool) -> None:
    if one.scaling_type == "Logarithmic" and one.min_value <= 0:
        raise EstimatorError(
            f"{place} begins at {one.min_value}, which has no logarithm: begin above 0, or write "
            "'Linear'"
        )
    outside = one.min_value < 0 or one.max_value >= 1
    if one.scaling_type == "ReverseLogarithmic" and (whole or outside):
        raise EstimatorError(
            f"{place} is scaled 'ReverseLogarithmic': that takes a ContinuousParameter from 0 or "
            "more to less than 1"
        )
