"""Reads JSON into frozen dataclasses and names every mistake by its path, with the remedy.

A field whose default is a dataclass is a nested section; else its metadata says how it is read:
`rule` for a value, `names` and `values` for an open mapping. So a request is written down once.
"""

import difflib
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from lambdas.errors import InvalidInput

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kind = TypeVar("Kind", bound="DataclassInstance")
Rule: TypeAlias = Callable[[object], object]
"""Returns the value in its final form; raises ValueError saying what it must be."""

_SHOWN = 60


def shown(value: object) -> str:
    """Write a value into a message: one line of JSON, shortened, printable."""
    text = json.dumps(value, default=repr)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def nearest(word: str, known: Sequence[str]) -> str:
    """Find the known name that is most like a mistyped one."""
    return difflib.get_close_matches(word[:_SHOWN], known, n=1, cutoff=0.0)[0]


def boolean(value: object) -> bool:
    """Accept true and false."""
    if isinstance(value, bool):
        return value
    raise ValueError(f"must be true or false, not {shown(value)}")


def number(least: float, most: float) -> Rule:
    """Accept finite numbers within a range."""
    words = f"a number from {least:g} to {most:g}"

    def rule(value: object) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"must be {words}, not {shown(value)}")
        if not least <= value <= most:
            raise ValueError(f"must be {words}, not {shown(value)}")
        return value

    return rule


def integer(least: int, most: int) -> Rule:
    """Accept whole numbers within a range, also where a client wrote `5` as `5.0`."""

    def rule(value: object) -> int:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not whole or not least <= cast(float, value) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}, not {shown(value)}")
        return int(cast(float, value))

    return rule


def one_of(*choices: str) -> Rule:
    """Accept listed words; a mistyped one is answered with the nearest."""

    def rule(value: object) -> str:
        if isinstance(value, str) and value in choices:
            return value
        hint = f" (did you mean {nearest(value, choices)!r}?)" if isinstance(value, str) else ""
        raise ValueError(f"must be one of {', '.join(choices)}, not {shown(value)}{hint}")

    return rule


def text(pattern: str, remedy: str) -> Rule:
    """Accept strings that match a pattern as a whole; `remedy` completes "must be ..."."""

    def rule(value: object) -> str:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        raise ValueError(f"must be {remedy}, not {shown(value)}")

    return rule


def scalar_text(value: object) -> str:
    """Turn a string, number or boolean into the string that SageMaker wants."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return json.dumps(value)
    raise ValueError(f"must be a string, a finite number, true or false, not {shown(value)}")


def checked(rule: Rule, default: object = MISSING) -> Any:  # noqa: ANN401 as dataclasses.field
    """Declare a field that a rule reads; without a default it must be given.

    A default of None makes `null` mean the same as leaving the field out.
    """
    if default is MISSING:
        return field(metadata={"rule": rule})
    return field(default=default, metadata={"rule": rule})


def mapping(*, names: Rule, values: Rule) -> Any:  # noqa: ANN401 as dataclasses.field
    """Declare an open mapping whose names and values have a rule each."""
    return field(default_factory=dict, metadata={"names": names, "values": values})


def read(kind: type[Kind], document: object, *, path: str = "") -> tuple[Kind | None, list[str]]:
    """Read a JSON document.

    Args:
        kind: The dataclass to fill.
        document: Anything that `json.loads` can give.
        path: Where the document stands within a larger one.

    Returns:
        The filled dataclass and no problems, or None and one line for each mistake.
    """
    problems: list[str] = []
    if not isinstance(document, dict):
        return None, [f"{path or 'input'}: must be a JSON object, not {shown(document)}"]
    known = {item.name: item for item in fields(kind)}
    values: dict[str, object] = {}
    for key, value in document.items():
        if key not in known:
            problems.append(_unknown_key(kind, key, path))
            continue
        values[key], found = _read_field(known[key], value, f"{path}.{key}".lstrip("."))
        problems += found
    for name, item in known.items():
        if name not in values and item.default is MISSING and item.default_factory is MISSING:
            problems.append(f"{path}.{name}".lstrip(".") + ": is missing")
    return (None, problems) if problems else (kind(**values), [])


def require(kind: type[Kind], event: object) -> Kind:
    """Read the request of a handler.

    Raises:
        InvalidInput: One line for each mistake.
    """
    request, problems = read(kind, event)
    if request is None:
        raise InvalidInput(problems)
    return request


def _read_field(item: Field[Any], value: object, path: str) -> tuple[object, list[str]]:
    if is_dataclass(item.default_factory):
        return read(item.default_factory, value, path=path)
    if "names" in item.metadata:
        return _read_mapping(item, value, path)
    if value is None and item.default is None:
        return None, []
    try:
        return item.metadata["rule"](value), []
    except ValueError as error:
        return None, [f"{path}: {error}"]


def _read_mapping(item: Field[Any], value: object, path: str) -> tuple[object, list[str]]:
    if not isinstance(value, dict):
        return None, [f"{path}: must be a JSON object, not {shown(value)}"]
    result: dict[str, object] = {}
    problems = []
    for name, entry in value.items():
        try:
            item.metadata["names"](name)
            result[name] = item.metadata["values"](entry)
        except ValueError as error:
            problems.append(f"{path}.{_printable(name)}: {error}")
    return result, problems


def _unknown_key(kind: "type[DataclassInstance]", key: str, path: str) -> str:
    # A key that is right but stands in the wrong place is the likelier mistake than a typing error.
    elsewhere = [place for place in _paths(kind) if place.rpartition(".")[2] == key]
    known = [item.name for item in fields(kind)]
    hint = elsewhere[0] if elsewhere else nearest(key, known)
    place, hint = (f"{path}.{name}".lstrip(".") for name in (_printable(key), hint))
    return f"{place}: unknown key; did you mean {hint}? Known here: {', '.join(known)}"


def _printable(name: str) -> str:
    return json.dumps(name[:_SHOWN])[1:-1]


def _paths(kind: "type[DataclassInstance]") -> list[str]:
    paths = []
    for item in fields(kind):
        paths.append(item.name)
        if is_dataclass(item.default_factory):
            paths += [f"{item.name}.{inner}" for inner in _paths(item.default_factory)]
    return paths
