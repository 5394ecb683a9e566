"""Telemetry: what happened, and every few minutes how it goes, as JSON in the spool.

Whatever is stored there reaches AWS IoT Core at least once, in order, or is counted as dropped. A
message has "schema", "sequence" (numbers without gaps but for the dropped ones: the same number
twice is the same message), "time", "type" and "thing", and what its type has.
"""

import json
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from . import VERSION
from .spool import Spool

MOST_LATENCIES = 4096
MOST_BYTES = 6000  # of a message; a nucleus lite takes 10,000 with all that is around it
OMITTED = ("features", "answer", "events", "refused", "reason")  # from what is too long, in order
KEPT = ("schema", "time", "type", "thing")
MOST_UNSTORED = 100  # messages in memory that the disk refused
MOST_EVENTS = 200  # of a kind between two summaries; more are counted alone
logger = logging.getLogger(__name__)


class Telemetry:
    """Puts events into the spool, and sums decisions up.

    Attributes:
        lost: events that could not be stored, since the process began.
        unstored: the newest of them: they are sent from memory, while there is a connection.
    """

    def __init__(
        self,
        spool: Spool | None,
        labels: Mapping[str, Any],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep where events go.

        Args:
            spool: the queue; None: the disk refuses it.
            labels: what every message carries.
            clock: seconds since 1970.
        """
        self._spool, self._labels, self._clock = spool, dict(labels), clock
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._latencies: deque[float] = deque(maxlen=MOST_LATENCIES)
        self._since = clock()
        self.lost = 0
        self.unstored: deque[bytes] = deque(maxlen=MOST_UNSTORED)
        self.wake = threading.Event()

    def event(self, kind: str, **details: Any) -> None:  # noqa: ANN401 (any JSON values)
        """Store an event; it is in the log, too."""
        logger.info("%s %s", kind, json.dumps(details, default=str))
        with self._lock:
            self._events[kind] += 1
            if self._events[kind] > MOST_EVENTS:
                return
        self._store(kind, details)

    def decided(self, answer: Mapping[str, Any], seconds: float) -> None:
        """Count an answer.

        Args:
            answer: as it is sent.
            seconds: that deciding took.
        """
        with self._lock:
            self._latencies.append(seconds)
            if "error" in answer:
                self._counts["errors"] += 1
                return
            self._counts["decisions"] += 1
            self._counts[f"source_{answer['source']}"] += 1
            self._counts["fallbacks"] += bool(answer.get("fallback"))
            for doubt in answer.get("doubts", ()):
                self._counts[f"doubt_{doubt}"] += 1

    def count(self, name: str, number: int = 1) -> None:
        """Count something else for the summary."""
        with self._lock:
            self._counts[name] += number

    def summarise(self, **details: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON values)
        """Store the summary of what was since the last one, and return it."""
        with self._lock:
            counts, events = dict(self._counts), dict(self._events)
            latencies = sorted(self._latencies)
            self._counts.clear()
            self._events.clear()
            self._latencies.clear()
            since, self._since = self._since, self._clock()
        summary = {
            "seconds": round(self._since - since, 1),
            "counts": counts,
            "events": events,
            "fallback_share": _share(counts),
            "latency_ms": {name: _quantile(latencies, share) for name, share in _QUANTILES.items()},
            **details,
        }
        self._store("summary", summary)
        return summary

    def _store(self, kind: str, details: Mapping[str, Any]) -> None:
        moment = datetime.fromtimestamp(self._clock(), UTC)
        content = {
            "schema": VERSION,
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "type": kind,
            **self._labels,
            **details,
        }
        encoded = _fitting(content)
        try:
            if self._spool is None:
                raise OSError("there is no spool")
            self._spool.put(encoded)
        except (OSError, ValueError):
            with self._lock:
                self.lost += 1
            self.unstored.append(encoded)
        self.wake.set()


def _fitting(content: dict[str, Any]) -> bytes:
    """Return a message as JSON, without its longer parts if it is too long with them."""
    content = dict(content)
    names = [name for name in OMITTED if name in content]
    omitted = [*names, *(name for name in content if name not in (*names, *KEPT))]
    while True:
        encoded = json.dumps(content, separators=(",", ":"), default=str).encode()
        if len(encoded) <= MOST_BYTES or not omitted:
            return encoded
        content[omitted.pop(0)] = "omitted: too long"


_QUANTILES = {"p50": 0.5, "p99": 0.99, "max": 1.0}


def _quantile(values: list[float], share: float) -> float | None:
    return round(1e3 * values[int(share * (len(values) - 1))], 3) if values else None


def _share(counts: Mapping[str, int]) -> float | None:
    decisions = counts.get("decisions", 0)
    return round(counts.get("fallbacks", 0) / decisions, 4) if decisions else None


def numbered(number: int | None, content: bytes) -> bytes:
    """Return a message as it is sent, with its sequence number; without one it was not stored."""
    return b'{"sequence":%s,' % (b"null" if number is None else b"%d" % number) + content[1:]
