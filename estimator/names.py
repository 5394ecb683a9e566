"""Names of jobs and endpoints, unique by their time as the SDK's are."""

import re
import threading
from datetime import UTC, datetime, timedelta

_LONGEST, _LONGEST_OF_TUNING = 63, 32
_MILLISECOND, _SECOND = timedelta(milliseconds=1), timedelta(seconds=1)
_lock = threading.Lock()
_last: dict[timedelta, datetime] = {}


def timestamped(base: str) -> str:
    """Return `base` with the time, to the millisecond, in at most 63 characters."""
    moment = _moment(_MILLISECOND)
    stamp = f"{moment:%Y-%m-%d-%H-%M-%S}-{moment.microsecond // 1000:03d}"
    return f"{base[: _LONGEST - len(stamp) - 1].rstrip('-')}-{stamp}"


def timestamped_short(base: str) -> str:
    """Return `base` with the time, to the second, in at most 32 characters: a tuning job's name."""
    stamp = f"{_moment(_SECOND):%y%m%d-%H%M%S}"
    return f"{base[: _LONGEST_OF_TUNING - len(stamp) - 1].rstrip('-')}-{stamp}"


def default_base(*parts: object) -> str:
    """Return a name made of those parts that are there, with what SageMaker takes in names."""
    text = "-".join(str(part) for part in ("rl", *parts) if part)
    return re.sub(r"[^a-zA-Z0-9]+", "-", text).strip("-")


def _moment(unit: timedelta) -> datetime:
    """Return the time in whole units, one later than the last at least: threads share names."""
    with _lock:
        now = datetime.now(UTC)
        now -= timedelta(microseconds=now.microsecond % (unit // timedelta(microseconds=1)))
        _last[unit] = max(now, _last[unit] + unit) if unit in _last else now
        return _last[unit]
