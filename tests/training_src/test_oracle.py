from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl.baselines.oracle import oracle, plan
from autoscaling_rl.baselines.registry import run_baselines
from autoscaling_rl.baselines.window import Window
from autoscaling_rl.environments.dynamics import make_rules
from tests.training_src.plain_dynamics import PlainFleet

pytestmark = pytest.mark.kernels

CAPACITY = 10.0


@st.composite
def small_windows(draw):
    """A few minutes under any rules without randomness; loads in half machines make ties."""
    machines = st.one_of(st.sampled_from((0.0, 0.5, 1.0, 1.5, 2.0, 3.0)), st.floats(0, 3))
    loads = draw(st.lists(machines, min_size=2, max_size=6))
    rules = make_rules(
        capacity=CAPACITY,
        failure_price=draw(st.sampled_from((0.5, 1.0, 3.0, 20.0))),
        change_price=draw(st.sampled_from((0.0, 0.0, 0.3, 1.0, 4.0))),
        min_machines=draw(st.integers(0, 2)),
        max_machines=draw(st.sampled_from((0, 0, 2))),
        minimum_billed_minutes=draw(st.integers(0, 5)),
        warmups=draw(st.integers(0, 3)),
    )
    return Window(np.array(loads) * CAPACITY, 1, rules)


def plain_cost(window, desired):
    rules = window.rules
    fleet = PlainFleet.of(window.machines, rules)
    cost = 0.0
    for minute, (wanted, load) in enumerate(zip(desired, window.requests, strict=True)):
        happened = fleet.step(minute, wanted, load)
        cost += happened.active + happened.pending + happened.owed
        cost += rules.failure_price * happened.failed / rules.capacity
        cost += rules.change_price * happened.changed
    return cost


def least_cost(window):
    """Try every plan."""
    most = max(int(np.ceil(window.requests.max() / CAPACITY)), window.machines)
    plans = product(range(window.rules.min_machines, most + 1), repeat=window.minutes)
    return min(plain_cost(window, desired) for desired in plans)


@given(small_windows())
def test_no_plan_costs_less(window):
    rules = window.rules
    rules = rules._replace(
        minimum_billed_minutes=min(rules.minimum_billed_minutes, int(rules.warmups[0]))
    )
    window = replace(window, rules=rules)
    assert oracle(window).cost(rules) == pytest.approx(least_cost(window), abs=1e-6)


@pytest.mark.parametrize("seed", range(60))
def test_no_plan_costs_less_under_long_minimum_billing(seed):
    """Not promised for every window, but true of these."""
    rng = np.random.default_rng(seed)
    warmup = int(rng.integers(0, 3))
    rules = make_rules(
        capacity=CAPACITY,
        failure_price=float(rng.choice([1.5, 3, 20])),
        change_price=float(rng.choice([0, 0, 0.5])),
        minimum_billed_minutes=int(rng.integers(warmup + 1, 6)),
        warmups=warmup,
    )
    loads = rng.choice([0, 0.5, 0.7, 1, 1.5, 2, 2.2, 3], rng.integers(3, 7)) * CAPACITY
    window = Window(loads, 1, rules)
    assert oracle(window).cost(rules) == pytest.approx(least_cost(window), abs=1e-6)


@given(small_windows())
def test_the_plan_costs_in_the_dynamics_what_it_says(window):
    desired = plan(window)
    assert oracle(window).cost(window.rules) == pytest.approx(plain_cost(window, desired), abs=1e-9)


def test_an_outlier_of_a_million_machines_is_planned_for_at_once():
    loads = np.full(300, 30.0)
    loads[200] = 1e6 * CAPACITY
    window = Window(loads, 100, make_rules(capacity=CAPACITY))
    expected = np.full(200, 3)
    expected[95:101] = 1_000_000
    assert plan(window).tolist() == expected.tolist()


def test_nothing_beats_it_with_fixed_boot_times():
    rng = np.random.default_rng(3)
    loads = 40 + 30 * np.sin(np.arange(240) / 30) + 60 * (rng.random(240) < 0.05)
    rules = make_rules(capacity=CAPACITY, change_price=0.5, minimum_billed_minutes=5)
    window = Window(loads, 120, rules)
    costs = {name: run.trajectory.cost(rules) for name, run in run_baselines(window).items()}
    assert min(costs, key=costs.__getitem__) == "oracle"


def test_it_plans_for_the_median_boot_time():
    loads = np.concatenate((np.full(20, 10.0), np.full(20, 50.0)))
    slow = Window(loads, 5, make_rules(capacity=CAPACITY, warmups=[1, 4, 9]))
    fixed = Window(loads, 5, make_rules(capacity=CAPACITY, warmups=4))
    assert plan(slow).tolist() == plan(fixed).tolist()
