import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl.environments.dynamics import (
    IN_SERVICE,
    ON_THEIR_WAY,
    due_by_minute,
    due_within,
    failed_load,
    join,
    make_rules,
    new_fleet,
    scale,
    starting_machines,
)
from tests.training_src.plain_dynamics import Minute, PlainFleet, draw

pytestmark = pytest.mark.kernels

warmups = st.one_of(
    st.integers(0, 12), st.lists(st.integers(0, 12), min_size=2, max_size=5).map(np.array)
)
rules = st.builds(
    make_rules,
    capacity=st.sampled_from((1.0, 2.5)),
    min_machines=st.integers(0, 2),
    max_machines=st.sampled_from((0, 0, 5)),
    minimum_billed_minutes=st.sampled_from((0, 1, 7, 30)),
    launch_failure_rate=st.sampled_from((0.0, 0.0, 0.4)),
    warmups=warmups,
    seed=st.integers(0, 2**40),
)


def simulate(desired, loads, start, rules):
    fleet = new_fleet(start, rules)
    minutes = []
    for minute, (wanted, load) in enumerate(zip(desired, loads, strict=True)):
        join(fleet, minute, rules)
        before = fleet[IN_SERVICE] + fleet[ON_THEIR_WAY]
        limited = min(max(wanted, rules.min_machines), rules.max_machines or 10**9)
        owed = scale(fleet, minute, wanted, rules)
        failed = failed_load(fleet, load, rules.capacity)
        changed = abs(limited - before)
        active, pending = int(fleet[IN_SERVICE]), int(fleet[ON_THEIR_WAY])
        minutes.append(Minute(active, pending, failed, int(owed), int(changed)))
    return minutes


@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 20)), min_size=1, max_size=60),
    st.integers(0, 6),
    rules,
)
def test_every_minute_is_that_of_the_readable_fleet(minutes, start, rules):
    desired, loads = zip(*minutes, strict=True)
    plain = PlainFleet.of(start, rules)
    expected = [plain.step(*each) for each in zip(range(len(loads)), desired, loads, strict=True)]
    assert simulate(desired, loads, start, rules) == expected


@pytest.mark.parametrize("seed", range(5))
def test_machines_that_join_out_of_turn_are_billed_by_their_launch(seed):
    rng = np.random.default_rng(seed)
    rules = make_rules(
        capacity=1.0,
        minimum_billed_minutes=20,
        warmups=[2, 5, 9],
        launch_failure_rate=0.1,
        seed=seed,
    )
    desired = (3 + rng.integers(0, 2, 300).cumsum() % 9).tolist()
    plain = PlainFleet.of(3, rules)
    expected = [plain.step(minute, wanted, 2.0) for minute, wanted in enumerate(desired)]
    assert simulate(desired, [2.0] * 300, 3, rules) == expected


def test_any_number_of_machines_can_be_cancelled():
    rules = make_rules(capacity=1.0, minimum_billed_minutes=60, warmups=range(20, 60))
    desired = [3, 900, 2000, 2100, 2, 50, 2]
    plain = PlainFleet.of(3, rules)
    expected = [plain.step(minute, wanted, 2.0) for minute, wanted in enumerate(desired)]
    assert simulate(desired, [2.0] * len(desired), 3, rules) == expected


def test_machines_past_their_minimum_billing_owe_nothing():
    rules = make_rules(capacity=1.0, minimum_billed_minutes=9, warmups=2)
    desired = [*(minute // 3 for minute in range(90)), 1]  # one launch in three minutes
    last = simulate(desired, [0.0] * 91, 0, rules)[-1]
    assert last.changed == 28
    assert last.owed == 6 + 3  # of the launches 3 and 6 minutes ago; a third is 9 minutes old


@given(st.lists(st.integers(1, 20), min_size=1, max_size=60), st.integers(0, 9), st.integers(1, 9))
def test_in_service_is_the_least_desired_of_the_last_warmup_and_one_minutes(desired, warmup, start):
    rules = make_rules(capacity=1.0, warmups=warmup)
    padded = [start] * warmup + desired
    expected = [min(padded[place : place + warmup + 1]) for place in range(len(desired))]
    minutes = simulate(desired, [0.0] * len(desired), start, rules)
    assert [minute.active for minute in minutes] == expected


def test_machines_on_their_way_are_told_by_the_minute_they_join():
    rules = make_rules(capacity=1.0, warmups=[2, 4])
    fleet = new_fleet(1, rules)
    scale(fleet, 10, 4, rules)
    expected = [0, 0, 0, 0]
    for ordinal in range(3):
        expected[draw(rules, 10, ordinal)[0] - 1] += 1
    assert due_by_minute(fleet, 10) == np.trim_zeros(np.array(expected), "b").tolist()
    assert [due_within(fleet, 10, horizon) for horizon in (0, 2, 4)] == [0, expected[1], 3]


def test_boot_times_and_failures_have_the_distribution_asked_for():
    rules = make_rules(capacity=1.0, warmups=[1, 3, 3, 8], launch_failure_rate=0.25, seed=9)
    draws = [draw(rules, minute, ordinal) for minute in range(100) for ordinal in range(40)]
    times, failures = np.array(draws).T
    assert np.mean(times == 3) == pytest.approx(0.5, abs=0.03)
    assert np.mean(times == 8) == pytest.approx(0.25, abs=0.03)
    assert np.mean(failures) == pytest.approx(0.25, abs=0.03)
    assert np.corrcoef(times, failures)[0, 1] == pytest.approx(0, abs=0.05)


def test_another_seed_gives_other_boot_times():
    first, second = (make_rules(capacity=1.0, warmups=range(10), seed=seed) for seed in (1, 2))
    draws = [[draw(rules, 0, ordinal) for ordinal in range(20)] for rules in (first, second)]
    assert draws[0] != draws[1]


def test_the_start_leaves_room_up_to_60_percent():
    assert [starting_machines(load, 10.0) for load in (0.0, 6.0, 6.1, 60.0, 61.0)] == [
        1,
        1,
        2,
        10,
        11,
    ]
