"""States that a controller decides on: parsed from a request, with one clear error for a bad one."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .observation import DAY, LONGEST_WARMUP, WEEK

LONGEST_LOAD = 14 * DAY
KEYS = (
    "timestamp",
    "load",
    "failed",
    "active",
    "pending",
    "capacity",
    "warmup_minutes",
    "failure_price",
    "min_machines",
    "max_machines",
    "memory",
)
_REQUIRED = ("timestamp", "active", "capacity")


class InvalidRequest(Exception):
    """A request that cannot be answered: `code`, `message` and the `field` that is wrong."""

    def __init__(self, message: str, field: str, code: str = "InvalidRequest") -> None:
        """Keep the parts of the error that the answer carries."""
        super().__init__(message)
        self.code, self.message, self.field = code, message, field


@dataclass(frozen=True)
class State:
    """One fleet in the minute to decide for; see section 7 of the contract.

    Attributes:
        minute: the minute to decide for, in minutes since 1970-01-01 UTC.
        load: requests per minute up to the minute before, oldest first, float64.
        failed: failed requests of the last minute.
        active: machines in service.
        pending: machines that join in 1, 2, ... minutes.
        capacity: requests that a machine serves in a minute.
        warmup_minutes: nominal minutes from request to service.
        failure_price: machine-minutes that a failed machine-minute costs.
        min_machines: least number of machines.
        max_machines: largest number of machines; 0 means no limit.
        memory: what an earlier answer returned, or None.
    """

    minute: int
    load: NDArray[np.float64]
    failed: float
    active: int
    pending: tuple[int, ...]
    capacity: float
    warmup_minutes: int = 5
    failure_price: float = 20.0
    min_machines: int = 1
    max_machines: int = 0
    memory: str | None = None

    @property
    def minute_of_week(self) -> int:
        """Minutes since Monday 0:00 UTC."""
        return (self.minute + 3 * DAY) % WEEK  # 1970-01-01 was a Thursday


def parse_state(raw: Any, field: str) -> State:
    """Return the state that `raw`, parsed JSON, describes; `field` names it in errors.

    Raises:
        InvalidRequest: a key is missing, unknown, of the wrong type or out of range.
    """
    if not isinstance(raw, dict):
        raise InvalidRequest("a state must be an object", field)
    for key in raw:
        if key not in KEYS:
            raise InvalidRequest(f"unknown key: known are {', '.join(KEYS)}", f"{field}.{key}")
    for key in _REQUIRED:
        if key not in raw:
            raise InvalidRequest("this key is required", f"{field}.{key}")
    memory = raw.get("memory")
    if memory is not None and not isinstance(memory, str):
        raise InvalidRequest("must be a string of an earlier answer, or null", f"{field}.memory")
    load = _loads(raw.get("load", []), f"{field}.load")
    if load.size == 0 and memory is None:
        raise InvalidRequest("give at least one minute of load", f"{field}.load")
    failed = _loads(raw.get("failed", []), f"{field}.failed")
    state = State(
        minute=_minute(raw["timestamp"], f"{field}.timestamp"),
        load=load,
        failed=float(failed[-1]) if failed.size else 0.0,
        active=_whole(raw["active"], f"{field}.active", 0, 1_000_000),
        pending=_pending(raw.get("pending", []), f"{field}.pending"),
        capacity=_number(raw["capacity"], f"{field}.capacity", 1e-6, 1e12),
        warmup_minutes=_whole(
            raw.get("warmup_minutes", 5), f"{field}.warmup_minutes", 0, LONGEST_WARMUP
        ),
        failure_price=_number(raw.get("failure_price", 20), f"{field}.failure_price", 0.01, 1e6),
        min_machines=_whole(raw.get("min_machines", 1), f"{field}.min_machines", 0, 1_000_000),
        max_machines=_whole(raw.get("max_machines", 0), f"{field}.max_machines", 0, 1_000_000),
        memory=memory,
    )
    if 0 < state.max_machines < state.min_machines:
        raise InvalidRequest("must be 0 or at least min_machines", f"{field}.max_machines")
    return state


def _number(value: Any, field: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest("must be a number", field)
    if not low <= value <= high:  # also refuses NaN
        raise InvalidRequest(f"must be {low:g} to {high:g}", field)
    return float(value)


def _whole(value: Any, field: str, low: int, high: int) -> int:
    number = _number(value, field, low, high)
    if number != math.floor(number):
        raise InvalidRequest("must be a whole number", field)
    return int(number)


def _minute(value: Any, field: str) -> int:
    if not isinstance(value, str):
        raise InvalidRequest("must be an ISO 8601 time such as 2026-01-31T12:00Z", field)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidRequest(
            "must be an ISO 8601 time such as 2026-01-31T12:00Z", field
        ) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return math.floor(moment.timestamp() / 60)


def _loads(value: Any, field: str) -> NDArray[np.float64]:
    if not isinstance(value, list):
        raise InvalidRequest("must be a list of numbers, oldest first", field)
    if len(value) > LONGEST_LOAD:
        raise InvalidRequest(f"must hold at most {LONGEST_LOAD} minutes (14 days)", field)
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in value):
        raise InvalidRequest("must be a list of numbers, oldest first", field)
    try:
        loads = np.array(value, np.float64)
    except OverflowError:
        raise InvalidRequest("must be 0 to 1e12 requests per minute", field) from None
    wrong = np.flatnonzero(~((loads >= 0) & (loads <= 1e12)))
    if wrong.size:
        raise InvalidRequest("must be 0 to 1e12 requests per minute", f"{field}[{wrong[0]}]")
    return loads


def _pending(value: Any, field: str) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > DAY:
        raise InvalidRequest("must be a list: machines that join in 1, 2, ... minutes", field)
    return tuple(
        _whole(each, f"{field}[{index}]", 0, 1_000_000) for index, each in enumerate(value)
    )
