"""The policy's memory on disk: it spares a restart making a bank anew from two weeks of load.

Without it, or with one of another model, the decisions are the same: the history has all the load.
"""

import time
from collections.abc import Callable
from pathlib import Path

from . import files
from .messages import Message
from .model import Model
from .timeline import Timeline

SECONDS = 1800.0  # between two texts of about 200 kB: a device's flash wears out


class MemoryFile:
    """One file with the memory of one model.

    Attributes:
        faults: operations on the disk that failed.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._recalled: str | None = None
        self._saved = clock()
        self.faults = 0

    def recall(self, model: Model, message: Message, timeline: Timeline) -> None:
        """Give a model that has not decided in this process what it remembered before."""
        if self._recalled == model.id:
            return
        self._recalled = model.id
        name, _, text = (files.read(self._path) or b"").partition(b"\n")
        if name.decode("ascii", "replace") == model.id:
            model.restore(text.decode("ascii", "replace"), message, timeline)

    def keep(self, model: Model) -> None:
        """Save the memory if that is due."""
        if self._clock() - self._saved >= SECONDS:
            self.save(model)

    def save(self, model: Model) -> None:
        """Save the memory of a model that has decided."""
        self._saved = self._clock()
        text = model.memory()
        if text is None:
            return
        try:
            files.write_atomically(self._path, f"{model.id}\n{text}".encode())
        except OSError:
            self.faults += 1
