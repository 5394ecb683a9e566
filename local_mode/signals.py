"""What ends a command, Ctrl-C and its like: heeded once."""

import signal

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt_once() -> None:
    """Let the first signal interrupt whatever is going on, and no later one the way out."""
    for number in _ENDING:
        # What `nohup` has asked for holds.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(*_: object) -> None:
    for number in _ENDING:
        # Not SIG_IGN: Python complains of a signal that is pending while it begins to be ignored.
        signal.signal(number, lambda *_: None)
    raise KeyboardInterrupt
