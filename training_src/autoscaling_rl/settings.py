"""Settings as frozen dataclasses: types and ranges are read from the class and stated once.

A field made with `setting(...)` may carry a range. Booleans are not integers, an integer will do
for a float, lists become tuples, and numbers must be finite.
"""

import dataclasses
import difflib
import inspect
import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from autoscaling_rl.errors import UserError

Settings = TypeVar("Settings")

_WORDS = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a text",
    dict: "a table",
}


def setting(
    default: object,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    choices: tuple[Any, ...] = (),
) -> Any:  # noqa: ANN401 - stands for a value of the field's own type, as dataclasses.field does
    """Return a dataclass field with a range: `minimum` and `maximum` belong to it.

    `above` does not belong to it. For a tuple the range is that of its elements.
    """
    limits = {"minimum": minimum, "maximum": maximum, "above": above, "choices": choices}
    return dataclasses.field(default=default, metadata=limits)


def build(
    cls: type[Settings], values: Mapping[str, Any], *, place: Callable[[str], str], what: str
) -> Settings:
    """Return an instance of the settings class `cls` from values by name.

    Args:
        cls: a dataclass. If it has a class method `of`, that makes the instance.
        values: only what differs from the defaults.
        place: says where a name was given, e.g. "presets/smoke.toml, line 7".
        what: what the settings belong to, e.g. "training".

    Raises:
        UserError: for an unknown name, a wrong type or a value out of range.
    """
    kinds = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    checked = {}
    for name, value in values.items():
        if name not in fields:
            raise UserError(f"{place(name)}: {unknown(f'{what} has no setting', name, fields)}")
        try:
            checked[name] = _checked(value, kinds[name], fields[name].metadata)
        except ValueError as error:
            raise UserError(f"{place(name)}: {what}.{name} {error}") from error
    make: Callable[..., Settings] = getattr(cls, "of", cls)  # `of`: defaults that depend on values
    try:
        return make(**checked)
    except (UserError, ValueError) as error:
        raise UserError(f"{place(named_in(str(error), values))}: {error}") from error


def named_in(text: str, names: Iterable[str]) -> str:
    """Return the one of `names` that stands first in an error's text, or no name."""
    places = {name: text.find(name) for name in names if re.search(rf"\b{re.escape(name)}\b", text)}
    return min(places, key=places.__getitem__, default="")


def unknown(reason: str, name: str, known: Iterable[str]) -> str:
    """Return a message that says `name` is unknown and which known one is nearest."""
    names = sorted(known)
    near = difflib.get_close_matches(name[:80], names, n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"
    return f"{reason} {shorten(name)}, {remedy}"


def shorten(value: object) -> str:
    """Return `value` as it would be written, at most 60 characters of it, on one line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _checked(value: object, kind: Any, limits: Mapping[str, Any]) -> object:  # noqa: ANN401
    """Return `value` as `kind`, or raise ValueError with what it must be."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in typing.get_args(kind):
            return None
        (kind,) = (member for member in typing.get_args(kind) if member is not type(None))
        return _checked(value, kind, limits)
    if origin is dict:  # what is in it is for the class to check
        return _typed(value, dict)
    if origin is typing.Literal:
        return _chosen(value, typing.get_args(kind))
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"must be a list, not {shorten(value)}")
        return tuple(_checked(item, typing.get_args(kind)[0], limits) for item in value)
    return _within(_typed(value, kind), limits)


def _typed(value: object, kind: type) -> Any:  # noqa: ANN401 - an instance of `kind`
    fits = isinstance(value, kind) and isinstance(value, bool) == (kind is bool)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        fits = abs(value) < 10**300
        value = float(value) if fits else value
    if not fits:
        raise ValueError(f"must be {_WORDS.get(kind, kind.__name__)}, not {shorten(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _within(value: Any, limits: Mapping[str, Any]) -> object:  # noqa: ANN401 - can be ordered
    if limits.get("choices"):
        return _chosen(value, limits["choices"])
    minimum, maximum, above = (limits.get(name) for name in ("minimum", "maximum", "above"))
    if minimum is not None and value < minimum:
        raise ValueError(f"must be at least {minimum}, not {shorten(value)}")
    if maximum is not None and value > maximum:
        raise ValueError(f"must be at most {maximum}, not {shorten(value)}")
    if above is not None and value <= above:
        raise ValueError(f"must be greater than {above}, not {shorten(value)}")
    return value


def _chosen(value: object, choices: tuple[object, ...]) -> object:
    for choice in choices:
        if value == choice and isinstance(value, bool) == isinstance(choice, bool):
            return choice
    raise ValueError(f"must be one of {', '.join(map(str, choices))}, not {shorten(value)}")


def documentation(cls: type) -> dict[str, str]:
    """Return what the class docstring says of each field under "Attributes:", on one line each."""
    text = inspect.getdoc(cls) or ""
    _, _, section = text.partition("Attributes:\n")
    entries = re.findall(r"^    (\w+): (.*(?:\n     +.*)*)", section, flags=re.MULTILINE)
    return {name: " ".join(words.split()) for name, words in entries}
