"""Two requests, field by field, and the list of the differences that are meant.

`python tests/estimator/sdk/comparison.py` prints the list as docs/sdks.md has it.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LIST = Path(__file__).with_name("differences.toml")
_TIME = re.compile(r"\d{4}(-\d\d){5}-\d{3}")
_NAMES = ("ChannelName", "Name", "Key", "InstanceGroupName")


@dataclass(frozen=True, order=True)
class Difference:
    """One field that differs.

    Attributes:
        case: Name of the case.
        field: Dotted path; members of a list go by their name, where they have one.
        kind: `v2 alone`, `here alone` or `value`, if both have it.
    """

    case: str
    field: str
    kind: str


@dataclass(frozen=True)
class Listed:
    """A field whose difference is meant.

    Attributes:
        cases: Names of the cases that show it; empty: all but those of `not_in`.
        reason: Why it is meant.
    """

    field: str
    kind: str
    reason: str
    cases: tuple[str, ...] = ()
    not_in: tuple[str, ...] = ()


def compare(case: str, v2: Any, here: Any, path: str = "") -> set[Difference]:
    """Return the fields in which two requests differ; what one lacks is not looked into."""
    theirs, ours = _members(v2), _members(here)
    if not theirs or not ours:
        return set() if _plain(v2) == _plain(here) else {Difference(case, path, "value")}
    found = set()
    for name in theirs.keys() | ours.keys():
        field = f"{path}.{name}" if path else name
        if name not in ours:
            found.add(Difference(case, field, "v2 alone"))
        elif name not in theirs:
            found.add(Difference(case, field, "here alone"))
        else:
            found |= compare(case, theirs[name], ours[name], field)
    return found


def _members(value: Any) -> Mapping[str, Any]:
    if isinstance(value, list):
        return {_name(one, number): one for number, one in enumerate(value)}
    return value if isinstance(value, Mapping) else {}


def _plain(value: Any) -> Any:
    """Return a value without the time that names are made unique with."""
    return _TIME.sub("TIME", value) if isinstance(value, str) else value


def _name(member: Any, number: int) -> str:
    """Return what a member of a list is called: its place, with its name where it has one."""
    names = [str(member[key]) for key in _NAMES if isinstance(member, Mapping) and key in member]
    return f"[{number} {names[0]}]" if names else f"[{number}]"


def listed(path: Path = _LIST) -> list[Listed]:
    """Read the list."""
    document = tomllib.loads(path.read_text("utf-8"))
    return [
        Listed(**{key: tuple(one) if isinstance(one, list) else one for key, one in entry.items()})
        for entry in document["difference"]
    ]


def expected(cases: Iterable[str]) -> set[Difference]:
    """Return every difference that the list names, of all these cases."""
    names = set(cases)
    found = set()
    for one in listed():
        unknown = {*one.cases, *one.not_in} - names
        assert not unknown, f"{one.field}: no case is called {unknown}"
        where = set(one.cases) or names - set(one.not_in)
        found |= {Difference(case, one.field, one.kind) for case in where}
    return found


def table() -> str:
    """Return the list as a table of Markdown."""
    rows = ["| field | in which | why |", "|---|---|---|"]
    rows += [f"| `{one.field}` | {one.kind} | {one.reason} |" for one in listed()]
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
