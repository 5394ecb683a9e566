"""Which time a message is of: that of what is known, an earlier one, or that of another clock.

A message of an earlier minute was late; one that leaves minutes untold follows a pause, or its
clock is wrong. The device's own clock tells which, if it is right, or goes right at least.
"""

from collections.abc import Callable

from .history import History
from .messages import Message
from .models import Report
from .timeline import LONGEST, UNKNOWN, Timeline

STRAYS = 3  # minutes of another time, one after the other, until their clock is believed
MORE_STRAYS = 60  # ... if this machine's clock does not agree
AGREEMENT = 10  # minutes


class Places:
    """Finds the timeline that a message is to be decided from.

    What cannot be believed yet has a timeline aside, in memory alone: what is known is kept.
    """

    def __init__(self, history: History, report: Report, clock: Callable[[], float]) -> None:
        """Keep the history.

        Args:
            history: what is known.
            report: takes the event that another timeline is believed.
            clock: seconds since 1970.
        """
        self._history, self._report, self._clock = history, report, clock
        self._decided = UNKNOWN  # by the last message that was believed
        self._offset: float | None = None  # of this machine's clock then, in minutes
        self._other: Timeline | None = None
        self._strays = 0  # minutes in a row that it was told
        self._other_offset = 0.0

    def place(self, message: Message) -> tuple[Timeline, bool]:
        """Take over what a message tells, and return its timeline, and whether that is aside."""
        kept = self._history.timeline
        if kept.minute != UNKNOWN and not self._goes_on(kept, message, self._offset):
            return self._stray(kept, message)
        self._believe(message)
        if count := kept.tell(message.minute, message.load):
            self._history.note(message.minute, message.load[-count:])
        return kept, False

    def _believe(self, message: Message) -> None:
        self._other, self._strays = None, 0
        self._decided, self._offset = message.decided, self._now() - message.decided

    def _now(self) -> float:
        return self._clock() / 60

    def _goes_on(self, timeline: Timeline, message: Message, offset: float | None) -> bool:
        """Return whether a message is of the time after a timeline, as far as can be known."""
        new = message.minute - timeline.minute
        if not 0 <= new < LONGEST:
            return False
        return new - len(message.load) <= AGREEMENT or self._agrees(message.decided, offset)

    def _agrees(self, minute: int, offset: float | None = None) -> bool:
        """Return whether this machine's clock says so, or is off by as much as it was before."""
        off = self._now() - minute
        return abs(off) <= AGREEMENT or (offset is not None and abs(off - offset) <= AGREEMENT)

    def _stray(self, kept: Timeline, message: Message) -> tuple[Timeline, bool]:
        minute, other = message.minute, self._other
        if minute < kept.minute and kept.fill(minute, message.load):
            self._history.note(minute, message.load)
        if other is not None and 0 < other.minute - minute <= AGREEMENT:  # late among strays
            other.fill(minute, message.load)
            return _until(other, message), True
        if other is not None and self._goes_on(other, message, self._other_offset):
            self._strays += minute > other.minute
            other.tell(minute, message.load)
        else:
            other, self._strays = _until(kept, message), 1
        if not self._believable(kept, message):
            self._other, self._other_offset = other, self._now() - message.decided
            return other, True
        self._report("clock", before=kept.minute, after=minute)
        self._history.replace(other)
        self._believe(message)
        return other, False

    def _believable(self, kept: Timeline, message: Message) -> bool:
        """Return whether what is known is to be left for the time of the last messages."""
        newest = max(self._decided, kept.minute)
        if self._agrees(message.decided):
            return self._strays >= STRAYS and not self._agrees(newest)
        # A backlog comes all at once, and newer messages after it.
        backlog = message.minute < kept.minute and self._agrees(newest, self._offset)
        return self._strays >= MORE_STRAYS and not backlog


def _until(timeline: Timeline, message: Message) -> Timeline:
    """Return what is known before a message, and what it tells: a timeline of its own."""
    if message.minute - timeline.minute >= LONGEST:
        copy = Timeline()
    else:
        copy = timeline.before(message.minute, message.decided)
    copy.tell(message.minute, message.load)
    return copy
