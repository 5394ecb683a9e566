"""Hyperparameters of a job, which are texts, applied to the tables of a preset.

A text is read as JSON, and as it stands where it is none: SDK version 2 sends JSON, everyone else
plain texts. A name is a dotted path (`training.n_envs`) or a bare name that is unique (`n_envs`).
"""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from typing import Any

from autoscaling_rl.errors import UserError
from autoscaling_rl.settings import unknown

Table = tuple[str, str]  # name of the table ("" outside of all) and key in it
Classes = Mapping[str, type[Any] | None]  # settings class by table; None: any key is accepted

# Python's words for JSON's: SageMaker's toolkits put values on the command line as Python's str.
_PYTHON_WORDS: dict[str, Any] = {"True": True, "False": False, "None": None}
# The second comes with every job of SageMaker's automatic model tuning.
_RESERVED = ("preset", "_tuning_objective_metric")


def parse(text: str, kind: object = None) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of a hyperparameter: JSON, or the raw text.

    Args:
        text: as given.
        kind: type of the setting. One of type str takes any text that is not a JSON string; for
            any other a JSON string is read once more, since SDK version 2 sends `{"seed": "1"}` so.
    """
    value = _read(text)
    accepted = _members(kind)
    if str in accepted and not isinstance(value, str):
        return None if value is None and type(None) in accepted else text
    if kind is not None and str not in accepted and isinstance(value, str):
        return _read(value)
    return value


def _read(text: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return _PYTHON_WORDS[text] if text in _PYTHON_WORDS else json.loads(text)
    except (ValueError, RecursionError):
        return text


def _members(kind: object) -> tuple[object, ...]:
    """Return what a setting's type admits: the members of a union, else the type itself."""
    is_union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return typing.get_args(kind) if is_union else (kind,)


def chosen(hyperparameters: Mapping[str, str], table: str, key: str) -> str | None:
    """Return what the hyperparameters say of one key, by either of its names, or None."""
    for name in (f"{table}.{key}" if table else key, key):
        if name in hyperparameters:
            return str(parse(hyperparameters[name], str))
    return None


def apply_hyperparameters(
    tables: dict[str, dict[str, Any]], hyperparameters: Mapping[str, str], classes: Classes
) -> dict[Table, str]:
    """Put each hyperparameter into its table and return where each key came from.

    Raises:
        UserError: for a name that is unknown, not unique, or given twice.
    """
    places: dict[Table, str] = {}
    for name, text in hyperparameters.items():
        if name in _RESERVED or name.startswith("sagemaker_"):
            continue
        table, key = _target(name, classes)
        if (table, key) in places:
            raise UserError(f"{places[table, key]} and hyperparameter {name} set the same thing")
        cls = classes[table]
        kinds = typing.get_type_hints(cls) if cls else {}
        tables[table][key] = parse(text, kinds.get(key))
        places[table, key] = f"hyperparameter {name}"
    return places


def _target(name: str, classes: Classes) -> Table:
    table, dot, key = name.partition(".")
    if dot and table in classes:
        return table, key
    if name in _keys("", classes[""]):
        return "", name
    homes = [home for home in classes if name in _keys(home, classes[home])]
    if len(homes) == 1:
        return homes[0], name
    if homes:
        paths = " or ".join(f"{home}.{name}" if home else name for home in homes)
        raise UserError(f"hyperparameter {name} is not unique: use {paths}")
    known = [
        f"{home}.{key}" if home else key for home in classes for key in _keys(home, classes[home])
    ]
    bare = [path.rpartition(".")[2] for path in known]
    raise UserError(unknown("there is no hyperparameter", name, {*known, *bare}))


def _keys(table: str, cls: type[Any] | None) -> list[str]:
    named = [field.name for field in dataclasses.fields(cls)] if cls else []
    return ["id", *named] if table == "environment" else named
