"""The versions of the edge component: three numbers, of which each stage counts the last."""

import re
from collections.abc import Iterable

from lambdas.errors import ConfigurationError

LARGEST_PART = 999_999
"""Greengrass takes six digits in each part of a version."""

_PART = r"(0|[1-9]\d{0,5})"
VERSION = re.compile(rf"{_PART}\.{_PART}\.{_PART}")


def newest_first(base: str, versions: Iterable[str]) -> list[str]:
    """Return the versions of a stage, the newest first.

    Args:
        base: The first two numbers, which belong to the stage, such as `1.0`.
        versions: All versions of the component. Those of other stages are left out, and those
            that somebody made by hand in another form, such as 1.0.3-beta.
    """
    own = [it for it in versions if VERSION.fullmatch(it) and it.startswith(f"{base}.")]
    return sorted(own, key=_number, reverse=True)


def next_version(base: str, versions: Iterable[str]) -> str:
    """Return the version after the newest one of a stage; see `newest_first`.

    Raises:
        ConfigurationError: The last number has reached six nines.
    """
    newest = newest_first(base, versions)[:1]
    number = max(map(_number, newest), default=-1) + 1
    if number > LARGEST_PART:
        raise ConfigurationError(
            f"{base}.{LARGEST_PART} is the last version: let COMPONENT_VERSIONS begin another base"
        )
    return f"{base}.{number}"


def _number(version: str) -> int:
    return int(version.rpartition(".")[2])
