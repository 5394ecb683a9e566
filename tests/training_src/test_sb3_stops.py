"""sb3 ends in time after SIGTERM where the environment is slow, and goes on without a loss."""

import time

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from autoscaling_rl.errors import UserError
from autoscaling_rl.toolkits import TrainingStopped, find_toolkit
from autoscaling_rl.toolkits.grace import Grace
from tests.training_src.jobs import cartpole_model, sb3_job, sb3_preset, weights

LENGTH, SEGMENT = 32, 512
TESTED = 4 * LENGTH
FIRST = 1 + SEGMENT  # steps until the first test begins; the environment is tried by one
SECOND = FIRST + TESTED + SEGMENT


class Slow(gymnasium.Env):
    """An environment that takes its time from a certain step on, counted over all of them."""

    observation_space = spaces.Box(-1, 1, (4,), np.float32)
    action_space = spaces.Discrete(2)
    steps, slow_from = 0, 10**9

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.step_count = 0
        return self.np_random.uniform(-1, 1, 4).astype(np.float32), {}

    def step(self, action):
        Slow.steps += 1
        self.step_count += 1
        if Slow.stopped():
            time.sleep(0.05)
        seen = self.np_random.uniform(-1, 1, 4).astype(np.float32)
        return seen, float(action), False, self.step_count >= LENGTH, {}

    @classmethod
    def stopped(cls):
        return cls.steps >= cls.slow_from


gymnasium.register("Slow-v0", Slow)


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr("autoscaling_rl.toolkits.sb3_segments.GRACE_SECONDS", 0.0)
    monkeypatch.setattr("autoscaling_rl.toolkits.grace.PAUSE", 0.1)


def run(folder, monkeypatch, checkpoints, slow_from=10**9):
    """Train with a SIGTERM at a step, from which on steps are slow as well."""
    for name, value in {"steps": 0, "slow_from": slow_from}.items():
        monkeypatch.setattr(Slow, name, value)
    preset = sb3_preset(folder, **{"environment.id": "Slow-v0"})
    job = sb3_job(folder, preset=preset, checkpoints=checkpoints, stop=Slow.stopped)
    try:
        return find_toolkit("sb3").train(job)
    finally:
        assert Slow.steps < slow_from + 40  # of some hundred


@pytest.mark.parametrize(
    ("slow_from", "segments"),
    [
        (FIRST + TESTED + 100, 1),
        (SECOND + 20, 2),
        (SECOND + TESTED + 20, 2),
    ],
    ids=["in a rollout", "in a test", "at the end"],
)
def test_it_stops_at_once_with_a_model_and_goes_on_bit_for_bit(
    tmp_path, monkeypatch, slow_from, segments
):
    whole = run(tmp_path, monkeypatch, "whole")
    part = run(tmp_path, monkeypatch, "part", slow_from)
    assert part.figures["stopped"] is (slow_from < SECOND + TESTED)
    cartpole_model(tmp_path / "artifact", part)
    last = [sb3_job(tmp_path, checkpoints=each).checkpoints.latest() for each in ("part", "whole")]
    assert [checkpoint.step for checkpoint in last] == [segments, 2]
    resumed = run(tmp_path, monkeypatch, "part")
    assert weights(resumed.policy) == weights(whole.policy)
    assert resumed.figures["curve"] == whole.figures["curve"]
    np.testing.assert_array_equal(resumed.golden_observations, whole.golden_observations)


def test_a_first_test_that_is_given_up_loses_nothing_that_was_learnt(tmp_path, monkeypatch):
    with pytest.raises(TrainingStopped, match="before the first test had ended"):
        run(tmp_path, monkeypatch, "part", FIRST + 20)
    assert sb3_job(tmp_path, checkpoints="part").checkpoints.latest().step == 1
    resumed = run(tmp_path, monkeypatch, "part")
    whole = run(tmp_path, monkeypatch, "whole")
    assert weights(resumed.policy) == weights(whole.policy)
    assert resumed.figures["curve"] == whole.figures["curve"]


def test_checkpoints_of_other_segments_are_refused(tmp_path):
    job = sb3_job(tmp_path)
    job.checkpoints.save(3, {}, {"steps": 768})
    with pytest.raises(UserError, match="checkpoint 3 is of an earlier version"):
        find_toolkit("sb3").train(job)


def test_within_a_rollout_it_is_asked_now_and_then():
    asks = []
    grace = Grace(lambda: bool(asks.append(1)), 0.0)
    assert not any(grace.over_meanwhile() for _ in range(1000))
    assert len(asks) <= 1
    assert not grace.over()
    assert asks


def test_the_time_runs_from_when_a_stop_is_seen():
    grace = Grace(lambda: True, 0.05)
    assert not grace.over()
    assert not grace.over_meanwhile()
    time.sleep(0.06)
    assert grace.over_meanwhile()
    assert grace.over()
