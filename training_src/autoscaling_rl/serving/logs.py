"""Logs of the endpoint: one JSON object per line on standard output, for CloudWatch Logs."""

import logging
import os
import queue
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener

import orjson

MOST_WAITING = 1000  # lines, each of some kilobytes
FLUSH_SECONDS = 2.0


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON, with what is in `extra={"details": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage().rstrip(),
            **getattr(record, "details", {}),
        }
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str).decode()


class Waiting(QueueHandler):
    """Hands records to another thread, and drops them if it cannot keep up.

    A decision must not wait for whoever reads the log, who may have stopped reading.

    Attributes:
        dropped: records since the last that there was room for.
    """

    queue: "queue.Queue[logging.LogRecord | None]"

    def __init__(self) -> None:
        super().__init__(queue.Queue(MOST_WAITING))
        self.dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Leave the formatting to the other thread."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Hand a record over, and how many were lost before it."""
        if self.dropped:
            record.details = {**getattr(record, "details", {}), "lines_dropped": self.dropped}
        try:
            self.queue.put_nowait(record)
            self.dropped = 0
        except queue.Full:
            self.dropped += 1


class Writer(QueueListener):
    """Writes records, and gives up at the end of the process if nobody reads them."""

    def stop(self) -> None:
        """Write what waits, for a while.

        If nobody reads it, the process ends here: at its end the interpreter would wait for the
        write in progress for ever.
        """
        if self._thread is None:
            return
        try:
            self.enqueue_sentinel()
        except queue.Full:
            os._exit(0)
        self._thread.join(FLUSH_SECONDS)
        if self._thread.is_alive():
            os._exit(0)
        self._thread = None


@contextmanager
def log_to_stdout() -> Iterator[None]:
    """Send all logs and warnings of this process to standard output as lines of JSON."""
    stream, waiting = logging.StreamHandler(sys.stdout), Waiting()
    stream.setFormatter(JsonLines())
    writer = Writer(waiting.queue, stream)
    logging.basicConfig(level=logging.INFO, handlers=[waiting], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # the server tells its own life
    logging.captureWarnings(True)
    writer.start()
    try:
        yield
    finally:
        writer.stop()
