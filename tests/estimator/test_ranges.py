"""Ranges of hyperparameters: what is refused, and which points a local search draws from them."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator import (
    CategoricalParameter,
    ContinuousParameter,
    EstimatorError,
    IntegerParameter,
)
from estimator.ranges import check_ranges, parameter_ranges
from estimator.search import points


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        ({}, "hyperparameter_ranges is empty: write for example"),
        ({"a": 3}, "a is 3: write a ContinuousParameter"),
        ({"a": IntegerParameter(8, 4)}, "a goes from 8 to 4: write the smaller one first"),
        ({"a": ContinuousParameter(1.0, 1.0)}, "a goes from 1.0 to 1.0"),
        ({"a": IntegerParameter(1, 2.5)}, "a goes to 2.5: write a whole number"),
        ({"a": ContinuousParameter(0, float("inf"))}, "a goes to inf: write a finite number"),
        ({"a": ContinuousParameter("0", 1)}, "a goes to '0': write a finite number"),
        ({"a": ContinuousParameter(0, 1, "Logaritmic")}, "did you mean 'Logarithmic'"),
        ({"a": ContinuousParameter(0, 1, "Logarithmic")}, "a begins at 0, which has no logarithm"),
        ({"a": ContinuousParameter(0, 1, "ReverseLogarithmic")}, "to less than 1"),
        ({"a": IntegerParameter(0, 1, "ReverseLogarithmic")}, "takes a ContinuousParameter"),
        ({"a": CategoricalParameter([])}, "a has no list of values"),
        ({"a": CategoricalParameter("cem")}, "a has no list of values"),
        ({"a": CategoricalParameter([1, 2, 1])}, "3 values, 2 of them different"),
        ({"a": CategoricalParameter([[1], [2]])}, "is of type list"),
        ({"sagemaker_a": IntegerParameter(1, 2)}, "begins with sagemaker_"),
        ({f"a{n}": IntegerParameter(1, 2) for n in range(31)}, "has 31 ranges"),
    ],
)
def test_what_is_no_range_is_refused(ranges: dict, words: str) -> None:
    with pytest.raises(EstimatorError, match="hyperparameter") as error:
        check_ranges(ranges)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


RANGES = parameter_ranges(
    {
        "rate": ContinuousParameter(1e-5, 1e-2, "Logarithmic"),
        "discount": ContinuousParameter(0.9, 0.999, "ReverseLogarithmic"),
        "share": ContinuousParameter(-1, 1),
        "width": IntegerParameter(3, 6),
        "steps": IntegerParameter(1, 1000, "Logarithmic"),
        "head": CategoricalParameter(["band", "level"]),
    }
)


@given(
    strategy=st.sampled_from(["Random", "Bayesian"]),
    count=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_points_lie_in_their_ranges_and_are_the_same_again(strategy, count, seed) -> None:
    drawn = points(RANGES, strategy=strategy, count=count, seed=seed)
    assert drawn == points(RANGES, strategy=strategy, count=count, seed=seed)
    assert len(drawn) == count
    for point in drawn:
        values = {name: json.loads(text) for name, text in point.items()}
        assert 1e-5 <= values["rate"] <= 1e-2
        assert 0.9 <= values["discount"] <= 0.999
        assert -1 <= values["share"] <= 1
        assert values["width"] in (3, 4, 5, 6)
        assert values["steps"] in range(1, 1001)
        assert values["head"] in ("band", "level")


@pytest.mark.parametrize("strategy", ["Random", "Bayesian"])
def test_points_cover_their_ranges(strategy: str) -> None:
    drawn = points(RANGES, strategy=strategy, count=256, seed=1)
    values = {name: [json.loads(point[name]) for point in drawn] for name in drawn[0]}
    for name, shares in (("width", 4), ("head", 2)):
        for count in Counter(values[name]).values():
            assert 0.7 < count * shares / 256 < 1.3
    # Half of a logarithmic range lies below its geometric mean, of a reversed one near its end.
    assert 0.4 < sum(rate < 10**-3.5 for rate in values["rate"]) / 256 < 0.6
    assert 0.4 < sum(discount > 0.99 for discount in values["discount"]) / 256 < 0.6
    assert 0.4 < sum(steps < 32 for steps in values["steps"]) / 256 < 0.6
    if strategy == "Bayesian":
        # One point in each 16th of an axis: this is what chance does not do.
        sixteen = points(RANGES, strategy=strategy, count=16, seed=1)
        cells = {int((json.loads(point["share"]) + 1) * 8) for point in sixteen}
        assert cells == set(range(16))


def test_a_grid_has_every_combination() -> None:
    ranges = parameter_ranges(
        {"a": CategoricalParameter([1, 2]), "b": CategoricalParameter(["x", True])}
    )
    drawn = points(ranges, strategy="Grid", count=1, seed=0)
    assert drawn == [
        {"a": "1", "b": '"x"'},
        {"a": "1", "b": "true"},
        {"a": "2", "b": '"x"'},
        {"a": "2", "b": "true"},
    ]
    large = {f"a{n}": CategoricalParameter(list(range(10))) for n in range(4)}
    with pytest.raises(EstimatorError, match="a grid of 10000 jobs"):
        points(parameter_ranges(large), strategy="Grid", count=1, seed=0)
