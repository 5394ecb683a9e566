"""A Gymnasium `VectorEnv` as the `VecEnv` that Stable-Baselines3 steps.

Arrays go through as arrays: no Python object per environment and step. An info is made only where
an episode ends.
"""

from abc import abstractmethod
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from autoscaling_rl.errors import UserError
from autoscaling_rl.toolkits.statistics import ObservationScaler, RewardScaler


class TrainingEnv(VecEnv):
    """Environments that are stepped as one, which a training begins and asks for returns."""

    render_mode: str | None = None

    @abstractmethod
    def begin(self, seed: int) -> NDArray[np.float32]:
        """Begin new episodes in all environments, drawn from `seed`; return the observations."""

    @abstractmethod
    def take_returns(self) -> NDArray[np.float64]:
        """Return the returns of episodes that ended since the last call, not scaled."""

    def get_attr(self, attr_name: str, indices: object = None) -> list[Any]:
        """Return the attribute of the environments, once per environment."""
        return [getattr(self, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: object, indices: object = None) -> None:
        """Refuse: environments are set up by their settings."""
        raise NotImplementedError("environments are set up by their settings")

    def env_method(
        self, method_name: str, *method_args: object, indices: object = None, **kwargs: object
    ) -> list[Any]:
        """Refuse: there are no single environments."""
        raise NotImplementedError("there are no single environments behind this interface")

    def env_is_wrapped(self, wrapper_class: type[Any], indices: object = None) -> list[bool]:
        """Return False for each environment: episodes are counted here, without a wrapper."""
        return [False] * self.num_envs


class VectorAdapter(TrainingEnv):
    """Steps environments, scales observations and rewards, and keeps account of episodes.

    Args:
        env: environments that reset themselves within the step that ends an episode.
        observations: scales what the policy sees.
        rewards: scales what it learns from.
    """

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        *,
        observations: ObservationScaler,
        rewards: RewardScaler,
    ) -> None:
        if env.metadata.get("autoreset_mode") is not AutoresetMode.SAME_STEP:
            raise ValueError("the environments must reset within the step that ends an episode")
        self._env = env
        self._observations = observations
        self._rewards = rewards
        self._seed = 0
        self._actions: NDArray[Any] = np.zeros(env.num_envs)
        self._returns = np.zeros(env.num_envs)
        self._no_info: dict[str, Any] = {}
        self._finished: list[NDArray[np.float64]] = []
        space = env.single_observation_space
        # What the network sees is scaled and clipped, whatever the bounds of the environment.
        scaled = spaces.Box(-np.inf, np.inf, space.shape, np.float32)
        super().__init__(env.num_envs, scaled, env.single_action_space)

    def begin(self, seed: int) -> NDArray[np.float32]:
        """Begin new episodes in all environments, drawn from `seed`; return the observations."""
        self._seed = seed
        return self.reset()

    def reset(self) -> NDArray[np.float32]:
        """Begin new episodes in all environments."""
        observations, _ = self._env.reset(seed=self._seed)
        self._returns[:] = 0.0
        self._rewards.reset()
        return self._observations.apply(observations)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Step all environments: observations, rewards, ends of episodes, infos."""
        observations, rewards, terminated, truncated, infos = self._env.step(self._actions)
        if not (np.isfinite(rewards).all() and np.isfinite(observations).all()):
            raise UserError(
                "the environment returned a reward or an observation that is not a finite number:"
                " look for a division by zero in it, or for actions it does not expect"
            )
        ended = np.logical_or(terminated, truncated)
        self._returns += rewards
        scaled = self._rewards.apply(rewards, ended)
        answers = [self._no_info] * self.num_envs
        if ended.any():
            final = self._final_observations(infos, np.flatnonzero(ended))
            for row, place in enumerate(np.flatnonzero(ended)):
                cut = bool(truncated[place] and not terminated[place])
                answers[place] = {
                    "TimeLimit.truncated": cut,
                    "terminal_observation": final[row],
                }
            self._finished.append(self._returns[ended].copy())
            self._returns[ended] = 0.0
        return self._observations.apply(observations), scaled, ended, answers

    def take_returns(self) -> NDArray[np.float64]:
        """Return the returns of episodes that ended since the last call, not scaled."""
        returns = np.concatenate([np.zeros(0), *self._finished])
        self._finished.clear()
        return returns

    def _final_observations(
        self, infos: dict[str, Any], places: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        rows = np.stack([np.asarray(infos["final_obs"][place], np.float32) for place in places])
        return self._observations.apply(rows, learn=False)

    def close(self) -> None:
        """Close the environments."""
        self._env.close()

    def get_attr(self, attr_name: str, indices: object = None) -> list[Any]:
        """Return the attribute of the environments, once per environment."""
        return [getattr(self._env, attr_name)] * self.num_envs
