"""A rollout buffer of Stable-Baselines3 whose baseline is what the same load cost others."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.buffers import RolloutBuffer

FloatArray = NDArray[np.float32]


class SharedLoadBuffer(RolloutBuffer):
    """Advantages against siblings that meet the same load.

    Most of what a return varies by is the load, which no action changes. A baseline may depend on
    it, the future included, without biasing the gradient (Mao et al., Variance Reduction for
    Reinforcement Learning in Input-Driven Environments, ICLR 2019). Here it is the mean return of
    the other environments of the group from the same minute on (leave-one-out; Kool et al., Buy 4
    REINFORCE Samples, Get a Baseline for Free, ICLR 2019 workshop), so that there is no value
    function to learn.

    Returns are discounted sums of the rewards that were seen: nothing is bootstrapped where an
    episode or the rollout ends. An action that late in it would be blamed for what it costs and not
    credited with what it is for, so the advantages of the last `unseen` minutes are zero: these
    teach nothing.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401
        shared_loads: int,
        unseen: int,
        **keywords: Any,  # noqa: ANN401
    ) -> None:
        """Make a buffer; what is not listed here is as in Stable-Baselines3.

        Args:
            args: positional arguments of `RolloutBuffer`.
            shared_loads: environments in a group; those of a group are neighbours.
            unseen: minutes before an end whose actions are not learnt from.
            keywords: of `RolloutBuffer`.
        """
        super().__init__(*args, **keywords)
        self._group, self._unseen = shared_loads, unseen

    def compute_returns_and_advantage(
        self, last_values: torch.Tensor, dones: NDArray[np.bool_]
    ) -> None:
        """Fill in `returns` and `advantages`, both of shape (n_steps, n_envs).

        Args:
            last_values: not used.
            dones: environments whose episode ended in the last step, shape (n_envs,).
        """
        going = np.zeros(self.n_envs, np.float32)  # 1: the episode goes on into the minute after
        seen = np.zeros(self.n_envs, np.int64)
        following = np.zeros(self.n_envs, np.float32)
        unseen = np.zeros((self.buffer_size, self.n_envs), np.bool_)
        for step in reversed(range(self.buffer_size)):
            following = self.rewards[step] + np.float32(self.gamma) * going * following
            seen = np.where(going > 0, seen + 1, 1)
            unseen[step] = seen <= self._unseen
            self.returns[step] = following
            going = 1.0 - self.episode_starts[step]
        self.advantages = leave_one_out(self.returns, self._group)
        self.advantages[unseen] = 0.0


def leave_one_out(returns: FloatArray, group: int) -> FloatArray:
    """Return each return less the mean of the others in its group.

    Args:
        returns: shape (steps, environments), groups of neighbours.
        group: environments in a group, at least 2.
    """
    grouped = returns.reshape(len(returns), -1, group).astype(np.float64)
    others = (grouped.sum(axis=2, keepdims=True) - grouped) / (group - 1)
    advantages: FloatArray = (grouped - others).reshape(returns.shape).astype(np.float32)
    return advantages
