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


@given(small_windows())
def test_no_plan_costs_less(window):
    most = max(int(np.ceil(window.requests.max() / CAPACITY)), window.machines)
    plans = product(range(window.rules.min_machines, most + 1), repeat=window.minutes)
    least = min(plain_cost(window, desired) for desired in plans)
    assert oracle(window).cost(window.rules) == pytest.approx(least, abs=1e-6)


@given(small_windows())
def test_the_plan_costs_in_the_dynamics_what_it_says(window):
    desired = plan(window)
    assert oracle(window).cost(window.rules) == pytest.approx(
        plain_cost(window, desired), abs=1e-9
    )


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
    rules = make_rules(capacity=CAPACITY, change_price=0.5, minimum_billed_minutes=8)
    window = Window(loads, 120, rules)
    costs = {name: run.trajectory.cost(rules) for name, run in run_baselines(window).items()}
    assert min(costs, key=costs.__getitem__) == "oracle"


def test_it_plans_for_the_median_boot_time():
    loads = np.concatenate((np.full(20, 10.0), np.full(20, 50.0)))
    slow = Window(loads, 5, make_rules(capacity=CAPACITY, warmups=[1, 4, 9]))
    fixed = Window(loads, 5, make_rules(capacity=CAPACITY, warmups=4))
    assert plan(slow).tolist() == plan(fixed).tolist()
