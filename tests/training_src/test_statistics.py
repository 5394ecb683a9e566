"""Running moments, and the scalers of observations and rewards that stand on them."""

import dataclasses

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autoscaling_rl.toolkits.statistics import ObservationScaler, RewardScaler, RunningMoments
from tests.training_src.jobs import observations, small_policy


def test_moments_are_those_of_all_rows():
    rng = np.random.default_rng(0)
    rows = rng.normal(3.0, 2.0, (1000, 3)) * [1, 10, 0]
    moments = RunningMoments(3)
    for part in np.array_split(rows, 7):
        moments.update(part)
    np.testing.assert_allclose(moments.mean, rows.mean(axis=0))
    np.testing.assert_allclose(moments.variance, rows.var(axis=0))
    assert moments.scale()[2] == 1.0  # never changed in training


def test_scaled_observations_are_what_the_policy_sees():
    policy = small_policy()
    scaler = ObservationScaler(4, enabled=True)
    rows = observations(300) * 7 + 3
    scaled = scaler.apply(rows)
    mean, scale = scaler.parameters()
    whole = dataclasses.replace(policy, mean=mean, scale=scale)
    np.testing.assert_allclose(whole.outputs(rows), policy.outputs(scaled), rtol=0, atol=1e-5)


def test_scaled_rewards_have_unit_returns():
    scaler = RewardScaler(8, scale=0.5, gamma=0.9, enabled=True)
    rng = np.random.default_rng(0)
    last = [scaler.apply(rng.normal(0, 100, 8), rng.random(8) < 0.1) for _ in range(2000)][-500:]
    assert 0.2 < np.std(last) < 1.0
    plain = RewardScaler(2, scale=0.5, gamma=0.9, enabled=False)
    np.testing.assert_array_equal(plain.apply(np.array([2.0, -4.0]), np.zeros(2, bool)), [1, -2])


parts = st.lists(
    arrays(np.float64, st.tuples(st.integers(0, 6), st.just(2)), elements=st.floats(-1e3, 1e3)),
    min_size=1,
    max_size=4,
)


@given(parts, parts)
def test_moments_joined_over_instances_are_those_of_all_rows(common, own):
    before = RunningMoments(2)
    for rows in common:
        if len(rows):
            before.update(rows)
    joined = before.copy()
    for rows in own:  # each instance goes on from the same moments with rows of its own
        moments = before.copy()
        newest = moments.watch()
        if len(rows):
            moments.update(rows)
        joined.merge(newest.count, newest.mean, newest.variance)
    everything = np.concatenate([*common, *own])
    assert joined.count == len(everything)
    if len(everything):
        np.testing.assert_allclose(joined.mean, everything.mean(axis=0), atol=1e-8)
        np.testing.assert_allclose(joined.variance, everything.var(axis=0), atol=1e-5)


@given(st.floats(0.0, 2.0**30, width=32), st.integers(2, 4))
def test_a_column_that_never_changes_does_not_change_by_being_joined(value, instances):
    rows = np.full((64, 1), value, np.float32)
    joined = RunningMoments(1)
    for _ in range(3):
        newest = [joined.copy().watch() for _ in range(instances)]
        for each in newest:
            for _ in range(5):
                each.update(rows)
        for each in newest:
            joined.merge(each.count, each.mean, each.variance)
    assert joined.scale()[0] == 1.0
