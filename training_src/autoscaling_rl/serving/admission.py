"""How much an endpoint takes on at once: a bounded queue, and a bound on the bytes in it."""

import time

from autoscaling_rl.controller.controller import MOST_FOLLOWED
from autoscaling_rl.serving.requests import Refused

MOST_REQUESTS = 64
MOST_BYTES = 48 << 20  # eight of the largest bodies
MOST_SECONDS = 12.0  # of work that waits
RETRY_SECONDS = 1


class Queue:
    """Requests that wait or are worked on, and bodies that are being read.

    Attributes:
        most_requests: requests at a time.
        most_bytes: of bodies, those included that are being read.
        waiting: requests now.
        held: bytes now.
        announced: seconds of work now, by what the bodies hold.
        expected: seconds that a request takes, by those of late.
        refused: requests that were sent away.
    """

    def __init__(self, most_requests: int = MOST_REQUESTS, most_bytes: int = MOST_BYTES) -> None:
        self.most_requests, self.most_bytes = most_requests, most_bytes
        self.waiting = self.held = self.refused = 0
        self.announced = self.expected = 0.0

    def refuse(self) -> Refused:
        """Count and return the answer to a request that there is no room for."""
        self.refused += 1
        retry = (b"retry-after", b"%d" % RETRY_SECONDS)
        return Refused(503, "Overloaded", "too many requests at once: try again", None, retry)


class Body:
    """The bytes of a body, from the first that is read to the answer.

    Attributes:
        held: bytes.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.held = 0

    def __enter__(self) -> "Body":
        """Begin with no bytes."""
        return self

    def __exit__(self, *error: object) -> None:
        """Give up the bytes."""
        self._queue.held -= self.held

    def hold(self, count: int) -> None:
        """Count further bytes.

        Raises:
            Refused: 503, all bodies together hold too much.
        """
        if self._queue.held + count > self._queue.most_bytes:
            raise self._queue.refuse()
        self.held += count
        self._queue.held += count


class Slot:
    """A place in the queue, from a request that is complete to its answer."""

    def __init__(self, queue: Queue, seconds: float = 0.0) -> None:
        """Ask for a place.

        Args:
            queue: where.
            seconds: of work that the request brings, see `announced`.
        """
        self._queue, self._seconds = queue, seconds

    def __enter__(self) -> "Slot":
        """Let the request in.

        Raises:
            Refused: 503 with Retry-After, there are too many, or too much work waits: what is let
                in must be done by the end of a drain.
        """
        queue = self._queue
        # What requests took of late says nothing of the first large ones.
        late = max(queue.waiting * queue.expected, queue.announced) + self._seconds > MOST_SECONDS
        if queue.waiting >= queue.most_requests or late:
            raise queue.refuse()
        queue.waiting += 1
        queue.announced += self._seconds
        self._begun = time.monotonic()
        return self

    def __exit__(self, *error: object) -> None:
        """Give the place back, and remember how long it was needed."""
        queue = self._queue
        took = (time.monotonic() - self._begun) / queue.waiting
        queue.expected += (took - queue.expected) / 8
        queue.waiting -= 1
        queue.announced = queue.announced - self._seconds if queue.waiting else 0.0


def announced(body: bytes, minute_seconds: float) -> float:
    """Return about how many seconds of work a body brings, before it is parsed.

    Args:
        body: of a request; after a minute of a state's load comes a comma.
        minute_seconds: that a minute of load takes which no memory holds.
    """
    if not minute_seconds or b'"states"' not in body:
        return 0.0
    return min(body.count(b","), MOST_FOLLOWED) * minute_seconds  # more are not followed
