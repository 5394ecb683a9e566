"""Evaluation by returns, for any environment: the policy against a random one, seed by seed."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from autoscaling_rl.environment_factory import AUTOSCALING, make_vector_environment
from autoscaling_rl.metrics import Reporter
from autoscaling_rl.scorecard import POLICY, SCHEMA_VERSION
from autoscaling_rl.toolkits.base import seeds
from autoscaling_rl.toolkits.episodes import LONGEST, endless, environment_actions

FloatArray = NDArray[np.float64]
Chooser = Callable[[NDArray[np.float32]], NDArray[Any]]

RANDOM = "random"
DO_NOTHING = "do_nothing"  # for the sample's profile: the fleet that an episode starts with
_EVALUATION = 7_321


def baselines(environment: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the policies that are run beside the one that is judged."""
    levels = environment.get("levels", ()) if environment.get("actions") == "levels" else ()
    stands_still = environment["id"] == AUTOSCALING and 0 in levels
    return (RANDOM, DO_NOTHING) if stands_still else (RANDOM,)


def evaluate_returns(
    policy: Any,  # noqa: ANN401 - an instance of the artifact's own class
    environment: Mapping[str, Any],
    *,
    episodes: int,
    seed: int,
    reporter: Reporter,
) -> dict[str, Any]:
    """Return the scorecard of the policy and of simple ones over the same seeded episodes.

    Args:
        policy: what is judged.
        environment: "id" and settings.
        episodes: episodes of each policy.
        seed: the evaluation's seed.
        reporter: for progress.

    Raises:
        UserError: if an episode does not end.
    """
    start = seeds(_EVALUATION, seed)[0]
    env = make_vector_environment(environment, episodes)
    env.action_space.seed(start)
    choosers: dict[str, Chooser] = {
        POLICY: lambda observations: environment_actions(policy, observations),
        RANDOM: lambda observations: np.asarray(env.action_space.sample()),
    }
    if DO_NOTHING in baselines(environment):
        still = np.full(episodes, list(environment["levels"]).index(0))
        choosers[DO_NOTHING] = lambda observations: still
    reporter.start(len(choosers), unit="run")
    policies: dict[str, Any] = {}
    try:
        for done, (name, choose) in enumerate(choosers.items(), 1):
            returns = _returns(env, choose, start)
            policies[name] = {
                "values": [float(value) for value in returns],
                "mean_return": float(returns.mean()),
                "standard_deviation": float(returns.std()),
            }
            reporter.advance(done)
    finally:
        env.close()
    return {
        "schema_version": SCHEMA_VERSION,
        "metric": "return",
        "unit": "reward",
        "default_baseline": RANDOM,
        "windows": [f"seed {index}" for index in range(episodes)],
        "policies": policies,
    }


def _returns(env: VectorEnv[Any, Any, Any], choose: Chooser, seed: int) -> FloatArray:
    observations, _ = env.reset(seed=seed)
    returns = np.zeros(env.num_envs)
    running = np.ones(env.num_envs, bool)
    for _ in range(LONGEST):
        observations, rewards, terminated, truncated, _ = env.step(choose(observations))
        returns += np.where(running, rewards, 0.0)
        running &= ~np.logical_or(terminated, truncated)
        if not running.any():
            return returns
    raise endless(LONGEST)
