"""Policies: their file, and actions that are numbers whatever is observed."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl.controller import observation as obs
from autoscaling_rl.controller.policy import MAX_MACHINES, Policy, band_action
from tests.training_src.endpoints import (
    autoscaling_policy,
)
from tests.training_src.jobs import observations, small_policy


def test_a_policy_survives_its_file(tmp_path):
    for head, parts in (
        ("levels", {"levels": (-1, 0, 2), "activation": "silu"}),
        ("continuous", {"low": (-1.0,) * 3, "high": (1.0,) * 3, "activation": "relu"}),
        ("discrete", {"skip": np.ones((4, 3), np.float32)}),
    ):
        policy = small_policy(head, **parts)
        policy.save(tmp_path / "policy.npz")
        loaded = Policy.load(tmp_path / "policy.npz", policy.specification())
        np.testing.assert_array_equal(
            loaded.outputs(observations()), policy.outputs(observations())
        )
        np.testing.assert_array_equal(loaded.act(observations()), policy.act(observations()))
        assert loaded.specification() == policy.specification()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"head": "other"}, "head 'other' is unknown"),
        ({"activation": "gelu"}, "activation 'gelu' is unknown"),
        ({"head": "band"}, "'band' needs 2 outputs, not 3"),
        ({"head": "levels", "levels": (1, 2)}, "'levels' needs 2 outputs, not 3"),
        ({"mean": np.zeros(3, np.float32)}, "mean and scale must have shape"),
        (
            {"mean": np.zeros(4, np.float32), "scale": np.zeros(4, np.float32)},
            "scale must be positive",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, text):
    with pytest.raises(ValueError, match=text):
        small_policy(**{"head": "discrete", **changes})


def test_weights_that_are_no_numbers_are_refused():
    policy = small_policy()
    arrays = {**policy.arrays(), "bias_0": np.full(8, np.nan, np.float32)}
    with pytest.raises(ValueError, match="bias_0 holds numbers that are not finite"):
        Policy.from_arrays(arrays, policy.specification())


@pytest.mark.parametrize("activation", ["tanh", "silu", "relu"])
def test_no_observation_makes_an_action_that_is_no_number(activation):
    largest = np.finfo(np.float32).max
    rows = np.stack([np.full(obs.SIZE, value, np.float32) for value in (largest, -largest, 0)])
    scale = np.full(obs.SIZE, 0.01, np.float32)
    policy = autoscaling_policy(
        activation=activation, mean=np.zeros(obs.SIZE, np.float32), scale=scale
    )
    steep = Policy(
        weights=tuple(weight * 100 for weight in policy.weights),
        biases=policy.biases,
        head="band",
        activation=activation,
    )
    for each in (policy, steep):
        assert (np.abs(each.act(rows)) <= MAX_MACHINES).all()


@given(
    st.integers(0, 100_000),
    st.floats(0, 12, width=32),
    st.floats(-5, 5, width=32),
    st.floats(-5, 5, width=32),
)
def test_a_band_moves_the_fleet_just_into_it(fleet, level, wanted, spread):
    row = np.zeros((1, obs.SIZE), np.float32)
    row[0, :2] = level, np.log1p(np.float32(fleet))
    after = fleet + int(band_action(row, np.array([[wanted, spread]], np.float32))[0])
    limit = math.log1p(MAX_MACHINES)
    low = math.ceil(math.expm1(min(max(level + wanted, 0.0), limit)))
    top = math.expm1(min(max(level + wanted + max(spread, 0.0), 0.0), limit))
    high = max(low, math.ceil(top))
    assert after == min(max(fleet, low), high)
