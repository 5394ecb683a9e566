"""The metric definitions of a job when none are given."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from estimator.bundle import Bundle
from estimator.errors import EstimatorError
from estimator.kinds import check_kind
from estimator.toolkits import OWN, RLToolkit, find_toolkit

_FILE = "metrics.json"
_PROJECT = Path(__file__).resolve().parent.parent / "training_src" / _FILE
_NUMBER = "[-+]?[0-9]*[.]?[0-9]+([eE][-+]?[0-9]+)?"
_COACH = [
    {"Name": f"reward-{phase.lower()}", "Regex": f"^{phase}>.*Total reward=(.*?),"}
    for phase in ("Training", "Testing")
]
_RAY = [
    {"Name": f"episode_reward_{kind}", "Regex": f"episode_reward_{kind}: ({_NUMBER})"}
    for kind in ("mean", "max")
]

Definitions = list[dict[str, str]]


def default_metric_definitions(toolkit: RLToolkit | str) -> Definitions:
    """Return what CloudWatch reads in the lines of a toolkit.

    Raises:
        EstimatorError: If there is no such toolkit.
    """
    found = find_toolkit(toolkit)
    if found not in OWN:
        return [dict(one) for one in (_COACH if found is RLToolkit.COACH else _RAY)]
    return _read(_PROJECT) if _PROJECT.is_file() else [dict(one) for one in _COACH + _RAY]


def metric_definitions(toolkit: RLToolkit | None, bundle: Bundle) -> Definitions:
    """Return the definitions of a job: the bundle's own `metrics.json`, else the toolkit's.

    Raises:
        EstimatorError: If the bundle's file is of no use.
    """
    if toolkit is not None and toolkit not in OWN:
        return default_metric_definitions(toolkit)
    if bundle.folder and (bundle.folder / _FILE).is_file():
        return _read(bundle.folder / _FILE)
    return default_metric_definitions(toolkit or RLToolkit.CEM)


def definition_list(given: Any) -> Definitions:  # noqa: ANN401 - any argument
    """Return metric definitions that a user gave.

    Raises:
        EstimatorError: If they are no list of names with regular expressions.
    """
    check_kind("metric_definitions", given, Sequence)
    for one in given:
        if not isinstance(one, Mapping) or not {"Name", "Regex"} <= set(one):
            raise EstimatorError(
                f"metric_definitions: {one!r} is no definition: write "
                '{"Name": "reward", "Regex": "reward=([-+0-9.e]+)"}'
            )
    return [dict(one) for one in given]


def check_regexes(definitions: Sequence[Mapping[str, str]]) -> None:
    """Check that every definition can find a value, which only the start of a job would say.

    Raises:
        EstimatorError: If a regular expression is broken, or has no group for the value.
    """
    for one in definitions:
        place = f"metric_definitions: the Regex of {one['Name']}, {one['Regex']!r},"
        try:
            groups = re.compile(one["Regex"]).groups
        except re.error as error:
            raise EstimatorError(f"{place} is broken: {error}: mend it") from None
        if not groups:
            raise EstimatorError(f"{place} has no group: put ( ) around the value")


def _read(path: Path) -> Definitions:
    try:
        read = json.loads(path.read_text("utf-8"))
        return [{"Name": one["Name"], "Regex": one["Regex"]} for one in read]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EstimatorError(
            f'{path}: cannot be read as a list of {{"Name", "Regex"}} ({error}): mend it, or pass '
            "metric_definitions="
        ) from error
