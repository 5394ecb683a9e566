"""Lines of local processes, written to the local CloudWatch Logs in batches."""

import contextlib
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO

from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError

# CloudWatch Logs refuses a call with more events than this.
_MAX_EVENTS = 10_000
# A process that prints faster than this is waited for: its lines must fit in memory.
_MAX_WAITING = 5_000
# Often enough to look live, seldom enough to cost nothing beside the process itself.
_FLUSH_SECONDS = 0.4
_BLOCK = 1 << 16
# A longer line is cut into pieces: a program that prints no newline must not fill the memory.
_MAX_LINE = 1 << 16
# The longest message that CloudWatch Logs keeps, in characters.
_MAX_MESSAGE = 250_000


class LogStream:
    """One stream of a log group. Adding a line is cheap; `flush` makes the lines visible."""

    def __init__(self, client: BaseClient, group: str, stream: str) -> None:
        self._client = client
        self._group = group
        self._stream = stream
        self._lock = threading.Lock()
        self._waiting: list[tuple[int, str]] = []
        self._tail: deque[str] = deque(maxlen=100)
        for create, names in (
            (client.create_log_group, {"logGroupName": group}),
            (client.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
        ):
            with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
                create(**names)

    @property
    def name(self) -> str:
        """Name of the stream."""
        return self._stream

    def add(self, line: str) -> None:
        """Keep a line for the next flush. CloudWatch Logs takes no empty line."""
        with self._lock:
            self._waiting.append((time.time_ns() // 1_000_000, line[:_MAX_MESSAGE] or " "))
            self._tail.append(line)
            full = len(self._waiting) >= _MAX_WAITING
        if full:
            self.flush()

    def tail(self) -> bytes:
        """Return the end of the log, up to 4 KB."""
        with self._lock:
            return "\n".join(self._tail).encode()[-4096:]

    def flush(self) -> None:
        """Write the waiting lines. A log that cannot be written never ends a job."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            for start in range(0, len(waiting), _MAX_EVENTS):
                self._put(waiting[start : start + _MAX_EVENTS])

    def _put(self, lines: list[tuple[int, str]]) -> None:
        events = [{"timestamp": moment, "message": line} for moment, line in lines]
        with contextlib.suppress(ClientError, BotoCoreError):
            self._client.put_log_events(
                logGroupName=self._group, logStreamName=self._stream, logEvents=events
            )


class LinePump:
    """Carries the lines of a pipe into a log stream until the pipe closes.

    Args:
        output: The pipe.
        log: Where the lines go.
        on_line: Called with each line as well.
        on_flush: Called whenever the log is flushed.
        keep_returns: Carriage returns separate the lines of one message, as Lambda's runtime
            client writes them; otherwise they rewrite a line, as progress bars do, and the last
            state counts.
    """

    def __init__(
        self,
        output: IO[bytes],
        log: LogStream,
        *,
        on_line: Callable[[str], None] | None = None,
        on_flush: Callable[[], None] | None = None,
        keep_returns: bool = False,
    ) -> None:
        self._output = output
        self._log = log
        self._on_line = on_line
        self._on_flush = on_flush
        self._keep_returns = keep_returns
        self._rest = b""
        self._reading = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def drain(self) -> None:
        """Carry the lines that are in the pipe at this moment."""
        while self._carry(0.0):
            pass

    def join(self, seconds: float) -> None:
        """Wait until the pipe has closed and everything is in the log."""
        self._thread.join(seconds)

    def _run(self) -> None:
        next_flush = 0.0
        while (carried := self._carry(_FLUSH_SECONDS)) is not None:
            if not carried or time.monotonic() >= next_flush:
                self._flush()
                next_flush = time.monotonic() + _FLUSH_SECONDS
        self._flush()
        self._output.close()

    def _flush(self) -> None:
        self._log.flush()
        if self._on_flush is not None:
            self._on_flush()

    def _carry(self, seconds: float) -> bool | None:
        """Read once. True if there was something, False if not, None when the pipe has closed."""
        with self._reading:
            if self._output.closed:
                return None
            ready = select.poll()  # select() takes no descriptor above 1023
            ready.register(self._output, select.POLLIN)
            if not ready.poll(1000 * seconds):
                return False
            block = os.read(self._output.fileno(), _BLOCK)
            lines = (self._rest + block).split(b"\n")
            self._rest = lines.pop()
            if self._rest and (not block or len(self._rest) > _MAX_LINE):
                lines, self._rest = [*lines, self._rest], b""
        for raw in lines:
            text = raw.decode("utf-8", "replace").rstrip("\r")
            line = text.replace("\r", "\n") if self._keep_returns else text.rpartition("\r")[2]
            self._log.add(line)
            if self._on_line is not None:
                self._on_line(line)
        return True if block else None
