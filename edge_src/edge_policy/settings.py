"""The component's configuration: checked key by key; what is wrong leaves the value before it.

Its form is that of `configuration.json`, the recipe's DefaultConfiguration. Keys of older versions
survive an upgrade, so an unknown key is reported and otherwise ignored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from .runtimes import RUNTIMES

# Checks a guard setting, name and value, with a ValueError that says what is wrong.
CheckGuard = Callable[[str, object], None]


@dataclass(frozen=True)
class Settings:
    """What can be set, by deployment or while the component runs.

    Attributes:
        state: local topic that states come in on.
        decision: local topic that answers go out on.
        telemetry: topic of AWS IoT Core that telemetry goes out on.
        command: topic of AWS IoT Core that states come in on, too; empty: none.
        guard: settings of the guard rails in place of the artifact's.
        runtime: what computes the network, see `runtimes`.
        interval_seconds: between two summaries.
        spool_megabytes: of telemetry that wait on disk at most.
        crash_limit, good_decisions: see `models.Models`.
    """

    state: str = "autoscaling/state"
    decision: str = "autoscaling/decision"
    telemetry: str = ""
    command: str = ""
    guard: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    runtime: str = "numpy"
    interval_seconds: int = 300
    spool_megabytes: int = 8
    crash_limit: int = 2
    good_decisions: int = 30


# Section and key in the configuration, field, and bounds of a number.
_FIELDS: tuple[tuple[str, str, str, tuple[int, int] | None], ...] = (
    ("Topics", "state", "state", None),
    ("Topics", "decision", "decision", None),
    ("Topics", "telemetry", "telemetry", None),
    ("Topics", "command", "command", None),
    ("Telemetry", "interval_seconds", "interval_seconds", (1, 86_400)),
    ("Telemetry", "spool_megabytes", "spool_megabytes", (1, 1024)),
    ("Models", "crash_limit", "crash_limit", (1, 100)),
    ("Models", "good_decisions", "good_decisions", (1, 100_000)),
)
_SECTIONS = ("Topics", "Telemetry", "Models", "Guard")
_KNOWN = {*_SECTIONS, "Runtime", "accessControl"}


def merged(
    settings: Settings,
    given: Mapping[str, Any],
    *,
    check_guard: CheckGuard,
    thing_name: str = "",
) -> tuple[Settings, list[str]]:
    """Return the settings changed by a configuration, and a line for each key that is wrong.

    Args:
        settings: of before; what the configuration leaves out stays, but for the guard's.
        given: the whole configuration of the component.
        check_guard: see `CheckGuard`.
        thing_name: takes the place of `{iot:thingName}` in topics.
    """
    sections, problems = _sections(given)
    values: dict[str, Any] = {}
    for section, key, target, bounds in _FIELDS:
        if key in sections[section]:
            try:
                values[target] = _checked(sections[section][key], bounds, thing_name, key)
            except ValueError as error:
                problems.append(f"{section}.{key}: {error}")
    runtime = given.get("Runtime", settings.runtime)
    if runtime in RUNTIMES:
        values["runtime"] = runtime
    else:
        problems.append(f"Runtime: must be one of {', '.join(RUNTIMES)}")
    if isinstance(given.get("Guard"), Mapping):
        values["guard"] = _guard(settings.guard, sections["Guard"], check_guard, problems)
    return replace(settings, **values), problems


def _sections(given: Mapping[str, Any]) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
    """Return the sections of a configuration, and a line for what is no known part of one."""
    problems = [f"{key}: unknown" for key in given if key not in _KNOWN]
    sections: dict[str, Mapping[str, Any]] = {}
    for name in _SECTIONS:
        section = given.get(name, {})
        if not isinstance(section, Mapping):
            problems.append(f"{name}: must be an object")
        sections[name] = section if isinstance(section, Mapping) else {}
    known = {(section, key) for section, key, _, _ in _FIELDS}
    for name in ("Topics", "Telemetry", "Models"):
        problems += [f"{name}.{key}: unknown" for key in sections[name] if (name, key) not in known]
    return sections, problems


def _checked(value: object, bounds: tuple[int, int] | None, thing: str, key: str) -> int | str:
    if bounds is None:
        return _topic(value, thing, optional=key in ("command", "telemetry"))
    low, high = bounds
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a whole number from {low} to {high}")
    if not low <= value <= high or value != int(value):
        raise ValueError(f"must be a whole number from {low} to {high}")
    return int(value)


def _topic(value: object, thing: str, *, optional: bool) -> str:
    if not isinstance(value, str) or not (value or optional) or len(value.encode()) > 256:
        raise ValueError("must be a topic of 1 to 256 bytes")
    topic = value.replace("{iot:thingName}", thing)
    if any(character in topic for character in "+#\0{}"):
        raise ValueError("must be a topic without wildcards and placeholders")
    return topic


def _guard(
    before: Mapping[str, Any],
    given: Mapping[str, Any],
    check: CheckGuard,
    problems: list[str],
) -> Mapping[str, Any]:
    """Return the guard's settings: those given, and of before where what is given is wrong."""
    kept: dict[str, Any] = {}
    for name, value in given.items():
        try:
            check(name, value)
        except ValueError as error:
            problems.append(f"Guard.{name}: {error}")
            if name in before:
                kept[name] = before[name]
        else:
            kept[name] = value
    return MappingProxyType(kept)


_REACTIVE = {
    "reactive_target": (0.05, 1.0),
    "reactive_minutes": (1, 1440),
    "stale_minutes": (1, 1440),
}


def check_reactive(name: str, value: object) -> None:
    """Check a guard setting where no model's code can: those that the reactive rule has.

    Raises:
        ValueError: with what is wrong.
    """
    if name not in _REACTIVE:
        return  # the next model's code says
    low, high = _REACTIVE[name]
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    if not numeric or not low <= value <= high:  # type: ignore[operator]
        raise ValueError(f"must be a number from {low:g} to {high:g}")
