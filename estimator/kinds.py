"""Whether arguments are of the kinds that their annotations say."""

import numbers
import os
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from estimator.errors import EstimatorError

_WORDS = {
    bool: "True or False",
    int: "a whole number",
    str: "a text",
    Mapping: "a dict",
    Sequence: "a list",
}


def plain(value: Any) -> Any:  # noqa: ANN401 - any argument
    """Return a scalar of NumPy's, or an array of one number, as Python's own."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value


def of_their_kinds(given: Mapping[str, Any], annotated: type) -> dict[str, Any]:
    """Return arguments whose kinds were checked, NumPy's scalars as Python's own.

    Args:
        given: The arguments by name; None is of every kind.
        annotated: The class whose annotations name the kinds.

    Raises:
        EstimatorError: If one is of another kind; the line names the argument and the kind.
    """
    hints = typing.get_type_hints(annotated)
    return {name: _checked(name, value, hints[name]) for name, value in given.items()}


def check_kind(name: str, value: object, kind: type) -> None:
    """Check one argument that may be None.

    Raises:
        EstimatorError: If it is of another kind.
    """
    if value is not None and not _is(value, kind):
        raise EstimatorError(f"{name} is {value!r}: write {_WORDS[kind]}")


def _checked(name: str, given: Any, hint: Any) -> Any:  # noqa: ANN401 - any argument
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    allowed = [typing.get_origin(one) or one for one in typing.get_args(hint)] if union else []
    kinds = [kind for kind in allowed or [typing.get_origin(hint) or hint] if kind in _WORDS]
    value: Any = (
        os.fspath(given) if str in kinds and isinstance(given, os.PathLike) else plain(given)
    )
    if value is None or not kinds or any(_is(value, kind) for kind in kinds):
        listed = (
            Sequence in kinds and isinstance(value, Iterable) and not isinstance(value, Mapping)
        )
        return list(value) if listed else value
    raise EstimatorError(
        f"{name} is {given!r}: write {' or '.join(_WORDS[kind] for kind in kinds)}"
    )


def _is(value: object, kind: type) -> bool:
    if kind is int:
        return isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if kind is str:
        return isinstance(value, str | os.PathLike)
    if kind is Sequence:
        return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
    return isinstance(value, kind)
