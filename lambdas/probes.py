"""The questions of the smoke test, and what a right answer to them looks like."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lambdas.errors import SmokeTestFailed
from lambdas.validation import shown

GOLDEN_ROWS = 64
LARGEST_QUESTION = 2 << 20
"""Bytes of golden observations in one question: the endpoint takes 6 MB, a serverless one 4."""

CAPACITY = 250.0
"""Requests that a machine serves in a minute, in the states made here."""

_MINUTES_OF_DAY = 1440
_SIZES = ((90, 2, 0), (_MINUTES_OF_DAY, 20, 0), (3 * _MINUTES_OF_DAY, 200, 260))
"""Minutes of load, mean machines and max_machines (0: no limit) of the states."""

USUAL = 1
"""Which of the states is shown to people."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What the endpoint is asked to decide from (contracts, section 7).

    Loads are in requests per minute, oldest first; `pending` lists the machines that join in 1,
    2, ... minutes; `max_machines` 0 is no limit.
    """

    timestamp: str
    load: tuple[float, ...]
    failed: tuple[float, ...]
    active: int
    pending: tuple[int, ...]
    capacity: float
    warmup_minutes: int
    failure_price: float
    min_machines: int
    max_machines: int
    memory: None = None

    def machines(self) -> int:
        """Count the machines that are billed: those in service and those on their way."""
        return self.active + sum(self.pending)


@dataclass(frozen=True)
class Decision:
    """Machines added or removed, and machines then billed."""

    action: int
    desired: int


def states() -> list[State]:
    """Make states of a small, a usual and a large fleet.

    Returns:
        States whose load swings by half over the day, without failures, with a machine on its way.
    """
    return [_state(minutes, machines, most) for minutes, machines, most in _SIZES]


def _state(minutes: int, machines: int, most: int) -> State:
    day = [1 + 0.5 * math.sin(2 * math.pi * t / _MINUTES_OF_DAY) for t in range(minutes)]
    return State(
        timestamp="2026-01-05T12:00:00Z",
        # On average 70 % of what the machines in service can do, a usual target.
        load=tuple(round(0.7 * machines * CAPACITY * factor, 3) for factor in day),
        failed=(0.0,) * minutes,
        active=machines,
        pending=(0, 1, 0, 0, 0),
        capacity=CAPACITY,
        warmup_minutes=5,
        failure_price=20.0,
        min_machines=1,
        max_machines=most,
    )


def parts(rows: Sequence[object]) -> Iterator[slice]:
    """Yield which rows to ask at a time: as many as a question takes, at least one."""
    widest = max(len(json.dumps(row)) for row in rows)
    step = max(1, LARGEST_QUESTION // (widest + len(", ")))
    for first in range(0, len(rows), step):
        yield slice(first, first + step)


def check_golden(
    answer: Mapping[str, object], expected: Sequence[object], *, first: int = 0
) -> list[object]:
    """Compare the answer with the actions that the artifact recorded.

    Whole numbers must be equal. Others may differ as much as between two processors, which add up
    in another order: by 1e-4 of their size, or 1e-5.

    Args:
        answer: The answer to some golden observations.
        expected: The actions recorded for these.
        first: The number of the first of them in the artifact.

    Returns:
        The actions.

    Raises:
        SmokeTestFailed: Names the first observation that is answered otherwise.
    """
    actions = _answers(answer, "actions", len(expected))
    for row, (action, wanted) in enumerate(zip(actions, expected, strict=True), first):
        if not _same(action, wanted):
            raise SmokeTestFailed(
                f"golden observation {row} was answered with {shown(action)} "
                f"instead of {shown(wanted)}"
            )
    return actions


def _same(action: object, wanted: object) -> bool:
    if isinstance(wanted, list):
        if not isinstance(action, list) or len(action) != len(wanted):
            return False
        return all(_same(*pair) for pair in zip(action, wanted, strict=True))
    if isinstance(action, bool) or not isinstance(action, int | float):
        return False
    if isinstance(wanted, float):
        return math.isclose(action, wanted, rel_tol=1e-4, abs_tol=1e-5)
    return action == wanted


def check_states(answer: Mapping[str, object], asked: Sequence[State]) -> list[Decision]:
    """See that each decision is a whole number of machines within its state's bounds.

    Returns:
        The decisions.

    Raises:
        SmokeTestFailed: Names the state and what is wrong with its decision.
    """
    actions = _whole_numbers(answer, "actions", len(asked))
    desired = _whole_numbers(answer, "desired", len(asked))
    for row, (state, action, wish) in enumerate(zip(asked, actions, desired, strict=True)):
        least, most = state.min_machines, state.max_machines or math.inf
        if not least <= wish <= most:
            raise SmokeTestFailed(f"desired[{row}] is {wish}, not within {least} and {most}")
        if wish - state.machines() != action:
            raise SmokeTestFailed(
                f"actions[{row}] is {action}, though desired is {wish} and "
                f"{state.machines()} machines are there"
            )
    return [Decision(*pair) for pair in zip(actions, desired, strict=True)]


def _whole_numbers(answer: Mapping[str, object], name: str, count: int) -> list[int]:
    numbers = []
    for row, value in enumerate(_answers(answer, name, count)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise SmokeTestFailed(f"{name}[{row}] is {shown(value)}, not a whole number")
        numbers.append(value)
    return numbers


def _answers(answer: Mapping[str, object], name: str, count: int) -> list[object]:
    values = answer.get(name)
    if not isinstance(values, list) or len(values) != count:
        raise SmokeTestFailed(f"the answer's {name} is {shown(values)}, not a list of {count}")
    return values


def parse_answer(body: bytes) -> dict[str, object]:
    """Read the body of an answer.

    Raises:
        SmokeTestFailed: It is not a JSON object.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SmokeTestFailed(f"the answer is not JSON: {body[:60]!r}") from error
    if not isinstance(answer, dict):
        raise SmokeTestFailed(f"the answer is {shown(answer)}, not a JSON object")
    return answer
