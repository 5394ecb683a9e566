"""States that a controller decides on: parsed from a request, with one clear error if it is bad."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .guard import NEVER
from .observation import DAY, LONGEST_WARMUP, WEEK

LONGEST_LOAD = 14 * DAY
LARGEST_LOAD = 1e12  # requests per minute
LARGEST_FLEET = 1_000_000
MOST_BOOTS = 1024
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
    "boot_minutes",
    "launch_failure_rate",
    "metric_delay_minutes",
    "change_price",
    "minimum_billed_minutes",
    "minutes_since_added",
    "minutes_since_removed",
)
_KEYS = frozenset(KEYS)
_REQUIRED = ("timestamp", "active", "capacity")
_Reader = Callable[[object, str], Any]  # of a value and the name of its field


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
        minute: the minute after the last one whose load is known, in minutes since 1970-01-01 UTC:
            the minute to decide for, less the delay of the metrics.
        load: requests per minute up to the minute before, oldest first, float64; NaN where a
            minute is missing (null in the request).
        failed: failed requests of the last minute.
        active: machines in service.
        pending: machines that join in 1, 2, ... minutes.
        capacity: requests that a machine serves in a minute.
        warmup_minutes: nominal minutes from request to service.
        failure_price: machine-minutes that a failed machine-minute costs.
        min_machines: least number of machines.
        max_machines: largest number of machines; 0 means no limit.
        memory: what an earlier answer returned, or None.
        boot_minutes: equally likely minutes from request to service, such as those measured lately;
            empty: `warmup_minutes`, always.
        launch_failure_rate: probability that a machine asked for never joins.
        metric_delay_minutes: minutes that the load comes late.
        change_price: machine-minutes that adding or removing a machine costs; None: as the model
            was trained.
        minimum_billed_minutes: minutes that a machine is billed for at least; None: likewise.
        since_added: minutes since machines were last added, for the guard's cool-downs.
        since_removed: minutes since machines were last removed.
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
    boot_minutes: tuple[float, ...] = ()
    launch_failure_rate: float = 0.0
    metric_delay_minutes: int = 0
    change_price: float | None = None
    minimum_billed_minutes: int | None = None
    since_added: int = NEVER
    since_removed: int = NEVER

    @property
    def decided_minute(self) -> int:
        """The minute to decide for."""
        return self.minute + self.metric_delay_minutes

    @property
    def minute_of_week(self) -> int:
        """Minutes since Monday 0:00 UTC."""
        return (self.minute + 3 * DAY) % WEEK  # 1970-01-01 was a Thursday


def parse_state(raw: object, field: str) -> State:
    """Return the state that `raw`, parsed JSON, describes; `field` names it in errors.

    Raises:
        InvalidRequest: a key is missing, unknown, of the wrong type or out of range.
    """
    given = _keyed(raw, field)
    memory = given.get("memory")
    if memory is not None and not isinstance(memory, str):
        raise InvalidRequest("must be a string of an earlier answer, or null", f"{field}.memory")
    load = _loads(given.get("load", []), f"{field}.load")
    if memory is None and (not load.size or np.isnan(load).all()):
        raise InvalidRequest("give at least one minute of load", f"{field}.load")
    failed = _loads(given.get("failed", []), f"{field}.failed")
    if failed.size not in (0, load.size):
        raise InvalidRequest(
            f"must hold the minutes of load: {load.size}, not {failed.size}", f"{field}.failed"
        )
    # What is not given is not looked at: most states name a few of the keys.
    read = {
        name: reader(given[key], f"{field}.{key}")
        for key, (name, reader) in _READERS.items()
        if key in given
    }
    read["minute"] -= read.get("metric_delay_minutes", 0)
    if boots := read.get("boot_minutes"):
        read.setdefault("warmup_minutes", math.ceil(sorted(boots)[len(boots) // 2]))
    state = State(
        load=load,
        failed=float(np.nan_to_num(failed[-1])) if failed.size else 0.0,
        memory=memory,
        **{"pending": (), **read},
    )
    if state.active + sum(state.pending) > LARGEST_FLEET:
        raise InvalidRequest(
            f"active and pending must be at most {LARGEST_FLEET} machines", f"{field}.pending"
        )
    if 0 < state.max_machines < state.min_machines:
        raise InvalidRequest("must be 0 or at least min_machines", f"{field}.max_machines")
    return state


def _keyed(raw: object, field: str) -> dict[str, Any]:
    """Return `raw` if it is an object with the right keys."""
    if not isinstance(raw, dict):
        raise InvalidRequest("a state must be an object", field)
    if not raw.keys() <= _KEYS:
        key = next(key for key in raw if key not in _KEYS)
        raise InvalidRequest(f"unknown key: known are {', '.join(KEYS)}", f"{field}.{key}")
    for key in _REQUIRED:
        if key not in raw:
            raise InvalidRequest("this key is required", f"{field}.{key}")
    return raw


def _number(value: object, field: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest("must be a number", field)
    if not low <= value <= high:  # also refuses NaN
        raise InvalidRequest(f"must be {low:g} to {high:g}", field)
    return float(value)


def _whole(value: object, field: str, low: int, high: int) -> int:
    if type(value) is int and low <= value <= high:  # nearly always
        return value
    number = _number(value, field, low, high)
    if number != math.floor(number):
        raise InvalidRequest("must be a whole number", field)
    return int(number)


def _minute(value: object, field: str) -> int:
    if not isinstance(value, str):
        raise InvalidRequest("must be an ISO 8601 time such as 2026-01-31T12:00Z", field)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidRequest("must be an ISO 8601 time such as 2026-01-31T12:00Z", field) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if not 1970 < moment.year < 9999:
        raise InvalidRequest("must be a time in the years 1971 to 9998", field)
    return math.floor(moment.timestamp() / 60)


def numbers_alone(values: list[Any]) -> bool:
    """Return whether a list holds integers and floats alone; booleans are none."""
    types = list(map(type, values))  # as JSON is parsed
    # Nearly always all are floats, which counting tells sooner than a set.
    return types.count(float) == len(types) or set(types) <= _NUMBERS


_NUMBERS = {int, float}


def valid_load(loads: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of `loads` are possible requests per minute; NaN is not."""
    return (loads >= 0) & (loads <= LARGEST_LOAD)


