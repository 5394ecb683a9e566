"""Ticks of time: minutes of a window as days and hours."""

from collections.abc import Iterator
from datetime import timedelta

from autoscaling_rl.baselines.window import DAY
from autoscaling_rl.report.example import Example

WEEK = 7 * DAY
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
STEPS = (5, 10, 15, 30, 60, 120, 180, 360, 720, DAY, 2 * DAY, WEEK, 2 * WEEK, 8 * WEEK, 52 * WEEK)


def time_ticks(example: Example, first: int, last: int, count: int = 8) -> list[tuple[float, str]]:
    """Return ticks for the minutes from `first` to `last` of a window, at round times.

    Times are of the clock if the window's start is known, else since the start.
    """
    fits = (step for step in STEPS if (last - first) / step <= count)
    step = next(fits, STEPS[-1] * -(-(last - first) // (count * STEPS[-1])))
    offset = _offset(example)
    rounded = -(-(first + offset) // step) * step - offset
    if step >= DAY:
        return [(float(minute), _day(example, minute)) for minute in range(rounded, last + 1, step)]
    return list(_hours(example, range(rounded, last + 1, step), offset))


def moment(example: Example, minute: int) -> str:
    """Return when a minute of a window is, in words."""
    time = (minute + _offset(example)) % DAY
    return f"{_day(example, minute)}, {time // 60:02d}:{time % 60:02d}"


def _offset(example: Example) -> int:
    """Return minutes since midnight at the window's start; 0 if unknown."""
    if example.start is not None:
        return example.start.hour * 60 + example.start.minute
    return (example.minute_of_week or 0) % DAY


def _day(example: Example, minute: int) -> str:
    if example.start is not None:
        time = example.start + timedelta(minutes=minute)
        return f"{time:%a} {time.day} {time:%b}"
    if example.minute_of_week is not None:
        return DAYS[(example.minute_of_week + minute) // DAY % 7]
    return f"day {minute // DAY + 1}"


def _hours(example: Example, minutes: range, offset: int) -> Iterator[tuple[float, str]]:
    day = None
    for minute in minutes:
        time = (minute + offset) % DAY
        text = f"{time // 60:02d}:{time % 60:02d}"
        if _day(example, minute) != day:
            day = _day(example, minute)
            text = f"{day}, {text}"
        yield float(minute), text
