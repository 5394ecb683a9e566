"""Environments in groups that share their loads, as the `VecEnv` that Stable-Baselines3 steps."""

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.environments.shared_loads import SharedLoadFleets
from autoscaling_rl.toolkits.hindsight_series import TrainingSeries
from autoscaling_rl.toolkits.hindsight_training import FLEET
from autoscaling_rl.toolkits.sb3_stretches import draw_stretches
from autoscaling_rl.toolkits.sb3_vector import TrainingEnv

_BOUND = 16.0  # of actions, logs of machines; no policy comes near, so nothing is clipped


class SharedLoadEnv(TrainingEnv):
    """Groups of environments; those of a group meet the same stretch, prices and boot times.

    An action is the log of machines wanted above the level, and the log of machines worth keeping
    above these, as of the head "band_nearest". The observation is the normalised features, which do
    not tell of the fleet. For the reward see `SharedLoadFleets.step`. All episodes are equally long
    and begin and end together. They end by truncation, which is not reported as such: without a
    value function there is nothing to bootstrap from. See `SharedLoadBuffer` for what that means.

    Args:
        pool: loads that stretches are cut from.
        start: policy whose normalisation is applied.
        settings: of the environment.
        count: environments.
        group: environments in a group; divides `count`.
        minutes: length of an episode.
    """

    def __init__(
        self,
        pool: list[TrainingSeries],
        start: Policy,
        settings: AutoScalingSettings,
        *,
        count: int,
        group: int,
        minutes: int,
    ) -> None:
        self._pool, self._start, self._settings = pool, start, settings
        self._group, self._minutes = group, minutes
        self._rng = np.random.default_rng(0)
        self._finished: list[NDArray[np.float64]] = []
        self._actions = np.zeros((count, 2), np.float32)
        self._infos: list[dict[str, Any]] = [{}] * count
        seen = spaces.Box(-start.clip, start.clip, (start.inputs,), np.float32)
        super().__init__(count, seen, spaces.Box(-_BOUND, _BOUND, (2,), np.float32))

    def begin(self, seed: int) -> NDArray[np.float32]:
        """Begin new episodes, drawn from `seed`; return the observations."""
        self._rng = np.random.default_rng(seed)
        self._finished.clear()
        return self.reset()

    def reset(self) -> NDArray[np.float32]:
        """Begin new episodes; return the observations, shape (environments, features)."""
        stretches = draw_stretches(
            self._pool, self._settings, self._rng, self.num_envs // self._group, self._minutes
        )
        self.fleets = SharedLoadFleets(stretches, self._settings, self._group)
        self._inputs = normalised(self._start, stretches.features)
        self._returns = np.zeros(self.num_envs)
        return self._observe()

    def _observe(self) -> NDArray[np.float32]:
        return np.repeat(self._inputs[:, self.fleets.minute], self._group, axis=0)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions, shape (environments, 2), for `step_wait`."""
        self._actions = actions

    def step_wait(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Step all environments: observations, rewards, ends of episodes, infos."""
        rewards = self.fleets.step(self._actions)
        self._returns += rewards
        ended = self.fleets.minute == self._minutes
        if ended:
            self._finished.append(self._returns)
        observations = self.reset() if ended else self._observe()
        ends = np.full(self.num_envs, ended)
        return observations, rewards.astype(np.float32), ends, self._infos

    def take_returns(self) -> NDArray[np.float64]:
        """Return minus the part of the gap left open, of each episode that ended since."""
        returns = np.concatenate([np.zeros(0), *self._finished])
        self._finished.clear()
        return returns

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


def normalised(policy: Policy, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return features as the policy's network sees them, any shape that ends with features."""
    normal: NDArray[np.float32] = np.clip(
        (features - policy.mean) / policy.scale, -policy.clip, policy.clip
    )
    normal[..., FLEET] = 0.0
    return normal
