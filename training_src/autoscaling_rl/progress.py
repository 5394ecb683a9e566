"""Progress of long work on standard error: a bar for people, a line per tenth for log files."""

import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm


class Progress:
    """Progress of one piece of work.

    Args:
        total: what there is to do, in `unit`.
        done: what was done before, e.g. by the job that is resumed.
        unit: what is counted.
        stream: None: standard error.
    """

    def __init__(
        self, total: int, *, done: int = 0, unit: str = "step", stream: TextIO | None = None
    ) -> None:
        self._total = max(1, total)
        self._first = self._done = done
        self._unit = unit
        self._stream = stream or sys.stderr
        self._started = time.monotonic()
        self._tenth = 10 * done // self._total
        self._bar = self._open_bar() if self._stream.isatty() else None

    def show(self, done: int) -> None:
        """Show that `done` of the total is done."""
        if self._bar is not None:
            self._bar.update(done - self._done)
        self._done = done
        tenth = min(10, 10 * done // self._total)
        if self._bar is None and tenth > self._tenth:
            self._tenth = tenth
            print(self._line(), file=self._stream, flush=True)

    def clear(self) -> None:
        """Take the bar off the screen for a line of text; the next `show` brings it back."""
        if self._bar is not None:
            self._bar.clear()

    def close(self) -> None:
        """Leave the bar where it is."""
        if self._bar is not None:
            self._bar.close()

    def _open_bar(self) -> "tqdm[Any] | None":
        try:
            from tqdm import tqdm
        except ImportError:  # a bar is a comfort: without it there are lines
            return None
        return tqdm(
            total=self._total,
            initial=self._done,
            unit=f" {self._unit}s",
            unit_scale=True,
            file=self._stream,
            dynamic_ncols=True,
        )

    def _line(self) -> str:
        seconds = time.monotonic() - self._started
        rate = max((self._done - self._first) / max(seconds, 1e-9), 1e-9)
        left = max(0, self._total - self._done) / rate
        pace = f"{rate:,.0f} a second" if rate >= 1.0 else f"{1.0 / rate:,.1f} s each"
        return (
            f"progress: {100 * self._done // self._total} % ({self._done:,} of {self._total:,}"
            f" {self._unit}s, {pace}, {left:.0f} s left)"
        )
