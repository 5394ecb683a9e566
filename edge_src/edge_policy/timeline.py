"""The load of the last two weeks, minute by minute, in memory.

What was never told is NaN: "missing" for the policy. Which minute it is, messages say.
"""

import numpy as np
from numpy.typing import NDArray

LONGEST = 14 * 1440  # minutes
NEVER = 1 << 30  # minutes since something that has not happened
UNKNOWN = -(1 << 60)  # a minute that never was

Load = NDArray[np.float64]


class Timeline:
    """Minutes of load up to a minute, and when machines were last added and removed.

    Attributes:
        minute: after the last one, in minutes since 1970-01-01 UTC; `UNKNOWN` at first.
        load: requests per minute, oldest first, at most `LONGEST`, NaN where a minute is missing.
        added, removed: minutes in which machines were last added or removed, or `UNKNOWN`.
        revision: another number after anything but new minutes was taken over.
    """

    def __init__(self) -> None:
        self.minute = self.added = self.removed = UNKNOWN
        # Minute and fleet of the last change, and when machines were added and removed before it.
        self._changed: tuple[int, int | None, tuple[int, int]] = UNKNOWN, None, (UNKNOWN, UNKNOWN)
        self._values = np.full(2 * LONGEST, np.nan)
        self._end = self._size = self.revision = 0

    @property
    def load(self) -> Load:
        """The load; a view that the next `tell` may change."""
        return self._values[self._end - self._size : self._end]

    @property
    def known(self) -> bool:
        """Whether any minute is."""
        load = self.load
        # What is no number does not equal itself.
        return load.size > 0 and bool(load[-1] == load[-1] or not np.isnan(load).all())

    def tell(self, minute: int, load: Load) -> int:
        """Take over the load of the minutes before `minute`, which is not before ours.

        What is told again counts as it is told now, unless it is told as missing.

        Returns:
            How many of the told minutes are needed to tell the same again: all that is new.
        """
        load = load[-LONGEST:]
        if self._size == 0 or minute - self.minute >= LONGEST:
            self._begin(minute, load)
            return len(load)
        new = minute - self.minute
        self._extend(new)
        if len(load) <= new:
            self._values[self._end - len(load) : self._end] = load
            return len(load)
        if len(load) > self._size:
            self._lengthen(len(load))
        if not len(load):
            return 0
        here = self._values[self._end - len(load) : self._end]
        changed = np.flatnonzero(~np.isnan(load) & (here != load))
        here[changed] = load[changed]
        oldest = len(load) - int(changed[0]) if changed.size else 0
        self.revision += oldest > new
        return max(min(new, len(load)), oldest)

    def before(self, minute: int, decided: int) -> "Timeline":
        """Return a copy that ends before a minute, if that is earlier.

        What changed the fleet after the minute that is decided, by a clock that was wrong, has just
        been: else a cool-down would last until then.
        """
        copy = Timeline()
        copy._changed = self._changed
        copy.added, copy.removed = min(self.added, decided - 1), min(self.removed, decided - 1)
        end = min(minute, self.minute)
        kept = self._size - (self.minute - end)
        if kept > 0:
            copy._begin(end, self.load[:kept])
        return copy

    def fill(self, minute: int, load: Load) -> bool:
        """Fill gaps by what is told late of the minutes before an earlier one; tell if it did."""
        late = self.minute - minute
        count = min(len(load), self._size - late)
        if count <= 0:
            return False
        here = self._values[self._end - late - count : self._end - late]
        filled = np.isnan(here) & ~np.isnan(load[-count:])
        here[filled] = load[-count:][filled]
        self.revision += int(filled.any())
        return bool(filled.any())

    def since(self, changed: int, now: int) -> int:
        """Return the minutes since a change of the fleet."""
        return NEVER if changed == UNKNOWN else max(0, now - changed)

    def changes_before(self, minute: int, fleet: int | None = None) -> tuple[int, int]:
        """Return when machines were added and removed before a state was decided, maybe once more.

        A message that comes again must not be held up by its own decision as by a cool-down. After
        a restart nobody knows for which fleet that was: the minute has to do.
        """
        changed, its_fleet, before = self._changed
        if changed == minute and its_fleet in (None, fleet):
            return before
        return self.added, self.removed

    def changes(self, action: int, minute: int, fleet: int | None = None) -> None:
        """Note machines that were added (or removed) in a minute."""
        if action == 0:
            return
        self._changed = minute, fleet, self.changes_before(minute, fleet)
        if action > 0:
            self.added = minute
        else:
            self.removed = minute

    def follow_changes(self, other: "Timeline", decided: int) -> None:
        """Take over when the fleet changed by another timeline: just now, if that was ahead."""
        self.added = min(max(self.added, other.added), decided - 1)
        self.removed = min(max(self.removed, other.removed), decided - 1)

    def _begin(self, minute: int, load: Load) -> None:
        self.revision += 1
        self.minute, self._size, self._end = minute, len(load), len(load)
        self._values[: self._end] = load

    def _extend(self, minutes: int) -> None:
        if self._end + minutes > len(self._values):
            kept = min(self._size, LONGEST)
            self._values[:kept] = self._values[self._end - kept : self._end].copy()
            self._end = self._size = kept
        self._values[self._end : self._end + minutes] = np.nan
        self._end += minutes
        self._size = min(self._size + minutes, LONGEST)
        self.minute += minutes

    def _lengthen(self, size: int) -> None:
        """Have room for older minutes than are known, which are missing yet."""
        kept = self.load.copy()
        self._begin(self.minute, np.concatenate((np.full(size - len(kept), np.nan), kept)))
