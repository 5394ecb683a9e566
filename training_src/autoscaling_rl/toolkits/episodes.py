"""Test episodes of a policy: what it is worth without exploration, and what it gets to see."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.errors import UserError

_OBSERVATIONS = 2048  # kept of all test episodes
LONGEST = 200_000  # steps: an environment without a time limit must not hold up a test for ever
_GOLDEN = 256
_ROUNDS = 256


class GivenUp(Exception):
    """Episodes were not run to their end, since the job has to stop."""


@dataclass(frozen=True)
class Episodes:
    """Finished episodes of a policy.

    Attributes:
        returns: sum of rewards per episode, shape (episodes,).
        observations: some of those met, spread over the episodes, shape (n, observations).
    """

    returns: NDArray[np.float64]
    observations: NDArray[np.float32]


def run_episodes(
    env: VectorEnv[Any, Any, Any],
    policy: Policy,
    seed: int,
    stop: Callable[[], bool] = lambda: False,
) -> Episodes:
    """Run one episode in each environment, choosing the best action every time.

    Args:
        env: environments that reset themselves within the step that ends an episode.
        policy: with the head "levels", "discrete" or "continuous".
        seed: of the episodes; the same seed gives the same starts and noise to every policy.
        stop: True once the job has to stop; asked before every step.

    Raises:
        GivenUp: if it had to.
        UserError: if an episode does not end.
    """
    observations, _ = env.reset(seed=seed)
    returns = np.zeros(env.num_envs)
    running = np.ones(env.num_envs, bool)
    kept: list[NDArray[np.float32]] = []
    stride, step = 1, 0
    while running.any():
        if stop():
            raise GivenUp
        if step == LONGEST:
            raise endless(LONGEST)
        if step % stride == 0:
            kept.append(np.array(observations[running], np.float32))
            if sum(map(len, kept)) > 2 * _OBSERVATIONS:  # thin out: how long it takes is unknown
                kept = kept[::2]
                stride *= 2
        actions = environment_actions(policy, observations)
        observations, rewards, terminated, truncated, _ = env.step(actions)
        returns += np.where(running, rewards, 0.0)
        running &= ~np.logical_or(terminated, truncated)
        step += 1
    return Episodes(returns, np.concatenate(kept))


def golden_observations(
    env: VectorEnv[Any, Any, Any],
    policy: Policy,
    seed: int,
    stop: Callable[[], bool] = lambda: False,
) -> NDArray[np.float32]:
    """Return at least 256 observations that the policy meets, over as many episodes as it takes.

    The arguments are those of `run_episodes`, and so is what is raised.
    """
    found = run_episodes(env, policy, seed, stop).observations
    for extra in range(1, _ROUNDS):
        if len(found) >= _GOLDEN:
            break
        more = run_episodes(env, policy, (seed + extra) % 2**31, stop).observations
        found = np.concatenate([found, more])
    return found


def endless(steps: int) -> UserError:
    """Return what is said where an episode has not ended: its return would be an invention."""
    return UserError(
        f"an episode of the environment has not ended after {steps:,} steps: have it end, or set"
        " environment.max_episode_steps in the preset, e.g. to 1000"
    )


def environment_actions(policy: Policy, observations: NDArray[np.float32]) -> NDArray[Any]:
    """Return actions as the environment takes them: an index where the policy names machines."""
    if policy.head == "levels":
        best: NDArray[np.int64] = policy.outputs(observations).argmax(axis=1)
        return best
    return policy.act(observations)
