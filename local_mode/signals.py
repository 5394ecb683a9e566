"""What ends a command, Ctrl-C and its like: heeded once, and never half-way through an act."""

import contextlib
import signal
import threading
from collections.abc import Iterator

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt_once() -> None:
    """Let the first signal interrupt whatever is going on, and no later one the way out."""
    for number in _ENDING:
        # What `nohup`, or a shell's `&`, has asked for holds.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(*_: object) -> None:
    for number in _ENDING:
        # Not SIG_IGN: Python complains of a signal that is pending while it begins to be ignored.
        signal.signal(number, lambda *_: None)
    raise KeyboardInterrupt


def ignore() -> None:
    """Let no signal change the exit status: the interpreter's end puts an end to handlers first."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let a signal that comes during the block wait for its end.

    What the block begins is noted by then, so that the way out can undo it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are handled in the main thread alone
        return
    came: list[int] = []
    before = {one: handler for one in _ENDING if callable(handler := signal.getsignal(one))}
    for one in before:
        signal.signal(one, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        for number in came[:1]:
            signal.raise_signal(number)
