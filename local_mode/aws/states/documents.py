"""Answers of AWS as Step Functions hands them on: JSON, so times cannot stay times."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any


def milliseconds(moment: datetime) -> int:
    """Return a time as optimised integrations write it."""
    return int(moment.timestamp() * 1000)


def iso_text(moment: datetime) -> str:
    """Return a time as `aws-sdk` integrations write it."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def with_times(value: object, convert: Callable[[datetime], object]) -> Any:  # noqa: ANN401
    """Return a copy of an answer, any JSON but for its times, with those converted."""
    if isinstance(value, dict):
        return {key: with_times(item, convert) for key, item in value.items()}
    if isinstance(value, list):
        return [with_times(item, convert) for item in value]
    return convert(value) if isinstance(value, datetime) else value
