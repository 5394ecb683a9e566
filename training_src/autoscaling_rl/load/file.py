"""Load from a CSV file, as a rate per minute.

The file has the header `timestamp,requests`; a row holds the requests counted in the interval that
starts at its timestamp (ISO 8601; an offset is converted to UTC, a time without one is in UTC).
Rows ascend with one constant interval of whole minutes. Missing rows are interpolated up to an
hour, and reported; everything else that is not a clean series is refused with the line.
"""

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.errors import UserError

Bins = Literal["interpolate", "hold"]

HEADER = ["timestamp", "requests"]
LONGEST_GAP = 60  # minutes without rows that are interpolated
LEAST_MINUTES = 2 * 1440
LONGEST_INTERVAL = 1440
MOST_MINUTES = 10 * 366 * 1440
LARGEST = 1e15  # requests in an interval; sums of larger ones would lose whole requests


@dataclass(frozen=True)
class Gap:
    """Missing rows that were interpolated.

    Attributes:
        line: line of the file before which rows are missing.
        start: first missing timestamp.
        minutes: how long nothing was counted.
    """

    line: int
    start: datetime
    minutes: int

    def __str__(self) -> str:
        """Return the gap in words, for a report."""
        return f"line {self.line}: {self.minutes} minutes from {self.start.isoformat()} are missing"


@dataclass(frozen=True)
class Load:
    """A recorded load.

    Attributes:
        start: time of the first minute, UTC.
        interval_minutes: length of the file's intervals.
        minute_rates: requests per minute, finite and not negative, shape (minutes,), float64.
        bins: how intervals became minutes.
        gaps: what was missing and has been interpolated.
    """

    start: datetime
    interval_minutes: int
    minute_rates: NDArray[np.float64]
    bins: Bins
    gaps: tuple[Gap, ...]


def read_load(path: str | Path, *, bins: Bins = "interpolate") -> Load:
    """Read a load file.

    Args:
        path: the CSV file.
        bins: "interpolate": the rate is linear between the middles of the intervals and flat before
            the first and after the last; "hold": each minute has its interval's mean rate.

    Raises:
        UserError: the file cannot be read or is not a clean series; names the line and the remedy.
    """
    rows = list(_rows(Path(path)))
    if len(rows) < 2:
        line = rows[-1].line if rows else 1
        raise UserError(f"{path}: line {line}: fewer than two rows: give at least two days of load")
    interval = _interval(path, rows)
    gaps = tuple(_gaps(path, rows, interval))
    start = rows[0].time
    at = np.array([(row.time - start) // timedelta(minutes=1) for row in rows])
    total = int(at[-1]) + interval
    _check_length(path, rows[-1], total)
    rates = np.array([row.requests for row in rows]) / interval
    places = np.arange(0, total, interval)
    filled = rates if len(places) == len(at) else np.interp(places, at, rates)
    return Load(start, interval, _to_minutes(filled, interval, bins), bins, gaps)


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    time: datetime
    requests: float


def _rows(path: Path) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        _check_header(path, next(reader, None))
        blank = 0
        for cells in reader:
            line = reader.line_num
            if not "".join(cells).strip() and len(cells) < 2:
                blank = blank or line
                continue
            if blank:
                _refuse(path, blank, "the line is blank", "remove it")
            yield _row(path, line, cells)
    except csv.Error as error:
        _refuse(path, reader.line_num, f"this is not CSV ({error})", "write `timestamp,requests`")


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}): check the path") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _refuse(path, line, "this is not UTF-8 text", "save the file as CSV in UTF-8")


def _refuse(path: str | Path, line: int, reason: str, remedy: str) -> NoReturn:
    raise UserError(f"{path}: line {line}: {reason}: {remedy}")


def _check_header(path: Path, cells: list[str] | None) -> None:
    if cells is None:
        _refuse(path, 1, "the file is empty", "give at least two days of load")
    if [cell.strip() for cell in cells] != HEADER:
        found = ",".join(cells)[:60]
        _refuse(path, 1, f"the header is {found!r}", "make the first line `timestamp,requests`")


