"""AutoScaling-v0, many fleets in one compiled kernel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from autoscaling_rl.environments.autoscaling import make_spaces
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.environments.simulation import Replay, Simulation

FloatArray = NDArray[np.float32]


class AutoScalingVectorEnv(VectorEnv[FloatArray, NDArray[np.int64], NDArray[Any]]):
    """The vectorised form of `AutoScalingEnv`; fleet i under seed s equals one fleet under s + i.

    Observations are a view of shape (num_envs, size) of memory laid out by number, fresh every
    step. The information of a step in which episodes end holds their figures under `episode_totals`
    (billed minutes, failed minutes, changed machines, down minutes) and, with `SAME_STEP`,
    `final_obs`.
    """

    metadata = {  # noqa: RUF012 - Gymnasium's own form
        "render_modes": [],
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        *,
        load_path: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **settings: Any,  # noqa: ANN401 - checked by AutoScalingSettings
    ) -> None:
        """Make `num_envs` fleets; `settings` are the fields of `AutoScalingSettings`."""
        if render_mode is not None:
            raise ValueError("AutoScaling-v0 has no render mode: leave render_mode out")
        self.num_envs = num_envs
        self.render_mode = None
        self.metadata = {**self.metadata, "autoreset_mode": AutoresetMode(autoreset_mode)}
        replay = Replay.of(load_path) if load_path else None
        self.simulation = Simulation(num_envs, AutoScalingSettings.of(**settings), replay)
        single = make_spaces(self.simulation)
        self.single_observation_space, self.single_action_space = single
        self.observation_space = batch_space(single[0], num_envs)
        self.action_space = batch_space(single[1], num_envs)
        self._generators: dict[int, np.random.Generator] = {}
        self._reset_next = np.zeros(num_envs, np.bool_)
        self._any_reset_next = False
        self._none_ended = np.zeros(num_envs, np.bool_)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Begin episodes; `options={"reset_mask": mask}` restricts this to some of the fleets."""
        mask = np.asarray((options or {}).get("reset_mask", np.ones(self.num_envs, np.bool_)))
        if mask.dtype != np.bool_ or mask.shape != (self.num_envs,):
            raise ValueError(f"reset_mask must be {self.num_envs} booleans")
        columns = np.flatnonzero(mask)
        self._seed(seed, columns)
        self._begin(columns)
        self._reset_next[columns] = False
        self._any_reset_next = bool(self._reset_next.any())
        return self._observations(), {}

    def _seed(self, seed: int | Sequence[int | None] | None, columns: NDArray[np.int64]) -> None:
        """Seed the generators of `columns`; those without a seed go on as they are."""
        if isinstance(seed, int | np.integer):
            seeds: list[int | None] = [int(seed) + index for index in range(self.num_envs)]
        else:
            seeds = [None] * self.num_envs if seed is None else list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} seeds for {self.num_envs} environments")
        for column in columns:
            if seeds[column] is not None or column not in self._generators:
                self._generators[column] = seeding.np_random(seeds[column])[0]

    def _begin(self, columns: NDArray[np.int64]) -> None:
        chosen = [int(column) for column in columns]
        self.simulation.reset(chosen, [self._generators[column] for column in chosen])

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[FloatArray, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Apply one action per fleet; ended episodes begin anew as `autoreset_mode` says."""
        chosen = np.asarray(actions)
        if chosen.shape != (self.num_envs,) or chosen.dtype.kind not in "iu":
            raise ValueError(f"actions must be {self.num_envs} integers")
        if len(self._generators) < self.num_envs:
            raise ResetNeeded("reset all environments before the first step")
        simulation = self.simulation
        simulation.step(chosen.astype(np.int64, copy=False))
        rewards, ended, any_ended = simulation.rewards, simulation.ended, simulation.any_ended
        if self._any_reset_next:
            rewards[self._reset_next] = 0.0
            ended[self._reset_next] = False
            self._begin(np.flatnonzero(self._reset_next))
            self._reset_next[:] = False
            self._any_reset_next = False
            any_ended = bool(ended.any())
        info = self._end(ended) if any_ended else {}
        return self._observations(), rewards, self._none_ended.copy(), ended, info

    def _end(self, ended: NDArray[np.bool_]) -> dict[str, Any]:
        info: dict[str, Any] = {
            "episode_totals": self.simulation.totals.copy(),
            "_episode_totals": ended.copy(),
        }
        if self.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP:
            info |= {"final_obs": self._observations(), "_final_obs": ended.copy()}
            self._begin(np.flatnonzero(ended))
        elif self.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP:
            self._reset_next[:] = ended
            self._any_reset_next = True
        return info

    def _observations(self) -> FloatArray:
        return self.simulation.observations[:, : self.num_envs].T
