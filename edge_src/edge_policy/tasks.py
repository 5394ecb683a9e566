"""What the deciding thread has to do, in the order in which it came."""

import faulthandler
import queue
import threading
from collections.abc import Callable

from .ipc import IpcError
from .telemetry import Telemetry

LONGEST_SECONDS = 60.0  # a task that takes longer will take for ever: the process ends

Task = Callable[[], object]


class Tasks:
    """A queue with room for so many messages; whatever else is to be done always has room."""

    def __init__(self, telemetry: Telemetry, *, most_messages: int, most_bytes: int) -> None:
        """Keep the bounds.

        Args:
            telemetry: told of what was dropped, and of tasks that failed.
            most_messages: that wait.
            most_bytes: that they have together.
        """
        self._telemetry = telemetry
        self._most_messages, self._most_bytes = most_messages, most_bytes
        self._messages = self._bytes = 0
        self._lock = threading.Lock()
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()

    def add(self, task: Task) -> None:
        """Have something done after what waits already."""
        self._tasks.put(task)

    def add_message(self, size: int, task: Task) -> None:
        """Have a message of so many bytes answered, or count it as dropped if too many wait."""
        with self._lock:
            room = self._messages < self._most_messages and self._bytes + size <= self._most_bytes
            if room:
                self._messages += 1
                self._bytes += size
        if not room:
            self._telemetry.count("messages_dropped")
            return

        def taken() -> None:
            with self._lock:
                self._messages -= 1
                self._bytes -= size
            task()

        self._tasks.put(taken)

    def end(self) -> None:
        """Have `run` return once all is done that waits now; this waits for nothing."""
        self._tasks.put(None)

    def run(self) -> None:
        """Do what comes, until `end`; nothing that a task raises ends the thread."""
        while (task := self._tasks.get()) is not None:
            # Whatever hangs in a model's code: the next start counts this one, see `Store`.
            faulthandler.dump_traceback_later(LONGEST_SECONDS, exit=True)
            try:
                task()
            except IpcError as error:
                self._telemetry.count(f"failed_{type(error).__name__.lower()}")
            except BaseException as error:
                self._telemetry.event("fault", reason=repr(error)[:300])
            finally:
                faulthandler.cancel_dump_traceback_later()
