"""Environments made from the table [environment] of a preset: ours, or any other of Gymnasium.

Gymnasium is imported only where it is needed, so that reading the preset of our own stays cheap.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoscaling_rl.errors import UserError
from autoscaling_rl.settings import build, shorten

if TYPE_CHECKING:
    import gymnasium
    from gymnasium.vector import VectorEnv

AUTOSCALING = "AutoScaling-v0"


def environment_settings(identifier: str) -> type[Any] | None:
    """Return the settings class of an environment; None if Gymnasium alone knows its arguments."""
    if identifier != AUTOSCALING:
        return None
    from autoscaling_rl.environments.profiles import AutoScalingSettings

    return AutoScalingSettings


def check_environment(values: Mapping[str, Any], *, place: Callable[[str], str]) -> dict[str, Any]:
    """Return the effective table [environment]: "id" and every setting.

    Another environment than ours is made once, to learn now whether it can be made.

    Args:
        values: "id" and what differs from the defaults.
        place: says where a key was given.

    Raises:
        UserError: for an unknown environment, or settings that it does not take.
    """
    identifier = values["id"]
    arguments = {key: value for key, value in values.items() if key != "id"}
    cls = environment_settings(identifier)
    if cls is not None:
        built = build(cls, arguments, place=place, what="environment")
        return {"id": identifier, **asdict(built)}
    for key, value in arguments.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            message = f"environment.{key} must be a JSON value, not {shorten(value)}"
            raise UserError(f"{place(key)}: {message}") from error
    try:
        make_environment(values).close()
    except UserError as error:
        raise UserError(f"{place(next(iter(arguments), 'id'))}: {error}") from error
    return dict(values)


def make_environment(
    environment: Mapping[str, Any], *, load_path: Path | None = None
) -> "gymnasium.Env[Any, Any]":
    """Return one environment.

    Args:
        environment: "id" and its settings.
        load_path: CSV file with the load to replay; only for AutoScaling-v0.

    Raises:
        UserError: if it cannot be made.
    """
    import gymnasium

    arguments = _arguments(environment, load_path)
    try:
        return gymnasium.make(environment["id"], **arguments)
    except (gymnasium.error.Error, TypeError, ValueError, ImportError) as error:
        raise _unusable(environment, error) from error


def make_vector_environment(
    environment: Mapping[str, Any],
    count: int,
    *,
    load_path: Path | None = None,
    episode_steps: int = 0,
) -> "VectorEnv[Any, Any, Any]":
    """Return `count` environments that reset themselves within the step that ends an episode.

    Args:
        environment: "id" and its settings.
        count: environments that are stepped together.
        load_path: CSV file with the load to replay; only for AutoScaling-v0.
        episode_steps: episodes are cut (truncated) after so many steps; 0: where they end.

    Raises:
        UserError: if they cannot be made.
    """
    import gymnasium
    from gymnasium.vector import AutoresetMode

    arguments = _arguments(environment, load_path)
    identifier = environment["id"]
    if episode_steps and identifier == AUTOSCALING:
        arguments["episode_minutes"] = min(episode_steps, arguments["episode_minutes"])
    elif episode_steps:
        arguments["max_episode_steps"] = episode_steps
    try:
        if identifier == AUTOSCALING:
            return gymnasium.make_vec(
                identifier, num_envs=count, autoreset_mode=AutoresetMode.SAME_STEP, **arguments
            )
        return gymnasium.make_vec(
            identifier,
            num_envs=count,
            vectorization_mode="sync",
            vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
            **arguments,
        )
    except (gymnasium.error.Error, TypeError, ValueError, ImportError) as error:
        raise _unusable(environment, error) from error


def environment_version(identifier: str) -> str:
    """Return what fixes the behaviour of an environment beside its settings."""
    if identifier == AUTOSCALING:
        from autoscaling_rl.controller.observation import VERSION

        return f"observation {VERSION}"
    import gymnasium

    return f"gymnasium {gymnasium.__version__}"


def _arguments(environment: Mapping[str, Any], load_path: Path | None) -> dict[str, Any]:
    """Return keyword arguments for Gymnasium; registers our environment first."""
    import autoscaling_rl.environments  # noqa: F401

    arguments = {key: value for key, value in environment.items() if key != "id"}
    if load_path is not None:
        if environment["id"] != AUTOSCALING:
            raise UserError(
                f"a load file is given, but {environment['id']} has no load: leave the channel"
                f" `load` away, or set environment.id to {AUTOSCALING}"
            )
        arguments["load_path"] = str(load_path)
    return arguments


def _unusable(environment: Mapping[str, Any], error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:300]
    return UserError(f"environment {shorten(environment['id'])} cannot be made: {reason}")
