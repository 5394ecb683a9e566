"""Environments for the tests of this room."""

import gymnasium
import numba
import numpy as np
from gymnasium import spaces

import autoscaling_rl.environments  # noqa: F401 - registers AutoScaling-v0
from autoscaling_rl.controller.observation import HISTORY

COMPILED = not numba.config.DISABLE_JIT  # else kernels run as plain Python: keep sizes tiny

FORMS = [
    {},
    {"profile": "sample"},
    {"levels": (-1, 0, 1)},
    {"actions": "desired"},
]


def vector(count, **settings):
    """Return `count` fleets, made as a user makes them."""
    return gymnasium.make_vec(
        "AutoScaling-v0", num_envs=count, vectorization_mode="vector_entry_point", **settings
    )


def begin_plain(plain, simulation, column=0):
    """Begin the readable environment as a fleet that has just been reset."""
    minutes = simulation.minute - simulation.lead + np.arange(simulation.rows)
    load = simulation.load[minutes % simulation.rows, column]
    minute_of_week = int(simulation.minute_of_week[column]) - HISTORY  # where the load begins
    return plain.begin(load, minute_of_week, int(simulation.clocks[column]) + simulation.minute)


class Identity(gymnasium.Env):
    """The reward is the distance between the action and the number that is shown, negated."""

    observation_space = spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, discrete=True, bad_from=10**9, length=16):
        self.discrete, self.bad_from, self.length = discrete, bad_from, length
        self.action_space = spaces.Discrete(2) if discrete else spaces.Box(-1, 1, (1,), np.float32)
        self.count = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.step_count = 0
        return self._show(), {}

    def _show(self):
        self.shown = float(self.np_random.choice([-1, 1]))
        return np.array([self.shown], np.float32)

    def step(self, action):
        self.count += 1
        self.step_count += 1
        wanted = self.shown
        given = 2.0 * float(action) - 1 if self.discrete else float(action[0])
        reward = -abs(given - wanted) if self.count < self.bad_from else float("nan")
        return self._show(), reward, False, self.step_count >= self.length, {}


gymnasium.register("Identity-v0", Identity)
