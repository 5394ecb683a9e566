"""Instances of FMPy's classes, with what they log.

FMPy formats the messages of version 2 in a library that knows one logger in a process, the one that
was given last. All instances therefore share a logger that lives as long as the process and sorts
messages by the instance's name: one of its own would be called when it is gone.
"""

import contextlib
import ctypes
import functools
import itertools
from collections import deque
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from autoscaling_rl.environments.fmu_file import FmuFile, fmpy

_numbers = itertools.count()


class Messages(deque[str]):
    """The last messages of an FMU, for the error that may follow."""

    def keep(self, text: object) -> None:
        """Append a message, which may be of any length."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        self.append(" ".join(str(text).split())[:200])


_messages: WeakValueDictionary[bytes, Messages] = WeakValueDictionary()


def new_slave_2(file: FmuFile, folder: Path, messages: Messages, *, logging: bool) -> Any:  # noqa: ANN401
    """Return an instance of version 2 for co-simulation.

    Args:
        file: the FMU.
        folder: where it is unpacked.
        messages: gets what the instance logs.
        logging: whether it logs more than it has to.
    """
    name = f"fmu-{next(_numbers)}"
    _messages[name.encode()] = messages
    slave = fmpy().fmi2.FMU2Slave(instanceName=name, **_arguments(file, folder))
    slave.instantiate(callbacks=_callbacks(), loggingOn=logging)
    return slave


def new_slave_3(file: FmuFile, folder: Path, messages: Messages, *, logging: bool) -> Any:  # noqa: ANN401
    """Return an instance of version 3 for co-simulation; arguments as for `new_slave_2`."""

    def log(*arguments: Any) -> None:  # noqa: ANN401 - FMI's
        messages.keep(arguments[-1])

    slave = fmpy().fmi3.FMU3Slave(**_arguments(file, folder))
    slave.instantiate(loggingOn=logging, logMessage=log)
    return slave


def _arguments(file: FmuFile, folder: Path) -> dict[str, Any]:
    return {
        "guid": file.description.guid,
        "modelIdentifier": file.description.coSimulation.modelIdentifier,
        "unzipDirectory": str(folder),
    }


@functools.cache
def _callbacks() -> Any:  # noqa: ANN401
    """Return the callbacks of all instances of version 2."""
    fmi2 = fmpy().fmi2
    callbacks = fmi2.fmi2CallbackFunctions()
    callbacks.logger = fmi2.fmi2CallbackLoggerTYPE(_log)
    callbacks.allocateMemory = fmi2.fmi2CallbackAllocateMemoryTYPE(fmi2.calloc)
    callbacks.freeMemory = fmi2.fmi2CallbackFreeMemoryTYPE(fmi2.free)
    with contextlib.suppress(Exception):  # not built for every platform; texts stay unformatted
        from fmpy.logging import addLoggerProxy

        addLoggerProxy(ctypes.byref(callbacks))
    return callbacks


def _log(environment: object, name: bytes, status: int, category: bytes, text: bytes) -> None:
    messages = _messages.get(name)
    if messages is not None:
        messages.keep(text)
