"""Running statistics that scale observations and rewards while a policy is trained."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.controller.policy import OBSERVATION_CLIP

FloatArray = NDArray[np.float32]

# A column that never changed in training must not explode when it does change later.
_LEAST_VARIANCE = 1e-10
_REWARD_CLIP = 10.0


class RunningMoments:
    """Mean and variance of all rows seen so far, joined batch by batch (Chan et al., 1979).

    Args:
        size: columns.
    """

    def __init__(self, size: int) -> None:
        self.mean = np.zeros(size)
        self.variance = np.ones(size)
        self.count = 0.0
        self._newest: RunningMoments | None = None

    def update(self, rows: NDArray[np.floating]) -> None:
        """Take in rows of shape (n, size)."""
        mean, variance = rows.mean(axis=0, dtype=np.float64), rows.var(axis=0, dtype=np.float64)
        self.merge(float(len(rows)), mean, variance)
        if self._newest is not None:
            self._newest.merge(float(len(rows)), mean, variance)

    def merge(self, count: float, mean: NDArray[np.float64], variance: NDArray[np.float64]) -> None:
        """Take in rows of which only number, mean and variance are known."""
        if not count:
            return
        total = self.count + count
        delta = mean - self.mean
        spread = self.variance * self.count + variance * count
        self.mean = self.mean + delta * (count / total)
        self.variance = (spread + delta**2 * (self.count * count / total)) / total
        self.count = total

    def copy(self) -> "RunningMoments":
        """Return moments of the same rows."""
        other = RunningMoments(len(self.mean))
        other.take(self)
        return other

    def take(self, other: "RunningMoments") -> None:
        """Stand for the rows that `other` stands for."""
        self.mean, self.variance, self.count = other.mean, other.variance, other.count

    def watch(self) -> "RunningMoments":
        """Return moments of the rows that will come from now on, alone."""
        self._newest = RunningMoments(len(self.mean))
        return self._newest

    def scale(self) -> FloatArray:
        """Return the standard deviation per column, 1 for a column that never changed."""
        changes = self.variance > _LEAST_VARIANCE
        return np.sqrt(np.where(changes, self.variance, 1.0)).astype(np.float32)

    def state(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Return what a checkpoint keeps, by names that start with `prefix`."""
        return {
            f"{prefix}/mean": self.mean,
            f"{prefix}/variance": self.variance,
            f"{prefix}/count": np.array(self.count),
        }

    def restore(self, prefix: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` returned."""
        self.mean = arrays[f"{prefix}/mean"]
        self.variance = arrays[f"{prefix}/variance"]
        self.count = float(arrays[f"{prefix}/count"])


class ObservationScaler:
    """Scales observations exactly as `Policy.outputs` does with the same mean and scale.

    Args:
        size: columns of an observation.
        enabled: False: only the clipping is applied.
    """

    def __init__(self, size: int, *, enabled: bool) -> None:
        self.moments = RunningMoments(size)
        self.enabled = enabled
        self._identity = np.zeros(size, np.float32), np.ones(size, np.float32)

    def parameters(self) -> tuple[FloatArray, FloatArray]:
        """Return mean and scale for the policy."""
        if not self.enabled or self.moments.count == 0:
            return self._identity
        return self.moments.mean.astype(np.float32), self.moments.scale()

    def apply(self, observations: FloatArray, *, learn: bool = True) -> FloatArray:
        """Return scaled observations, shape (n, size), a new array; take them in first."""
        if self.enabled and learn:
            self.moments.update(observations)
        mean, scale = self.parameters()
        scaled = (observations.astype(np.float32, copy=False) - mean) / scale
        np.clip(scaled, -OBSERVATION_CLIP, OBSERVATION_CLIP, out=scaled)
        return np.ascontiguousarray(scaled)  # environments may lay rows out as columns


class RewardScaler:
    """Multiplies rewards by a constant, and divides them by the deviation of discounted returns.

    Args:
        count: environments.
        scale: the constant.
        gamma: discount per step of the returns.
        enabled: False: only the constant is applied.
    """

    def __init__(self, count: int, *, scale: float, gamma: float, enabled: bool) -> None:
        self.moments = RunningMoments(1)
        self._returns = np.zeros(count)
        self._scale = scale
        self._gamma = gamma
        self._enabled = enabled

    def reset(self) -> None:
        """Begin new episodes in all environments."""
        self._returns[:] = 0.0

    def apply(self, rewards: NDArray[np.floating], ended: NDArray[np.bool_]) -> FloatArray:
        """Return scaled rewards, shape (n,), a new array."""
        scaled = rewards.astype(np.float64) * self._scale
        if self._enabled:
            self._returns = self._returns * self._gamma + scaled
            self.moments.update(self._returns[:, None])
            scaled = scaled / (np.sqrt(self.moments.variance[0]) + 1e-4)
            scaled = np.clip(scaled, -_REWARD_CLIP, _REWARD_CLIP)
            self._returns[ended] = 0.0
        return scaled.astype(np.float32)
