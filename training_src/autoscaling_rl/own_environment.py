"""Environments that are not this bundle's: `module:Name`, which the module registers or defines.

`module:Name-v0` is Gymnasium's own way to write what importing the module registers; `module:Class`
is a class that nothing registers.
"""

import hashlib
import importlib
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from autoscaling_rl.bundle_files import BUNDLE
from autoscaling_rl.errors import UserError
from autoscaling_rl.settings import shorten, unknown

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec

_SCRIPTS = frozenset({"backtest", "check_load", "evaluate", "serve", "train"})
_INSTALLED = frozenset({"site-packages", "dist-packages"})


def find_environment(identifier: str) -> "str | EnvSpec":
    """Return what Gymnasium makes the environment of.

    Raises:
        UserError: if the module cannot be imported, or has no such environment.
    """
    module_name, colon, name = identifier.partition(":")
    if not colon:
        return identifier
    module = _imported(module_name)
    from gymnasium import registry
    from gymnasium.envs.registration import EnvSpec, find_highest_version, parse_env_id
    from gymnasium.error import Error

    try:
        namespace, plain, _ = parse_env_id(name)
    except Error as error:
        raise UserError(f"environment.id {shorten(identifier)}: {error}") from error
    if name in registry or find_highest_version(namespace, plain) is not None:
        return identifier
    if name in _classes(module):
        return EnvSpec(id=identifier, entry_point=identifier)
    registered = [
        spec.id for spec in registry.values() if str(spec.entry_point).startswith(f"{module_name}:")
    ]
    reason = f"module {module_name} neither registers nor defines the environment"
    raise UserError(unknown(reason, name, [*registered, *_classes(module)] or ["none"]))


def module_hash(identifier: str) -> str:
    """Return what changes with the program of an environment that a module registers or defines.

    It is a hash of the files that were imported for it: those of its module or package, and those
    that lie beside it, in the bundle or wherever it was found.

    Args:
        identifier: `module:Name`, made before; another one has no module of its own.

    Returns:
        Hexadecimal SHA-256; empty for another one.
    """
    module_name, colon, _ = identifier.partition(":")
    if not colon:
        return ""
    _imported(module_name)
    digest = hashlib.sha256()
    for name, path in sorted(_own_files(module_name).items()):
        content = path.read_bytes() if path.is_file() else b""  # in a zip file: its name alone
        digest.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def _own_files(module_name: str) -> dict[str, Path]:
    """Return the imported files of a module's package, and of what lies beside it, by module."""
    top = module_name.partition(".")[0]
    folders = getattr(sys.modules[top], "__path__", None)
    home = Path(folders[0] if folders else str(sys.modules[top].__file__)).parent
    alone = any(home.glob("*.dist-info"))  # among installed packages, which belong to others
    return {
        name: Path(file)
        for name, module in list(sys.modules.items())
        if (file := getattr(module, "__file__", None))
        and (name.partition(".")[0] == top or not (alone or _is_foreign(Path(file), home)))
    }


def _is_foreign(path: Path, home: Path) -> bool:
    """Tell whether a file is not of those who wrote what lies in a folder."""
    ours = path.parent == BUNDLE and path.stem in _SCRIPTS
    return (
        ours
        or not path.is_relative_to(home)
        or path.is_relative_to(BUNDLE / "autoscaling_rl")
        or not _INSTALLED.isdisjoint(path.parts)
    )


def place_of(error: BaseException) -> str:
    """Say where an exception was raised: file and line."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "?"


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == name.partition(".")[0]
        if missing or not name:
            raise UserError(
                f"there is no module {shorten(name)}: put its file into the bundle, beside train.py"
                f" ({BUNDLE}), or name its package in the preset's requirements"
            ) from error
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise UserError(f"cannot import {name}: {reason} ({place_of(error)})") from error


def _classes(module: ModuleType) -> list[str]:
    import gymnasium

    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, gymnasium.Env)
        and not value.__module__.startswith("gymnasium.")
    ]
