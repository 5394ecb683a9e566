"""How much an endpoint takes on at once: a bounded queue, and a bound on the bytes in it."""

from autoscaling_rl.serving.requests import Refused

MOST_REQUESTS = 64
MOST_BYTES = 48 << 20  # eight of the largest bodies
RETRY_SECONDS = 1


class Queue:
    """Requests that are being read, wait, or are worked on.

    Attributes:
        most_requests: requests at a time.
        most_bytes: of their bodies.
        waiting: requests now.
        held: bytes of their bodies now.
        refused: requests that were sent away.
    """

    def __init__(self, most_requests: int = MOST_REQUESTS, most_bytes: int = MOST_BYTES) -> None:
        self.most_requests, self.most_bytes = most_requests, most_bytes
        self.waiting = self.held = self.refused = 0


class Slot:
    """A place in the queue, from entering it to leaving it.

    Attributes:
        held: bytes of the request's body.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.held = 0

    def __enter__(self) -> "Slot":
        """Let the request in.

        Raises:
            Refused: 503 with Retry-After, there are too many.
        """
        queue = self._queue
        if queue.waiting >= queue.most_requests:
            queue.refused += 1
            raise overloaded()
        queue.waiting += 1
        return self

    def __exit__(self, *error: object) -> None:
        """Give the place back."""
        self._queue.waiting -= 1
        self._queue.held -= self.held

    def hold(self, count: int) -> None:
        """Count further bytes of the body.

        Raises:
            Refused: 503, all requests together hold too much.
        """
        if self._queue.held + count > self._queue.most_bytes:
            self._queue.refused += 1
            raise overloaded()
        self.held += count
        self._queue.held += count


def overloaded() -> Refused:
    """Return the answer to a request that there is no room for."""
    retry = (b"retry-after", b"%d" % RETRY_SECONDS)
    return Refused(503, "Overloaded", "too many requests at once: try again", None, retry)
