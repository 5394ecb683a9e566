"""Hyperparameters become texts that every reader turns back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator import EstimatorError
from estimator.attach import decode
from estimator.hyperparameters import encode, encode_all

NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))


@given(st.one_of(st.text(), st.booleans(), NUMBERS))
def test_what_is_encoded_is_read_back_the_same(value: object) -> None:
    assert decode(encode(value)) == value
    assert type(json.loads(encode(value))) is type(value)


def test_scalars_of_numpy_are_numbers() -> None:
    given = {"a": np.int64(3), "b": np.float32(0.5), "c": np.float64(0.1)}
    assert encode_all(given) == {"a": "3", "b": "0.5", "c": "0.1"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"layers": [64, 64]}, "hyperparameters: layers is of type list: write a text"),
        ({"a": {"b": 1}}, "a is of type dict"),
        ({"a": None}, "a is of type NoneType"),
        ({"a": float("nan")}, "a is nan: write a finite number"),
        ({"a": float("inf")}, "a is inf: write a finite number"),
        ({1: "a"}, "the name 1 is no text"),
        ({"sagemaker_program": "x"}, "sagemaker_program begins with sagemaker_"),
        ({"a": "x" * 2499}, "a has 2501 characters, SageMaker takes 2500"),
    ],
)
def test_what_is_no_scalar_is_refused(given: dict, said: str) -> None:
    with pytest.raises(EstimatorError) as error:
        encode_all(given)
    assert said in str(error.value)


def test_a_text_of_sagemakers_other_clients_is_read_as_it_stands() -> None:
    assert decode("smoke") == "smoke"
    assert decode('"smoke"') == "smoke"
    assert decode("0.5") == 0.5
