"""Episodes that a policy is run over once it is trained."""

from gymnasium.vector import AutoresetMode, SyncVectorEnv

from autoscaling_rl.toolkits.episodes import golden_observations, run_episodes
from tests.training_src.environments import Identity
from tests.training_src.jobs import small_policy


def test_short_episodes_still_give_enough_golden_observations():
    env = SyncVectorEnv([lambda: Identity(length=1)] * 3, autoreset_mode=AutoresetMode.SAME_STEP)
    assert len(golden_observations(env, small_policy(inputs=1), seed=1)) >= 256


def test_an_environment_that_never_ends_does_not_hold_up_a_test(monkeypatch):
    monkeypatch.setattr("autoscaling_rl.toolkits.episodes._LONGEST", 5000)
    env = SyncVectorEnv([lambda: Identity(length=10**9)], autoreset_mode=AutoresetMode.SAME_STEP)
    episodes = run_episodes(env, small_policy(inputs=1, outputs=2), seed=1)
    assert 1000 < len(episodes.observations) <= 4097
