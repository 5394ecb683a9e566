"""Episodes that a policy is run over once it is trained."""

import io

import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from autoscaling_rl.errors import UserError
from autoscaling_rl.evaluation_returns import evaluate_returns
from autoscaling_rl.metrics import Reporter
from autoscaling_rl.toolkits.episodes import golden_observations, run_episodes
from tests.training_src.environments import Identity
from tests.training_src.jobs import small_policy


def test_short_episodes_still_give_enough_golden_observations():
    env = SyncVectorEnv([lambda: Identity(length=1)] * 3, autoreset_mode=AutoresetMode.SAME_STEP)
    assert len(golden_observations(env, small_policy(inputs=1), seed=1)) >= 256


def test_of_a_long_episode_some_observations_are_kept():
    env = SyncVectorEnv([lambda: Identity(length=5000)], autoreset_mode=AutoresetMode.SAME_STEP)
    episodes = run_episodes(env, small_policy(inputs=1, outputs=2), seed=1)
    assert 1000 < len(episodes.observations) <= 4097


@pytest.mark.parametrize("length", [5000, 5001])
def test_an_environment_that_never_ends_is_refused(monkeypatch, length):
    monkeypatch.setattr("autoscaling_rl.toolkits.episodes.LONGEST", 5000)
    parts = [lambda: Identity(length=16), lambda: Identity(length=length)]
    env = SyncVectorEnv(parts, autoreset_mode=AutoresetMode.SAME_STEP)
    policy = small_policy(inputs=1, outputs=2)
    if length == 5000:
        assert run_episodes(env, policy, seed=1).returns.shape == (2,)
        return
    with pytest.raises(UserError, match=r"after 5,000 steps: .* environment.max_episode_steps"):
        run_episodes(env, policy, seed=1)


def test_an_evaluation_in_what_never_ends_is_refused(monkeypatch):
    monkeypatch.setattr("autoscaling_rl.evaluation_returns.LONGEST", 50)
    environment = {"id": "Identity-v0", "length": 51}
    reporter = Reporter(output=io.StringIO(), messages=io.StringIO())
    with pytest.raises(UserError, match=r"after 50 steps: .* environment.max_episode_steps"):
        evaluate_returns(
            small_policy(inputs=1, outputs=2), environment, episodes=2, seed=0, reporter=reporter
        )
