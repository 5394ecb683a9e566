"""How long a job that was asked to stop may go on with what it does."""

import time
from collections.abc import Callable

PAUSE = 1.0  # seconds between two looks from within a rollout or a test


class Grace:
    """Asks whether the job must stop, and measures the time that it may still take.

    Args:
        stop: True once the job was asked to stop.
        seconds: that it may go on from when it is seen.
    """

    def __init__(self, stop: Callable[[], bool], seconds: float) -> None:
        self._stop, self._seconds = stop, seconds
        self._end = float("inf")
        self._asked = time.monotonic()

    def over(self) -> bool:
        """Return whether what the job does has to be given up."""
        self._asked = time.monotonic()
        if self._end == float("inf") and self._stop():
            self._end = self._asked + self._seconds
        return self._asked >= self._end

    def over_meanwhile(self) -> bool:
        """Return the same, cheaply: for every step of an environment."""
        now = time.monotonic()
        return now >= self._end or (now - self._asked >= PAUSE and self.over())
