"""Drains the spool into AWS IoT Core, in order, for as long as that takes."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from .backoff import Backoff
from .ipc import Disconnected, IpcError
from .spool import Spool
from .telemetry import numbered

# Publishes a message to the telemetry topic; raises IpcError while that cannot be done.
Publish = Callable[[bytes], None]
logger = logging.getLogger(__name__)


class Sender:
    """Sends what waits, the oldest first; a message is forgotten after its publish succeeded.

    What the disk refused comes after what it took: it has no number in the order.

    Attributes:
        failures: attempts that failed.
    """

    def __init__(
        self,
        spool: Spool | None,
        publish: Publish,
        backoff: Backoff | None = None,
        unstored: deque[bytes] | None = None,
    ) -> None:
        self._spool, self._publish = spool, publish
        self._backoff = backoff or Backoff()
        self._unstored: deque[bytes] = deque() if unstored is None else unstored
        self._retry, self._wake = threading.Event(), threading.Event()
        self._until: float | None = None
        self.failures = 0

    def send_one(self) -> float | None:
        """Send the oldest message.

        Returns:
            Seconds to wait until the next attempt, 0 after a success; None if nothing waits.
        """
        found = self._oldest()
        if found is None:
            return None
        number, content = found
        try:
            self._publish(numbered(number, content))
        except IpcError as error:
            if number is None:
                self._unstored.appendleft(content)
            self.failures += 1
            seconds = self._backoff.wait()
            if not isinstance(error, Disconnected):  # which is told where it is made anew
                logger.warning("telemetry waits for %.0f s: %r", seconds, error)
            return seconds
        self._backoff.reset()
        if self._spool is not None and number is not None:
            self._spool.acknowledge(number)
        return 0.0

    def _oldest(self) -> tuple[int | None, bytes] | None:
        """Return what is to be sent next, and its number; None without anything."""
        found = self._spool.oldest() if self._spool is not None else None
        if found is not None:
            return found
        try:
            return None, self._unstored.popleft()
        except IndexError:
            return None

    def retry(self) -> None:
        """Try again at once: the connection was made anew."""
        self._retry.set()

    def end(self, seconds: float) -> None:
        """Have `run` send what waits, for so long or until an attempt fails, and return."""
        self._until = time.monotonic() + seconds
        self._retry.set()
        self._wake.set()

    def run(self, wake: threading.Event) -> None:
        """Send until `end`.

        Args:
            wake: set when something was stored; cleared here.
        """
        self._wake = wake
        while True:
            ends = self._until
            if ends is not None and time.monotonic() >= ends:
                return
            seconds = self.send_one()
            if ends is not None and seconds != 0.0:
                return
            if seconds is None:
                wake.wait()
                wake.clear()
            elif seconds and self._retry.wait(seconds):
                self._retry.clear()
                self._backoff.reset()
