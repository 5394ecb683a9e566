"""Runs the program as a child, so that it gets signals that it would not get as a first process.

The kernel drops SIGTERM for the first process of a container unless that has a handler. A program
without one would be killed at the end of SageMaker's patience instead of ending at once.
"""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

_PASSED_ON = (signal.SIGTERM, signal.SIGINT)
SIGNAL_BASE = 128
"""A program ended by signal n has the exit status 128 + n, as in a shell."""


def end_when_asked() -> None:
    """End this process at once when it is asked to, for as long as there is no program."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(SIGNAL_BASE + number)

    for number in _PASSED_ON:
        signal.signal(number, end)


def run(command: Sequence[str], *, folder: Path, variables: Mapping[str, str]) -> int:
    """Run a program to its end, hand it the signals that come, and return its exit status.

    Raises:
        OSError: If it cannot be started.
    """
    early: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, frame: FrameType | None) -> None:
        if child is None:
            early.append(number)
        else:
            child.send_signal(number)

    for number in _PASSED_ON:
        signal.signal(number, pass_on)
    # A session of its own: a terminal's Ctrl-C would reach the program twice otherwise.
    child = subprocess.Popen(
        list(command),
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    for missed in early:
        child.send_signal(missed)
    status = child.wait()
    return SIGNAL_BASE - status if status < 0 else status
