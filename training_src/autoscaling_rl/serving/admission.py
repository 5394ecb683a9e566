"""How much an endpoint takes on at once: a bounded queue, and a bound on the bytes in it."""

from collections.abc import Iterator
from contextlib import contextmanager

from autoscaling_rl.serving.requests import Refused

MOST_REQUESTS = 64
MOST_BYTES = 48 << 20  # eight of the largest bodies
RETRY_SECONDS = 1


class Slot:
    """One request that was let in.

    Attributes:
        held: bytes of its body.
    """

    def __init__(self, queue: "Queue") -> None:
        self._queue = queue
        self.held = 0

    def hold(self, count: int) -> None:
        """Count further bytes of the body.

        Raises:
            Refused: 503, all requests together hold too much.
        """
        if self._queue.held + count > self._queue.most_bytes:
            raise overloaded()
        self.held += count
        self._queue.held += count


class Queue:
    """Requests that are being read, wait, or are worked on.

    Attributes:
        most_requests: requests at a time.
        most_bytes: of their bodies.
        held: bytes of their bodies now.
        refused: requests that were sent away.
    """

    def __init__(self, most_requests: int = MOST_REQUESTS, most_bytes: int = MOST_BYTES) -> None:
        self.most_requests, self.most_bytes = most_requests, most_bytes
        self.waiting = self.held = self.refused = 0

    @contextmanager
    def slot(self) -> Iterator[Slot]:
        """Let a request in until it is answered.

        Raises:
            Refused: 503 with Retry-After, there are too many.
        """
        if self.waiting >= self.most_requests:
            self.refused += 1
            raise overloaded()
        taken = Slot(self)
        self.waiting += 1
        try:
            yield taken
        finally:
            self.waiting -= 1
            self.held -= taken.held


def overloaded() -> Refused:
    """Return the answer to a request that there is no room for."""
    retry = (b"retry-after", b"%d" % RETRY_SECONDS)
    return Refused(503, "Overloaded", "too many requests at once: try again", None, retry)
