"""Names of jobs and endpoints, unique by their time as the SDK's are."""

import re
import threading
from datetime import UTC, datetime, timedelta

_LONGEST = 63
_lock = threading.Lock()
_last = datetime.min.replace(tzinfo=UTC)


def timestamped(base: str) -> str:
    """Return `base` with the time, to the millisecond, in at most 63 characters."""
    moment = _moment()
    stamp = f"{moment:%Y-%m-%d-%H-%M-%S}-{moment.microsecond // 1000:03d}"
    return f"{base[: _LONGEST - len(stamp) - 1].rstrip('-')}-{stamp}"


def default_base(*parts: object) -> str:
    """Return a name made of those parts that are there, with what SageMaker takes in names."""
    text = "-".join(str(part) for part in ("rl", *parts) if part)
    return re.sub(r"[^a-zA-Z0-9]+", "-", text).strip("-")


def _moment() -> datetime:
    """Return the time, a millisecond later than the one before at least: threads share names."""
    global _last
    with _lock:
        now = datetime.now(UTC)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        _last = max(now, _last + timedelta(milliseconds=1))
        return _last
