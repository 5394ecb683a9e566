"""Settings are of the types that their dataclasses say, and numbers within their limits.

Python does not look: a fraction of a minute or a forgotten comma would fail after a training.
"""

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from types import NoneType
from typing import get_args, get_origin, get_type_hints


def type_problems(settings: object, section: str = "") -> list[str]:
    """Return what is of another type than its setting, a line each.

    Args:
        settings: A dataclass, whose fields may be dataclasses.
        section: What the names of its fields begin with.
    """
    return [
        line
        for name, kind in get_type_hints(type(settings)).items()
        for line in _problems(section + name, getattr(settings, name), kind)
    ]


def range_problems(
    section: str, settings: object, limits: Mapping[str, tuple[int, int]]
) -> list[str]:
    """Return what is out of range, a line each.

    Args:
        section: The name of the settings; empty: none.
        settings: A dataclass.
        limits: The least and the largest value, by the names of its fields.
    """
    prefix = f"{section}." if section else ""
    return [
        f"{prefix}{name}: {getattr(settings, name)} must be within {low} and {high}"
        for name, (low, high) in limits.items()
        if not low <= getattr(settings, name) <= high
    ]


def _problems(name: str, value: object, kind: type) -> list[str]:
    if NoneType in get_args(kind):
        if value is None:
            return []
        [kind] = set(get_args(kind)) - {NoneType}
    if is_dataclass(kind):
        if isinstance(value, kind):
            return type_problems(value, f"{name}.")
        return [f"{name}: {value!r} is none; write {kind.__name__}(...)"]
    fits, otherwise = _KINDS[get_origin(kind) or kind]
    if fits(value):
        return []
    if get_origin(kind) is tuple and isinstance(value, str):
        return [f"{name}: {value!r} is one text, not several; write ({value!r},), with the comma"]
    return [f"{name}: {value!r} is {otherwise}"]


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(each, str) for each in value)


_KINDS: Mapping[object, tuple[Callable[[object], bool], str]] = {
    # In Python a boolean is a whole number, in a setting it is none.
    int: (lambda it: type(it) is int, "no whole number; write digits alone, without quotes"),
    bool: (lambda it: type(it) is bool, "neither True nor False; write one of them"),
    str: (lambda it: isinstance(it, str), "no text; write it in quotes"),
    tuple: (_are_texts, 'no tuple of texts; write e.g. ("a", "b")'),
    Mapping: (lambda it: isinstance(it, Mapping), 'no settings by name; write e.g. {"name": 2}'),
}
"""By type: what fits it, and what other values are told."""
