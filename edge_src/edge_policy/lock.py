"""One process of the component at a time: two would write over each other's files."""

import fcntl
import logging
import os
from collections.abc import Callable
from pathlib import Path

SECONDS = 0.2  # between two looks
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
            self._descriptor = os.open(work / "lock", os.O_WRONLY | os.O_CREAT, 0o640)
        except OSError:
            logger.warning("%s cannot be locked: it cannot be written to", work)

    def wait(self, ended: Callable[[float], bool]) -> bool:
        """Wait until no other process has the folder; return False if told to end before.

        Args:
            ended: waits so many seconds, or less, and returns whether to end.
        """
        told = False
        while not self._take():
            if not told:
                told = True
                logger.warning("another process uses the work folder: waiting for its end")
            if ended(SECONDS):
                return False
        return True

    def release(self) -> None:
        """Let another process have the folder."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _take(self) -> bool:
        if self._descriptor is None:
            return True
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # the file system knows no locks
        return True
