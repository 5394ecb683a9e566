"""TensorBoard event files, written by TensorBoard's own writer and without TensorFlow."""

import sys
import time
import types
from pathlib import Path
from typing import Any

# TensorBoard looks for this module to learn that it must not import TensorFlow, which is slow and
# may be missing; its own wheel does not bring it.
_WITHOUT_TENSORFLOW = "tensorboard.compat.notf"


class EventFile:
    """Scalars in an event file; nothing is imported before the first one.

    Without TensorBoard no file is written and one warning says so.

    Args:
        folder: where the file goes; created with the first scalar.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None
        self._missing = False

    def add(self, name: str, value: float, step: int) -> None:
        """Add one scalar, shown by TensorBoard as `name` over `step`."""
        if self._writer is None and not self._missing:
            self._open()
        if self._missing:
            return
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))

    def close(self) -> None:
        """Write what is still in memory."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _open(self) -> None:
        sys.modules.setdefault(_WITHOUT_TENSORFLOW, types.ModuleType(_WITHOUT_TENSORFLOW))
        try:
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError:
            print(
                "warning: TensorBoard is not installed, no event files are written (make setup)",
                file=sys.stderr,
                flush=True,
            )
            self._missing = True
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._writer = EventFileWriter(str(self._folder))