def _row(path: Path, line: int, cells: list[str]) -> _Row:
    if len(cells) != 2:
        _refuse(path, line, f"{len(cells)} fields instead of 2", "write `timestamp,requests`")
    try:
        time = datetime.fromisoformat(cells[0].strip())
        time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        remedy = "write ISO 8601 in UTC, e.g. 2024-01-31T23:55:00Z"
        _refuse(path, line, f"the timestamp is {cells[0][:40]!r}", remedy)
    if time.second or time.microsecond:
        remedy = "let intervals start on whole minutes, summing requests where they are shorter"
        _refuse(path, line, f"{cells[0][:40]!r} is not on a whole minute", remedy)
    return _Row(line, time, _requests(path, line, cells[1]))


def _requests(path: Path, line: int, cell: str) -> float:
    remedy = "write the requests counted in the interval, zero or more"
    try:
        requests = float(cell)
    except ValueError:
        requests = math.nan
    if not math.isfinite(requests) or "_" in cell:
        _refuse(path, line, f"{cell[:40]!r} is not a number", remedy)
    if requests < 0:
        _refuse(path, line, f"{cell[:40]!r} is negative", remedy)
    if requests > LARGEST:
        _refuse(path, line, f"{cell[:40]!r} is beyond {LARGEST:g}", "count in a larger unit")
    return requests + 0.0  # no negative zero


def _interval(path: str | Path, rows: list[_Row]) -> int:
    """Return the commonest difference of neighbouring timestamps in minutes."""
    counts: dict[timedelta, int] = {}
    for before, row in pairwise(rows):
        step = row.time - before.time
        if step <= timedelta(0):
            word = "a duplicate of" if not step else "earlier than"
            remedy = "sort the rows by time and keep one row for each interval"
            _refuse(path, row.line, f"the timestamp is {word} the one before", remedy)
        counts[step] = counts.get(step, 0) + 1
    interval = max(counts, key=lambda step: (counts[step], -step)) // timedelta(minutes=1)
    if interval > LONGEST_INTERVAL:
        remedy = "give intervals of a day or shorter"
        _refuse(path, rows[1].line, f"the interval is {interval} minutes", remedy)
    return interval


def _gaps(path: str | Path, rows: list[_Row], interval: int) -> Iterator[Gap]:
    step = timedelta(minutes=interval)
    for before, row in pairwise(rows):
        distance = row.time - before.time
        if distance == step:
            continue
        minutes = distance // timedelta(minutes=1)
        if minutes % interval:
            reason = f"{minutes} minutes after the line before, where the interval is {interval}"
            _refuse(path, row.line, reason, "give every row the same interval")
        if minutes - interval > LONGEST_GAP:
            reason = f"{minutes - interval} minutes are missing before it"
            _refuse(path, row.line, reason, f"fill gaps of more than {LONGEST_GAP} minutes")
        yield Gap(row.line, before.time + step, minutes - interval)


def _check_length(path: str | Path, last: _Row, minutes: int) -> None:
    if minutes < LEAST_MINUTES:
        reason = f"the load ends after {minutes // 60} hours and {minutes % 60} minutes"
        _refuse(path, last.line, reason, f"give at least {LEAST_MINUTES // 60} hours")
    if minutes > MOST_MINUTES:
        years = f"{minutes / (1440 * 365.25):.0f}"
        _refuse(path, last.line, f"the load spans {years} years", "give ten years or fewer")


def _to_minutes(rates: NDArray[np.float64], interval: int, bins: Bins) -> NDArray[np.float64]:
    if bins == "hold" or interval == 1:
        return np.repeat(rates, interval)
    middles = (np.arange(len(rates)) + 0.5) * interval
    minutes = np.interp(np.arange(len(rates) * interval) + 0.5, middles, rates)
    return np.asarray(minutes, np.float64)
