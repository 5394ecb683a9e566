"""FMU-v0: a simulator that was exported as Functional Mock-up Unit."""

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from autoscaling_rl.environments.fmu_file import FmuFile
from autoscaling_rl.environments.fmu_instance import FmuInstance
from autoscaling_rl.environments.fmu_settings import FmuSettings
from autoscaling_rl.errors import UserError

FloatArray = NDArray[np.float32]

_READABLE = ("output", "local", "independent")


class FmuEnv(gymnasium.Env[FloatArray, Any]):
    """Control a simulator of MATLAB/Simulink or any other tool, exported for co-simulation.

    ## Description
    The simulator is a Functional Mock-up Unit (FMI version 2 or 3, fmi-standard.org). A step sets
    its inputs, which stay as they are while it simulates `step_seconds`, and reads its outputs.
    An FMU is native code that runs in this process with all its rights.

    ## Action Space
    `Box(-1, 1, (inputs,), float32)`, where -1 is an input's `low` and 1 its `high`; with
    `scale_actions=False` the box has the inputs' own ranges. Inputs with `values` make it
    `Discrete(n)`, one number for every combination; the last input's value changes fastest.

    ## Observation Space
    `Box(low, high, (outputs,), float32)` in the order of `outputs`, in the units of the FMU and
    clipped to the bounds; without a bound it is infinite.

    ## Rewards
    `step_reward`, plus for each variable in `reward` its weight times its value, or times the
    distance from `target` to the power 1 or 2, plus `terminal_reward` where the episode terminates.

    ## Starting State
    That of the FMU with `parameters` set, those with a range drawn uniformly from it.

    ## Episode End
    Terminates where a variable leaves its bounds in `terminate`, or where the simulator says so;
    truncated at `episode_seconds`.

    ## Arguments
    The fields of `FmuSettings`.

    ## Version History
    v0: first version.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's own form

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - checked by FmuSettings
        self.settings = FmuSettings(**settings)
        self._file = FmuFile.read(Path(self.settings.fmu), self.settings.sha256)
        self._names = variable_names(self.settings, self._file)
        self._start = self._file.default("startTime") or 0.0
        self._seconds, self.episode_steps = times(self.settings, self._file)
        self._terms = self.settings.terms()
        self._combinations = list(itertools.product(*self.settings.choices().values()))
        self._ranges = np.array(list(self.settings.ranges().values()), np.float64)
        self.action_space = self._action_space()
        bounds = self.settings.outputs.values()
        self.observation_space = spaces.Box(
            np.array([each.get("low", -np.inf) for each in bounds], np.float32),
            np.array([each.get("high", np.inf) for each in bounds], np.float32),
            dtype=np.float32,
        )
        self._step = 0
        self._instance = FmuInstance(self._file, self._names, logging=self.settings.logging)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Begin a new episode; return the observation."""
        super().reset(seed=seed)
        parameters = {
            name: float(self.np_random.uniform(value["low"], value["high"]))
            if isinstance(value, Mapping)
            else float(value)
            for name, value in self.settings.parameters.items()
        }
        # A little later than the last step ends, which may be rounded up.
        stop = self._start + (self.episode_steps + 1e-6) * self._seconds
        anew = self.settings.reset == "instantiate"
        self._instance.begin(parameters, self._start, stop, anew=anew)
        self._step = 0
        return self._observation(self._instance.values()), {}

    def step(self, action: Any) -> tuple[FloatArray, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        """Set the inputs, simulate, and return observation, reward, terminated and truncated."""
        self._instance.write(self._decode(action))
        now = self._start + self._step * self._seconds
        ended = self._instance.step(now, self._seconds)
        self._step += 1
        values = self._instance.values()
        observation = self._observation(values)
        named = dict(zip(self._names, values, strict=True))
        terminated = ended or any(
            not bounds.get("low", -math.inf) <= named[name] <= bounds.get("high", math.inf)
            for name, bounds in self.settings.terminate.items()
        )
        reward = self._reward(named) + terminated * self.settings.terminal_reward
        return observation, reward, terminated, self._step >= self.episode_steps, {}

    def close(self) -> None:
        """Free the simulator, and what it was unpacked to with the last one."""
        self._instance.close()

    def _action_space(self) -> spaces.Space[Any]:
        if not len(self._ranges):
            return spaces.Discrete(len(self._combinations))
        if self.settings.scale_actions:
            return spaces.Box(-1.0, 1.0, (len(self._ranges),), np.float32)
        low, high = self._ranges.astype(np.float32).T
        return spaces.Box(low, high, dtype=np.float32)

    def _decode(self, action: Any) -> dict[str, float]:  # noqa: ANN401
        """Return the value of each input."""
        if not len(self._ranges):
            return dict(zip(self.settings.inputs, self._combinations[int(action)], strict=True))
        low, high = self._ranges.T
        values = np.asarray(action, np.float64)
        if self.settings.scale_actions:
            values = low + (values + 1.0) / 2.0 * (high - low)
        return dict(zip(self.settings.inputs, np.clip(values, low, high).tolist(), strict=True))

    def _observation(self, values: Sequence[float]) -> FloatArray:
        for name, value in zip(self._names, values, strict=True):
            if not math.isfinite(value):
                seconds = self._step * self._seconds
                raise UserError(f"{self._file.path.name}: {name} is {value} after {seconds:g} s")
        space = self.observation_space
        assert isinstance(space, spaces.Box)
        row = np.array(values[: len(self.settings.outputs)], np.float32)
        clipped: FloatArray = np.clip(row, space.low, space.high)
        return clipped

    def _reward(self, named: Mapping[str, float]) -> float:
        reward = self.settings.step_reward
        for name, weight, target, power in self._terms:
            value = named[name]
            reward += weight * (value if target is None else abs(value - target) ** power)
        return reward


def variable_names(settings: FmuSettings, file: FmuFile) -> list[str]:
    """Return the variables to read at every step, the outputs first.

    Raises:
        UserError: for a variable that the FMU does not have, or that cannot be used so.
    """
    for name in settings.inputs:
        file.variable(name, "inputs", ("input",))
    for name in settings.outputs:
        file.variable(name, "outputs", _READABLE)
    for table in ("reward", "terminate"):
        for name in getattr(settings, table):
            file.variable(name, table, (*_READABLE, "input"))
    for name in settings.parameters:
        variable = file.variable(name, "parameters", ("parameter", "output", "local"))
        if variable.initial == "calculated":
            raise UserError(
                f"environment.parameters: {file.path.name} calculates {name} itself: it has no"
                " start value that could be set"
            )
    return list(dict.fromkeys((*settings.outputs, *settings.reward, *settings.terminate)))


def times(settings: FmuSettings, file: FmuFile) -> tuple[float, int]:
    """Return the seconds of a step and the steps of an episode.

    Raises:
        UserError: if neither settings nor FMU say so.
    """
    seconds = settings.step_seconds or file.default("stepSize")
    if not seconds:
        raise UserError(f"environment.step_seconds is missing: {file.path.name} suggests none")
    length = settings.episode_seconds
    if not length:
        length = (file.default("stopTime") or 0.0) - (file.default("startTime") or 0.0)
        if length <= 0:
            raise UserError(
                f"environment.episode_seconds is missing: {file.path.name} suggests no stop time"
            )
    steps = int(length / seconds + 1e-6)
    if steps < 1:
        raise UserError(
            f"environment.episode_seconds is {length:g}, shorter than a step of {seconds:g} s"
        )
    return seconds, steps
