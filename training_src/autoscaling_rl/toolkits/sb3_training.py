"""PPO from scratch, or from an artifact of its own, in any Gymnasium environment."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3 import PPO

from autoscaling_rl.artifact import GOLDEN
from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.environment_factory import (
    AUTOSCALING,
    FMU,
    longest_episode,
    make_environment,
    make_vector_environment,
)
from autoscaling_rl.environment_trial import try_environment
from autoscaling_rl.toolkits import sb3_state
from autoscaling_rl.toolkits.base import TrainingJob, seeds
from autoscaling_rl.toolkits.episodes import GivenUp, golden_observations, run_episodes
from autoscaling_rl.toolkits.sb3_model import check_spaces, make_model
from autoscaling_rl.toolkits.sb3_segments import INITIAL, TEST, SegmentedTraining
from autoscaling_rl.toolkits.sb3_vector import TrainingEnv, VectorAdapter
from autoscaling_rl.toolkits.statistics import ObservationScaler, RewardScaler, RunningMoments


class Training(SegmentedTraining):
    """A training whose observations and rewards are scaled by running statistics.

    Args:
        job: what to train.

    Raises:
        UserError: if the environment cannot be made, or PPO's network does not fit it.
    """

    def __init__(self, job: TrainingJob) -> None:
        super().__init__(job, job.preset.training)

    def _build(self) -> tuple[TrainingEnv, PPO]:
        environment, options, job = self.job.preset.environment, self.options, self.job
        load = job.load_path
        self.test_env = make_vector_environment(environment, options.test_episodes, load_path=load)
        size = check_spaces(
            self.test_env.single_observation_space, self.test_env.single_action_space
        )
        if environment["id"] not in (AUTOSCALING, FMU):
            try_environment(make_environment(environment), environment["id"])
        # Observations of the newest test, for an artifact that has to be written at once.
        self.met = np.zeros((0, size), np.float32)
        self.scaler = ObservationScaler(size, enabled=options.normalise_observations)
        self.rewards = RewardScaler(
            options.n_envs,
            scale=options.reward_scale,
            gamma=options.gamma,
            enabled=options.normalise_rewards,
        )
        env = make_vector_environment(
            environment, options.n_envs, load_path=load, episode_steps=options.episode_steps
        )
        self.longest_episode = longest_episode(env)
        adapter = VectorAdapter(env, observations=self.scaler, rewards=self.rewards)
        return adapter, make_model(adapter, options, seeds(job.seed, INITIAL)[0])

    def _begin_from(self, folder: Path) -> None:
        sb3_state.warm_start(self.model, self.scaler, folder, self.options.activation)

    def _policy(self) -> Policy:
        environment = self.job.preset.environment
        return sb3_state.export_policy(
            self.model, self.scaler, environment, self.options.activation
        )

    def _returns(self, policy: Policy) -> NDArray[np.float64]:
        episodes = run_episodes(self.test_env, policy, self._test_seed, self.grace.over_meanwhile)
        rows = np.linspace(0, len(episodes.observations) - 1, GOLDEN)
        self.met = episodes.observations[rows.astype(int)]
        return episodes.returns

    def _golden(self, policy: Policy) -> NDArray[np.float32]:
        try:
            return golden_observations(
                self.test_env, policy, self._test_seed, self.grace.over_meanwhile
            )
        except GivenUp:  # those of a test will do
            return self.met

    def _statistics(self) -> dict[str, NDArray[Any]]:
        state = self.scaler.moments.state("observations")
        return state | self.rewards.moments.state("rewards") | {"met": self.met}

    def _restore_statistics(self, arrays: dict[str, NDArray[Any]]) -> None:
        self.scaler.moments.restore("observations", arrays)
        self.rewards.moments.restore("rewards", arrays)
        self.met = arrays["met"]

    def _moments(self) -> list[RunningMoments]:
        return [self.scaler.moments, self.rewards.moments]

    @property
    def _test_seed(self) -> int:
        return seeds(self.job.seed, TEST)[0]

    def close(self) -> None:
        """Close the environments."""
        super().close()
        self.test_env.close()
