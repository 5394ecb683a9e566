"""Training by sb3 that goes wrong: it stops with the reason, and keeps its last checkpoint."""

import itertools

import pytest

from autoscaling_rl.errors import UserError
from autoscaling_rl.toolkits import find_toolkit
from tests.training_src.environments import Identity
from tests.training_src.jobs import sb3_job, sb3_preset


def train(job):
    return find_toolkit("sb3").train(job)


@pytest.mark.parametrize("bad_from", [10, 60])
def test_a_reward_that_is_no_number_stops_training_and_keeps_the_checkpoint(tmp_path, bad_from):
    preset = sb3_preset(
        tmp_path, **{"environment.id": "Identity-v0", "environment.bad_from": bad_from}
    )
    with pytest.raises(UserError, match="a reward or an observation that is not a finite number"):
        train(sb3_job(tmp_path, preset=preset))


def test_weights_that_are_no_numbers_stop_training_and_keep_the_checkpoint(tmp_path, monkeypatch):
    from autoscaling_rl.toolkits.sb3_training import Training

    job = sb3_job(tmp_path)
    report = Training._save

    def spoil(self):
        report(self)
        self.model.policy.action_net.weight.data.fill_(float("nan"))

    monkeypatch.setattr(Training, "_save", spoil)
    with pytest.raises(UserError, match=r"diverged at step 512: .* lower training.learning_rate"):
        train(job)
    assert job.checkpoints.latest().step == 1


def test_an_update_that_diverges_stops_training(tmp_path, monkeypatch):
    from stable_baselines3 import PPO

    def spoil(self):
        self.policy.action_net.weight.data.fill_(float("inf"))

    monkeypatch.setattr(PPO, "train", spoil)
    with pytest.raises(UserError, match="diverged at step 256"):
        train(sb3_job(tmp_path))


def test_a_fault_of_an_environment_is_not_called_divergence(tmp_path, monkeypatch):
    step, calls = Identity.step, itertools.count()

    def broken(self, action):
        if next(calls):  # the first one is tried before training
            raise ValueError("a fault")
        return step(self, action)

    monkeypatch.setattr(Identity, "step", broken)
    preset = sb3_preset(tmp_path, **{"environment.id": "Identity-v0"})
    with pytest.raises(ValueError, match="a fault"):
        train(sb3_job(tmp_path, preset=preset))
