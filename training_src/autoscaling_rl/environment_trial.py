"""One step in a foreign environment: what would be a traceback from deep within training."""

import contextlib
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from autoscaling_rl.errors import UserError
from autoscaling_rl.own_environment import place_of
from autoscaling_rl.settings import shorten

_RESET = ("observation", "info")
_STEP = ("observation", "reward", "terminated", "truncated", "info")


def try_environment(env: "gymnasium.Env[Any, Any]", identifier: str) -> None:
    """Take one step in an environment and look at what it returns; close it.

    Args:
        env: the environment; its wrappers are left aside, which hide what it does.
        identifier: its "id", for the message.

    Raises:
        UserError: if it raises something, or returns what Gymnasium's interface does not have.
    """
    plain, name = env.unwrapped, f"environment {shorten(identifier)}"
    try:
        answer = _called(name, "reset", lambda: plain.reset(seed=0))
        _check(name, "reset", answer, _RESET, plain)
        plain.action_space.seed(0)
        answer = _called(name, "step", lambda: plain.step(plain.action_space.sample()))
        reward = _check(name, "step", answer, _STEP, plain)[1]
        if not _is_number(reward):
            raise UserError(
                f"{name}: step() returns the reward {shorten(reward)} of type"
                f" {type(reward).__name__}: return one number"
            )
    finally:
        env.close()


def _is_number(value: object) -> bool:
    with contextlib.suppress(TypeError, ValueError):
        return np.ndim(value) == 0 and isinstance(float(value), float)  # type: ignore[arg-type]
    return False


def _called(name: str, method: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401
    try:
        return call()
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise UserError(f"{name}: its first {method}() fails: {reason} ({place_of(error)})") from (
            error
        )


def _check(
    name: str,
    method: str,
    answer: object,
    members: tuple[str, ...],
    env: "gymnasium.Env[Any, Any]",
) -> tuple[Any, ...]:
    """Return the members of an answer, refused if they are others."""
    if not isinstance(answer, tuple) or len(answer) != len(members):
        found = f"{len(answer)} values" if isinstance(answer, tuple) else type(answer).__name__
        raise UserError(
            f"{name}: {method}() returns {found}, Gymnasium has it return {len(members)}:"
            f" {', '.join(members)}"
        )
    shape = np.shape(answer[0])
    if env.observation_space.shape is not None and shape != env.observation_space.shape:
        raise UserError(
            f"{name}: {method}() returns an observation of shape {shape}, and observation_space has"
            f" shape {env.observation_space.shape}: make them the same"
        )
    return answer
