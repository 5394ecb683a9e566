"""Bands are scored as if the environment had been stepped."""

import numpy as np
import pytest

from autoscaling_rl.environments import dynamics
from autoscaling_rl.environments.bands import score_bands
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.environments.simulation import Simulation
from tests.training_src.environments import COMPILED

SETTINGS = {
    "defaults": {},
    "billing": {"minimum_billed_minutes": 45, "change_price": 0.7, "failure_price": 3.0},
    "limits": {"min_machines": 15, "max_machines": 25},
    "fixed": {"warmup_spread": 0.0, "launch_failure_rate": 0.0, "warmup_minutes": 10},
    "none": {"warmup_minutes": 0, "launch_failure_rate": 0.5},
    "scatter": {"warmup_minutes": 20, "warmup_spread": 1.5, "launch_failure_rate": 0.2},
}


@pytest.mark.kernels
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_a_score_is_the_cost_of_stepping_the_environment(settings):
    minutes, bands = (800, 4) if COMPILED else (60, 2)
    rng = np.random.default_rng(0)
    load = Simulation(1, AutoScalingSettings(), None)
    load.reset([0], [rng])
    requests = load.load[load.minute : load.minute + minutes, 0]
    wanted = np.log1p(requests / 250 / 0.8)[None] + rng.normal(0, 0.2, (bands, minutes))
    spread = rng.normal(0.1, 0.3, (bands, minutes))  # negative ones count as zero
    costs = []
    for band in range(bands):
        sim = Simulation(1, AutoScalingSettings(actions="desired", **settings), None)
        sim.reset([0], [np.random.default_rng(5)])
        sim.load[sim.minute : sim.minute + minutes, 0] = requests
        fleet, start = sim.fleets[0], int(sim.fleets[0, dynamics.IN_SERVICE])
        clock = int(sim.clocks[0]) + sim.minute
        for low, more in zip(wanted[band], np.maximum(spread[band], 0), strict=True):
            least = np.ceil(np.expm1(np.float32(low)))
            most = np.ceil(np.expm1(np.float32(low) + np.float32(more)))
            now = fleet[dynamics.IN_SERVICE] + fleet[dynamics.ON_THEIR_WAY]
            sim.step(np.array([int(np.clip(now, least, most))]))
        costs.append(sim.cost()[0])
    arrays = (wanted.astype(np.float32), spread.astype(np.float32), requests)
    scores = score_bands(*arrays, start, sim.rules, clock)
    assert scores == pytest.approx(costs, rel=1e-9)
    assert len(set(costs)) == bands


def test_no_band_asks_for_fewer_machines_than_none_or_more_than_fit():
    load = np.zeros(3, np.float32)
    rules = AutoScalingSettings(warmup_minutes=0, launch_failure_rate=0.0, min_machines=0).rules()
    wanted = np.array([[-5.0] * 3, [99.0] * 3], np.float32)
    none, most = score_bands(wanted, np.zeros_like(wanted), load, 7, rules, 0)
    assert none == 0
    assert np.isfinite(most)
    assert most > 0
