"""Environments made from the table [environment] of a preset: ours, or any other of Gymnasium.

"id" is AutoScaling-v0, FMU-v0, any that Gymnasium knows, or `module:Name`: see `own_environment`.

Gymnasium is imported only where it is needed, so that reading the preset of our own stays cheap.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from autoscaling_rl.bundle_files import find_file
from autoscaling_rl.errors import UserError
from autoscaling_rl.own_environment import find_environment, module_hash, place_of
from autoscaling_rl.settings import build, named_in, shorten

if TYPE_CHECKING:
    import gymnasium
    from gymnasium.vector import VectorEnv

AUTOSCALING = "AutoScaling-v0"
FMU = "FMU-v0"


def environment_settings(identifier: str) -> type[Any] | None:
    """Return the settings class of an environment; None if Gymnasium alone knows its arguments."""
    if identifier == AUTOSCALING:
        from autoscaling_rl.environments.profiles import AutoScalingSettings

        return AutoScalingSettings
    if identifier == FMU:
        from autoscaling_rl.environments.fmu_settings import FmuSettings

        return FmuSettings
    return None


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
        effective = {"id": identifier, **asdict(built)}
        return effective if identifier == AUTOSCALING else _checked_fmu(effective, place)
    for key, value in arguments.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            message = f"environment.{key} must be a JSON value, not {shorten(value)}"
            raise UserError(f"{place(key)}: {message}") from error
    try:
        make_environment(values).close()
    except UserError as error:
        named = named_in(str(error), arguments) or "id"
        raise UserError(f"{place(named)}: {error}") from error
    return dict(values)


def make_environment(
    environment: Mapping[str, Any], *, load_path: Path | None = None
) -> "gymnasium.Env[Any, Any]":
    """Return one environment.

    Args:
        environment: "id" and its settings.
        load_path: CSV file with the load to replay; only for AutoScaling-v0.

    Raises:
        UserError: if it cannot be made, or its module cannot be imported.
    """
    import gymnasium

    arguments = _arguments(environment, load_path)
    made = find_environment(environment["id"])
    with _refusal(environment):
        return gymnasium.make(made, **arguments)


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
        longest = arguments.get("max_episode_steps") or episode_steps
        arguments["max_episode_steps"] = min(episode_steps, longest)
    made = find_environment(identifier)
    with _refusal(environment):
        if identifier == AUTOSCALING:
            return gymnasium.make_vec(
                identifier, num_envs=count, autoreset_mode=AutoresetMode.SAME_STEP, **arguments
            )
        mode, keywords = _vectorization(identifier, arguments)
        return gymnasium.make_vec(
            made,
            num_envs=count,
            vectorization_mode=mode,
            vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP, **keywords},
            **arguments,
        )


def longest_episode(env: "VectorEnv[Any, Any, Any]") -> int:
    """Return the steps after which an episode ends at the latest; 0: no time limit is known.

    Args:
        env: as `make_vector_environment` returns it.
    """
    spec, several = env.spec, cast("Any", env.unwrapped)
    if spec is None:
        return 0
    if spec.id == AUTOSCALING:
        return int(spec.kwargs["episode_minutes"])
    limits = [spec.kwargs.get("max_episode_steps") or spec.max_episode_steps]
    if spec.id == FMU:
        limits += several.get_attr("episode_steps")
    return min(filter(None, limits), default=0)


def environment_version(identifier: str) -> str:
    """Return what fixes the behaviour of an environment beside its settings."""
    if identifier == AUTOSCALING:
        from autoscaling_rl.controller.observation import VERSION

        return f"observation {VERSION}"
    import gymnasium

    version = f"gymnasium {gymnasium.__version__}"
    if own := module_hash(identifier):
        return f"{version}, {identifier.partition(':')[0]} {own[:16]}"
    return f"{version}, fmpy {metadata.version('fmpy')}" if identifier == FMU else version


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
    if environment["id"] == FMU:
        arguments["fmu"] = str(find_file(arguments["fmu"], ".fmu"))
    return arguments


def _checked_fmu(effective: dict[str, Any], place: Callable[[str], str]) -> dict[str, Any]:
    """Make the simulator once; return its settings with the file's hash."""
    from autoscaling_rl.environments.fmu_file import file_hash

    try:
        path = find_file(effective["fmu"], ".fmu")
        effective["sha256"] = effective["sha256"] or file_hash(path)
        make_environment(effective).close()
    except UserError as error:
        named = re.search(r"environment\.(\w+)", str(error))
        raise UserError(f"{place(named[1] if named else 'fmu')}: {error}") from error
    return effective


def _vectorization(identifier: str, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return how several environments are stepped: one after the other, or in a process each."""
    if identifier == FMU:
        from autoscaling_rl.environments.fmu_file import FmuFile

        if FmuFile.read(Path(arguments["fmu"])).only_once:
            # Not forked: the simulator's library may have been loaded here before.
            return "async", {"context": "spawn"}
    return "sync", {}


@contextlib.contextmanager
def _refusal(environment: Mapping[str, Any]) -> Iterator[None]:
    """Turn what making an environment raises into one line; a fault of our own stays one."""
    import gymnasium

    try:
        yield
    except UserError:
        raise
    except (gymnasium.error.Error, TypeError, ValueError, ImportError) as error:
        raise _unusable(environment, str(error)) from error
    except (Exception, SystemExit) as error:
        if environment["id"] == AUTOSCALING:
            raise
        reason = f"{type(error).__name__}: {error} ({place_of(error)})"
        raise _unusable(environment, reason) from error


def _unusable(environment: Mapping[str, Any], reason: str) -> UserError:
    reason = " ".join(reason.split())[:300]
    return UserError(f"environment {shorten(environment['id'])} cannot be made: {reason}")
