"""Waits between attempts: exponential, with jitter, so that a fleet does not come back at once."""

import random
from collections.abc import Callable


class Backoff:
    """Waits that double, from `first` up to `most` seconds, each shortened by up to a half."""

    def __init__(
        self,
        first: float = 1.0,
        most: float = 300.0,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._first, self._most, self._draw = first, most, draw
        self._failures = 0

    def wait(self) -> float:
        """Return the seconds to wait after another failure."""
        longest = min(self._most, self._first * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return longest * (1.0 - 0.5 * self._draw())

    def reset(self) -> None:
        """Begin anew after a success."""
        self._failures = 0
