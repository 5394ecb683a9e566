"""A leaking tank whose valve is open or shut: keep its level at one half."""

import gymnasium
import numpy as np


class Tank(gymnasium.Env):
    def __init__(self, leak=0.03):
        self.leak = leak
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (1,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.level = self.np_random.uniform(0.0, 1.0)
        return np.array([self.level], np.float32), {}

    def step(self, action):
        self.level = min(max(self.level + 0.1 * int(action) - self.leak, 0.0), 1.0)
        observation = np.array([self.level], np.float32)
        return observation, -abs(self.level - 0.5), False, False, {}


gymnasium.register("Tank-v0", entry_point="tank:Tank", max_episode_steps=100)
