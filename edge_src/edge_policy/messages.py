"""Messages of states and decisions, the same over local topics and AWS IoT Core.

A state is the object that the endpoint takes, for one fleet, with an optional "id":

    {"id": "7", "timestamp": "2026-01-31T12:00Z", "load": [5000, null, 5100], "active": 12,
     "pending": [0, 2], "capacity": 250, "warmup_minutes": 5, ...}

Its load needs to hold the minutes since the last message alone; more does no harm. A model that
decides on observations takes {"id": "7", "observations": [[...], ...]} instead.
"""

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from .timeline import LONGEST, Load

MOST_BYTES = 1 << 20
LARGEST_LOAD = 1e12  # requests per minute
LARGEST_FLEET = 1_000_000
FEW = 10  # minutes, which are checked faster one by one
_KINDS = {int, float, type(None)}
LONGEST_FIELD, LONGEST_REASON = 100, 500  # characters of what is answered to a wrong message
LONGEST_DELAY = 60  # minutes; the same bound as the artifact's code has


class Refused(Exception):
    """A message that cannot be answered with a decision; see `body`."""

    def __init__(self, message: str, where: str | None, code: str = "InvalidRequest") -> None:
        """Say what is wrong, and in which field, if in one."""
        super().__init__(message)
        self.code, self.message, self.where = code, message, where

    def body(self) -> dict[str, Any]:
        """Return what is answered: short, since nucleus lite ends a connection over a long one."""
        where = self.where and self.where[:LONGEST_FIELD]
        return {"code": self.code, "message": self.message[:LONGEST_REASON], "field": where}


@dataclass(frozen=True)
class Message:
    """A state to decide for.

    Attributes:
        id: what the answer carries, too; None without one.
        state: the object itself, without id and memory.
        minute: after the last one whose load it may tell, in minutes since 1970-01-01 UTC.
        decided: the minute to decide for: later, if metrics come late.
        load: requests per minute up to `minute`, NaN where null.
        fleet: machines in service and on their way.
        capacity: requests that a machine serves in a minute.
        least, most: limits of the fleet; most 0 is none.
        observations: rows for a model that decides on observations; then the rest is empty.
    """

    id: str | int | None
    state: dict[str, Any]
    minute: int = 0
    decided: int = 0
    load: Load = field(default_factory=lambda: np.zeros(0))
    fleet: int = 0
    capacity: float = 1.0
    least: int = 1
    most: int = 0
    observations: object = None


def parse(payload: bytes) -> Message:
    """Return the message in a payload; the model's code checks what is left to check.

    Raises:
        Refused: it is no state. The attribute `id` is set if one could be read.
    """
    if len(payload) > MOST_BYTES:
        raise Refused(f"a message has at most {MOST_BYTES >> 20} MB", None, "TooLarge")
    try:
        raw = json.loads(payload)
    except (ValueError, RecursionError):
        raise Refused("is no JSON", None) from None
    if not isinstance(raw, dict):
        raise Refused("must be an object: a state, and an id", None)
    name = raw.pop("id", None)
    if isinstance(name, float) and name.is_integer():
        name = int(name)  # the Java nucleus makes every number of a JSON message a float
    if not (name is None or (isinstance(name, str | int) and len(str(name)) <= 256)):
        raise Refused("must be a text or a whole number of at most 256 characters", "id")
    try:
        return _observations(name, raw) if "observations" in raw else _state(name, raw)
    except Refused as refused:
        refused.id = name  # type: ignore[attr-defined]
        raise


def _observations(name: str | int | None, raw: dict[str, Any]) -> Message:
    if len(raw) > 1:
        raise Refused("give either a state or observations", "observations")
    return Message(name, {}, observations=raw["observations"])


def _state(name: str | int | None, raw: dict[str, Any]) -> Message:
    raw.pop("memory", None)  # the component keeps its own
    for key in ("timestamp", "active", "capacity"):
        if key not in raw:
            raise Refused("this key is required", key)
    delay = _whole(raw.get("metric_delay_minutes", 0), "metric_delay_minutes", LONGEST_DELAY)
    decided = _minute(raw["timestamp"])
    pending = raw.get("pending", [])
    if not isinstance(pending, list):
        raise Refused("must be a list: machines that join in 1, 2, ... minutes", "pending")
    return Message(
        name,
        raw,
        minute=decided - delay,
        decided=decided,
        load=_load(raw.get("load", [])),
        fleet=_whole(raw["active"], "active")
        + sum(_whole(each, f"pending[{place}]") for place, each in enumerate(pending)),
        capacity=_number(raw["capacity"], "capacity", 1e-6, 1e12),
        least=_whole(raw.get("min_machines", 1), "min_machines"),
        most=_whole(raw.get("max_machines", 0), "max_machines"),
    )


def _minute(value: object) -> int:
    try:
        moment = datetime.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise Refused("must be an ISO 8601 time such as 2026-01-31T12:00Z", "timestamp") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if not 1970 < moment.year < 9999:  # the same bounds as the artifact's code has
        raise Refused("must be a time in the years 1971 to 9998", "timestamp")
    return math.floor(moment.timestamp() / 60)


def _load(value: object) -> Load:
    if not isinstance(value, list) or len(value) > LONGEST:
        raise Refused(f"must be a list of at most {LONGEST} minutes, oldest first", "load")
    if not set(map(type, value)) <= _KINDS:
        raise Refused("must hold numbers, and null for a missing minute", "load")
    if len(value) <= FEW and all(each is not None and 0 <= each <= LARGEST_LOAD for each in value):
        return np.array(value, np.float64)  # what is told every minute takes no more than that
    try:
        load = np.array(value, np.float64)
    except OverflowError:
        load = np.full(len(value), np.inf)
    missing = np.isnan(load)
    if np.count_nonzero(missing) != value.count(None):
        raise Refused("must hold numbers, and null for a missing minute", "load")
    if not (missing | ((load >= 0) & (load <= LARGEST_LOAD))).all():
        raise Refused(f"must hold 0 to {LARGEST_LOAD:g} requests per minute", "load")
    return load


def _number(value: object, where: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("must be a number", where)
    if not low <= value <= high:  # also refuses NaN
        raise Refused(f"must be {low:g} to {high:g}", where)
    return float(value)


def _whole(value: object, where: str, most: int = LARGEST_FLEET) -> int:
    if type(value) is int and 0 <= value <= most:  # nearly always
        return value
    number = _number(value, where, 0, most)
    if number != math.floor(number):
        raise Refused("must be a whole number", where)
    return int(number)
