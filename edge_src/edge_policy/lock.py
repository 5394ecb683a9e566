"""One process of the component at a time: two would write over each other's files.

A nucleus starts one only when it takes the one before for ended. So that one is about to end, or
was left over, such as by a nucleus that crashed: then it is told to.
"""

import contextlib
import fcntl
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

SECONDS = 0.2  # between two looks
PATIENCE_SECONDS = 8.0  # ending in good order takes up to 5
logger = logging.getLogger(__name__)


class WorkLock:
    """The right to a work folder; the system takes it back when the process ends, however."""

    def __init__(self, work: Path) -> None:
        """Look at the folder, which is made if it can be.

        Without a disk there is nothing to be written over: then the right is given to anybody.
        """
        self._descriptor: int | None = None
        try:
            work.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(work / "lock", os.O_RDWR | os.O_CREAT, 0o640)
        except OSError:
            logger.warning("%s cannot be locked: it cannot be written to", work)

    def wait(self, ended: Callable[[float], bool]) -> bool:
        """Wait until no other process has the folder; return False if told to end before.

        One that stays is told to end, and ended if it does not.

        Args:
            ended: waits so many seconds, or less, and returns whether to end.
        """
        signals = [
            (0.0, 0),
            (PATIENCE_SECONDS, signal.SIGTERM),
            (2 * PATIENCE_SECONDS, signal.SIGKILL),
        ]
        begun = time.monotonic()
        while not self._take():
            if signals and time.monotonic() - begun >= signals[0][0]:
                self._tell(signals.pop(0)[1])
            if ended(SECONDS):
                return False
        return True

    def release(self) -> None:
        """Let another process have the folder."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _tell(self, number: int) -> None:
        """Say who has the folder, and send it a signal; 0 is none."""
        assert self._descriptor is not None  # somebody has it
        holder = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
        logger.warning("process %s uses the work folder: waiting for its end", holder or "?")
        if number and holder.isdecimal() and int(holder) > 1:
            logger.warning("process %s gets signal %d: it was left over", holder, number)
            with contextlib.suppress(OSError):
                os.kill(int(holder), number)

    def _take(self) -> bool:
        if self._descriptor is None:
            return True
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # the file system knows no locks
        with contextlib.suppress(OSError):  # a full disk
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        return True
