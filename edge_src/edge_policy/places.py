"""Which time a message is of: the time after what is known, an earlier one, or a wrong clock's.

A message that is far ahead follows a pause, or its clock is wrong. It is believed, but what was
known before is remembered: if the next message goes on there, it was wrong. Messages of an earlier
time are late, or their clock was put back: they are decided aside, until there are enough of them.
"""

from collections.abc import Callable

from .history import History
from .messages import Message
from .models import Report
from .timeline import LONGEST, UNKNOWN, Timeline

STRAYS = 3  # minutes in a row that a clock is believed after, if this machine's agrees
MORE_STRAYS = 60  # ... if it does not
AGREEMENT = 10  # minutes


class Places:
    """Finds the timeline that a message is to be decided from."""

    def __init__(self, history: History, report: Report, clock: Callable[[], float]) -> None:
        """Keep the history.

        Args:
            history: what is known.
            report: takes the event that another timeline is taken over.
            clock: seconds since 1970.
        """
        self._history, self._report, self._clock = history, report, clock
        self._decided = UNKNOWN  # by the last message that was believed
        self._offset: float | None = None  # of this machine's clock then, in minutes
        self._left: Timeline | None = None  # what was known before the time changed
        self._since = 0  # minutes that were told after that
        self._other: Timeline | None = None  # of messages that are not believed
        self._strays = 0  # minutes in a row that it was told
        # What was decided aside, and this machine's minute then; by whether machines were added.
        self._changed: dict[bool, tuple[int, float]] = {}

    def place(self, message: Message) -> tuple[Timeline, bool]:
        """Take over what a message tells, and return its timeline, and whether that is aside."""
        kept = self._history.timeline
        new = message.minute - kept.minute
        if kept.minute == UNKNOWN:
            return self._believed(kept, message), False
        if self._left is not None and self._returns(self._left, new, message):
            return self._returned(kept, self._left, message), False
        if not 0 <= new < LONGEST:
            return self._stray(kept, message)
        if self._other is not None and self._overtakes(self._other, kept, message):
            return self._taken(kept, self._other, message), False
        self._watch(kept, new, message)
        return self._believed(kept, message), False

    def changed_aside(self, action: int) -> None:
        """Note a change of the fleet that was decided aside: it is a change all the same."""
        self._changed[action > 0] = action, self._now()

    def _take_changes(self, kept: Timeline, decided: int) -> None:
        """Take over changes that were decided aside, as long ago as this machine's clock says."""
        for action, moment in self._changed.values():
            minute = decided - max(1, round(self._now() - moment))
            if minute > (kept.added if action > 0 else kept.removed):
                kept.changes(action, minute)
                self._history.note_change(minute, action)
        self._changed.clear()

    def _returns(self, left: Timeline, new: int, message: Message) -> bool:
        """Return whether a message goes on with the time that was left, not with what is known."""
        if new < 0:
            return self._goes_on(left, message)
        return new > AGREEMENT and 0 <= message.minute - left.minute <= AGREEMENT

    def _overtakes(self, other: Timeline, kept: Timeline, message: Message) -> bool:
        """Return whether strays have come as far as what is known, and a message follows on them.

        A clock that was an hour ahead is right again: what it said of that hour is wrong.
        """
        follows = message.minute - len(message.load) <= other.minute <= message.minute
        return self._strays >= STRAYS and follows and other.minute >= kept.minute - 1

    def _watch(self, kept: Timeline, new: int, message: Message) -> None:
        """Remember what is known before a message that may be ahead, for a few minutes."""
        if self._left is not None:
            self._since += new > 0
            if self._since >= (STRAYS if self._left.minute <= kept.minute else MORE_STRAYS):
                self._left = None
        elif new > AGREEMENT and not self._agrees(message.decided, self._offset):
            self._left, self._since = kept.before(message.minute, message.decided), 0

    def _believed(self, kept: Timeline, message: Message) -> Timeline:
        self._other, self._strays = None, 0
        if count := kept.tell(message.minute, message.load):
            self._history.note(message.minute, message.load[-count:])
        if self._changed:
            self._take_changes(kept, message.decided)
        self._decided = message.decided
        if self._left is None:
            self._offset = self._now() - message.decided
        return kept

    def _returned(self, kept: Timeline, left: Timeline, message: Message) -> Timeline:
        """Go back to the time that was left: what came since was of a wrong clock."""
        self._left = None
        left.follow_changes(kept, message.decided)
        return self._taken(kept, left, message)

    def _taken(self, kept: Timeline, other: Timeline, message: Message) -> Timeline:
        self._report("clock", before=kept.minute, after=message.minute)
        self._history.replace(other)
        return self._believed(other, message)

    def _stray(self, kept: Timeline, message: Message) -> tuple[Timeline, bool]:
        minute, other = message.minute, self._other
        if minute < kept.minute and kept.fill(minute, message.load):
            self._history.note(minute, message.load)
        if other is not None and 0 < other.minute - minute <= AGREEMENT:  # late among strays
            other.fill(minute, message.load)
            return _until(other, message), True
        if other is not None and self._goes_on(other, message):
            self._strays += minute > other.minute
            other.tell(minute, message.load)
        else:
            other, self._strays = _until(kept, message), 1
        self._other = other
        agrees = self._agrees(message.decided)
        if self._strays < (STRAYS if agrees else MORE_STRAYS):
            return other, True
        if agrees and self._agrees(max(self._decided, kept.minute)):  # so does what is known
            return other, True
        self._left, self._since = kept, 0  # it may have been a backlog: newer ones come after it
        return self._taken(kept, other, message), False

    def _goes_on(self, timeline: Timeline, message: Message) -> bool:
        """Return whether a message is of the time after a timeline, as far as can be known."""
        new = message.minute - timeline.minute
        return 0 <= new <= AGREEMENT or (0 < new < LONGEST and self._agrees(message.decided))

    def _agrees(self, minute: int, offset: float | None = None) -> bool:
        """Return whether this machine's clock says so, or is off by as much as it was before."""
        off = self._now() - minute
        return abs(off) <= AGREEMENT or (offset is not None and abs(off - offset) <= AGREEMENT)

    def _now(self) -> float:
        return self._clock() / 60


def _until(timeline: Timeline, message: Message) -> Timeline:
    """Return what is known before a message, and what it tells: a timeline of its own."""
    if message.minute - timeline.minute >= LONGEST:
        copy = Timeline()
    else:
        copy = timeline.before(message.minute, message.decided)
    copy.tell(message.minute, message.load)
    return copy
