"""The reactive rule is the guard's, without an artifact."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl.controller.guard import (
    STALE,
    GuardSettings,
    Situation,
    doubts,
)
from autoscaling_rl.controller.guard import reactive as guards_rule
from edge_policy import reactive

minutes = st.lists(st.one_of(st.none(), st.floats(0, 1e5)), min_size=1, max_size=40)


@given(
    minutes,
    st.integers(0, 300),
    st.floats(1, 1000),
    st.sampled_from([{}, {"reactive_target": 0.8}, {"reactive_minutes": 3, "stale_minutes": 2}]),
)
def test_it_wants_what_the_guard_wants(load, fleet, capacity, settings):
    load = np.array([np.nan if each is None else each for each in load])
    if np.isnan(load).all():
        return
    chosen = GuardSettings.of(settings)
    wanted = guards_rule(load, capacity, chosen)
    stale = STALE in doubts(Situation(fleet, load, capacity), chosen)
    expected = max(wanted, fleet) if stale else wanted
    found = reactive.decide(load, fleet, capacity, least=0, guard=settings)
    assert found == (expected, stale)


def test_limits_hold():
    load = np.array([1000.0] * 20)
    assert reactive.decide(load, 0, 100.0)[0] == 17
    assert reactive.decide(load, 0, 100.0, most=9)[0] == 9
    assert reactive.decide(load, 0, 100.0, least=30)[0] == 30


def test_without_any_load_the_fleet_stays():
    for load in (np.zeros(0), np.full(5, np.nan)):
        assert reactive.decide(load, 7, 100.0) == (7, True)
        assert reactive.decide(load, 0, 100.0) == (1, True)
        assert reactive.decide(load, 70, 100.0, most=9) == (9, True)