def _loads(value: object, field: str) -> NDArray[np.float64]:
    listed = value if isinstance(value, list) else [""]
    if not listed:
        return np.zeros(0)
    missing = None in listed
    if not numbers_alone([each for each in listed if each is not None] if missing else listed):
        raise InvalidRequest("must be a list of numbers (null: missing), oldest first", field)
    if len(listed) > LONGEST_LOAD:
        raise InvalidRequest(f"must hold at most {LONGEST_LOAD} minutes (14 days)", field)
    range_text = f"must be 0 to {LARGEST_LOAD:g} requests per minute, or null"
    try:
        loads = np.array(listed, np.float64)  # null becomes NaN
    except OverflowError:
        raise InvalidRequest(range_text, field) from None
    for place in np.flatnonzero(~valid_load(loads)):
        if listed[place] is not None:
            raise InvalidRequest(range_text, f"{field}[{place}]")
    return loads


def _pending(value: object, field: str) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > DAY:
        raise InvalidRequest("must be a list: machines that join in 1, 2, ... minutes", field)
    return tuple(
        _whole(each, f"{field}[{index}]", 0, LARGEST_FLEET) for index, each in enumerate(value)
    )


def _boots(value: object, field: str) -> tuple[float, ...]:
    if not isinstance(value, list) or len(value) > MOST_BOOTS:
        raise InvalidRequest(f"must be a list of at most {MOST_BOOTS} boot times in minutes", field)
    return tuple(
        _number(each, f"{field}[{index}]", 0, LONGEST_WARMUP) for index, each in enumerate(value)
    )


def _numbered(low: float, high: float) -> _Reader:
    return lambda value, field: _number(value, field, low, high)


def _counted(low: int, high: int) -> _Reader:
    return lambda value, field: _whole(value, field, low, high)


def _or_null(reader: _Reader, missing: int | None = None) -> _Reader:
    return lambda value, field: missing if value is None else reader(value, field)


# The attribute that a key is, and what reads it, in the order in which mistakes are told.
_READERS: dict[str, tuple[str, _Reader]] = {
    "boot_minutes": ("boot_minutes", _boots),
    "metric_delay_minutes": ("metric_delay_minutes", _counted(0, LONGEST_WARMUP)),
    "timestamp": ("minute", _minute),
    "active": ("active", _counted(0, LARGEST_FLEET)),
    "pending": ("pending", _pending),
    "capacity": ("capacity", _numbered(1e-6, 1e12)),
    "warmup_minutes": ("warmup_minutes", _counted(0, LONGEST_WARMUP)),
    "failure_price": ("failure_price", _numbered(0.01, 1e6)),
    "min_machines": ("min_machines", _counted(0, LARGEST_FLEET)),
    "max_machines": ("max_machines", _counted(0, LARGEST_FLEET)),
    "launch_failure_rate": ("launch_failure_rate", _numbered(0.0, 0.9)),
    "change_price": ("change_price", _or_null(_numbered(0, 1e6))),
    "minimum_billed_minutes": ("minimum_billed_minutes", _or_null(_counted(0, DAY))),
    "minutes_since_added": ("since_added", _or_null(_counted(0, NEVER), NEVER)),
    "minutes_since_removed": ("since_removed", _or_null(_counted(0, NEVER), NEVER)),
}
