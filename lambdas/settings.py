"""Environment variables as frozen dataclasses, read inside a handler, never at import."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, TypeVar, get_type_hints

from lambdas.errors import ConfigurationError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kind = TypeVar("Kind", bound="DataclassInstance")


def read_settings(kind: type[Kind], variables: Mapping[str, str]) -> Kind:
    """Fill a dataclass from the variables that bear its fields' names in capitals.

    Args:
        kind: A dataclass with fields of type `str` or `int`; one with a default is optional.
        variables: The environment, usually `os.environ`.

    Returns:
        The filled dataclass. An empty variable counts as absent.

    Raises:
        ConfigurationError: Names every variable that is missing or is not a whole number.
    """
    types = get_type_hints(kind)
    values: dict[str, str | int] = {}
    problems = []
    for item in fields(kind):
        name, text = item.name.upper(), variables.get(item.name.upper(), "")
        if text and types[item.name] is int and not text.isdecimal():
            problems.append(f"{name} must be a whole number, not {text!r}")
        elif text:
            values[item.name] = int(text) if types[item.name] is int else text
        elif item.default is MISSING:
            problems.append(f"{name} is not set")
    if problems:
        raise ConfigurationError(
            f"The function's environment is not complete: {'; '.join(problems)}. Deploy it again."
        )
    return kind(**values)
