"""The controller: what training saw is what it observes, and decisions keep to their limits."""

import math
from datetime import datetime, timedelta

import numpy as np
import pytest

from autoscaling_rl.controller import observation as obs
from autoscaling_rl.controller.controller import Controller
from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.controller.state import (
    LARGEST_FLEET,
    LONGEST_LOAD,
    State,
)
from autoscaling_rl.environments import dynamics
from autoscaling_rl.environments.batch import batch_observations
from autoscaling_rl.environments.kernels import FAILED_SHARE
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.environments.simulation import Simulation
from tests.training_src.endpoints import (
    autoscaling_policy,
    daily_load,
)
from tests.training_src.jobs import small_policy
from tests.training_src.requests import parsed

TOLERANCE = 1e-5
LENGTHS = (1, 2, 3, 59, 60, 61, 1499, 1500, 1501, 10139, 10140, 10141, 10200, LONGEST_LOAD)


def controller(head="band", **parts):
    return Controller(autoscaling_policy(head, **parts))


# Observations


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("warmup", [0, 1, 5, 60])
def test_the_controller_observes_what_the_batch_computes(length, warmup):
    rng = np.random.default_rng(length + warmup)
    load = rng.gamma(2, 1500, length) * rng.integers(0, 2, length)
    asked = parsed(
        load=load.tolist(),
        failed=(load * 0.25).tolist(),
        active=int(rng.integers(0, 300)),
        pending=rng.integers(0, 9, 40).tolist(),
        warmup_minutes=warmup,
        failure_price=float(rng.uniform(1, 100)),
        capacity=float(rng.uniform(0.5, 400)),
    )
    expected = batch_observations(
        load,
        length,
        length + 1,
        capacity=asked.capacity,
        minute_of_week=asked.minute_of_week,
        failure_price=asked.failure_price,
        warmup=warmup,
    )[:, 0]
    soon = sum(asked.pending[: warmup // 2])
    share = 0.25 if load[-1] > 0 else 0.0
    obs.set_fleet(expected, asked.active, sum(asked.pending), soon, share)
    np.testing.assert_allclose(
        controller().observe(asked, asked.load), expected, rtol=0, atol=TOLERANCE
    )


@pytest.mark.parametrize("begin", [1, 1490, 10130])
def test_consecutive_minutes_agree_with_the_batch(begin):
    load = np.random.default_rng(begin).gamma(3, 900, begin + 30)
    expected = batch_observations(
        load, begin, len(load), capacity=250.0, minute_of_week=70, failure_price=20.0, warmup=5
    )
    observer, monday = controller(), datetime.fromisoformat("2026-01-05T01:10Z")
    for step in range(30):
        asked = parsed(
            load=load[: begin + step].tolist(),
            timestamp=(monday + timedelta(minutes=step)).isoformat(),
        )
        obs.set_fleet(expected[:, step], 12, 1, 1, 0.0)
        got = observer.observe(asked, asked.load)
        np.testing.assert_allclose(got, expected[:, step], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("warmup", "delay"), [(5, 0), (0, 0), (1, 3), (12, 60), (60, 7), (5, 1)])
def test_the_controller_observes_what_the_environment_shows(warmup, delay):
    """In minutes that follow each other, with boot times that scatter and launches that fail."""
    settings = AutoScalingSettings(
        warmup_minutes=warmup, metric_delay_minutes=delay, launch_failure_rate=0.2
    )
    simulation = Simulation(3, settings, None)
    simulation.reset([0, 1, 2], [np.random.default_rng(seed) for seed in range(3)])
    rng, observer = np.random.default_rng(9), controller()
    for _ in range(150):
        simulation.step(rng.integers(2, 7, 3))
        seen = simulation.minute - delay
        rows = np.arange(seen - obs.HISTORY, seen) % simulation.rows
        for fleet in range(3):
            load = simulation.load[rows, fleet].astype(np.float64)
            row = simulation.fleets[fleet]
            asked = State(
                minute=int(simulation.minute_of_week[fleet]) + 4 * obs.DAY,
                load=load,
                failed=float(simulation.fleet_logs[FAILED_SHARE, fleet]) * load[-1],
                active=int(row[dynamics.IN_SERVICE]),
                pending=tuple(
                    dynamics.due_by_minute(row, int(simulation.clocks[fleet]) + simulation.minute)
                ),
                capacity=settings.capacity,
                warmup_minutes=warmup,
                failure_price=settings.failure_price,
            )
            np.testing.assert_allclose(
                observer.observe(asked, load),
                simulation.observations[:, fleet],
                rtol=0,
                atol=TOLERANCE,
            )
    assert simulation.fleets[:, dynamics.ON_THEIR_WAY].any() == (warmup > 0)


def test_observations_of_the_largest_numbers_are_finite():
    for load, capacity in ((1e12, 1e-6), (0.0, 1e12), (5e-324, 1.0)):
        asked = parsed(
            load=[load] * 100, failed=[1e12] * 100, capacity=capacity, active=LARGEST_FLEET - 1
        )
        assert np.isfinite(controller().observe(asked, asked.load)).all()
        controller().decide(asked)


# Decisions


def test_a_decision_keeps_to_the_limits_of_its_state():
    load = daily_load(300)
    bold = autoscaling_policy("levels", outputs=2, levels=(-500, 500), seed=2)
    for low, high in ((1, 0), (3, 14), (200, 200), (0, 0)):
        decision = Controller(bold).decide(
            parsed(load=load, min_machines=low, max_machines=high, active=20, pending=[0, 2])
        )
        assert low <= decision.desired <= (high or 1000)
        assert decision.action == decision.desired - 22


def test_an_action_that_is_a_number_of_machines_is_taken_as_one():
    policy = autoscaling_policy("discrete", outputs=40)
    asked = parsed(active=10, pending=[])
    observed = Controller(policy).observe(asked, asked.load)
    chosen = int(policy.act(observed[None])[0])
    decision = Controller(policy).decide(asked)
    assert (decision.desired, decision.action) == (min(chosen, 18), min(chosen, 18) - 10)


def test_a_policy_for_something_else_is_refused():
    with pytest.raises(ValueError, match="takes 4 numbers"):
        Controller(small_policy("band", outputs=2))
    with pytest.raises(ValueError, match="not numbers of machines"):
        controller("continuous", low=(0.0, 0.0), high=(1.0, 1.0))


@pytest.mark.parametrize("fleet", [0, 1, 2, 1000, 4095, 4096, 65_535, 99_999])
def test_a_fleet_of_any_size_is_brought_to_the_same_number(fleet):
    policy = Policy(
        (np.zeros((obs.SIZE, 2), np.float32),), (np.array([0.25, 0.0], np.float32),), "band"
    )
    load = [25_000.0] * 90
    desired = {
        Controller(policy).decide(parsed(load=load, active=active, pending=[])).desired
        for active in (fleet, 128)
    }
    assert desired == {math.ceil(101 * math.exp(0.25) - 1)}
