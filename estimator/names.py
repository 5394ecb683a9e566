"""Names of jobs and endpoints, unique by their time as the SDK's are."""

import re
from datetime import UTC, datetime

_LONGEST = 63


def timestamped(base: str) -> str:
    """Return `base` with the time, to the millisecond, in at most 63 characters."""
    moment = datetime.now(UTC)
    stamp = f"{moment:%Y-%m-%d-%H-%M-%S}-{moment.microsecond // 1000:03d}"
    return f"{base[: _LONGEST - len(stamp) - 1].rstrip('-')}-{stamp}"


def default_base(*parts: object) -> str:
    """Return a name made of those parts that are there, with what SageMaker takes in names."""
    text = "-".join(str(part) for part in ("rl", *parts) if part)
    return re.sub(r"[^a-zA-Z0-9]+", "-", text).strip("-")
