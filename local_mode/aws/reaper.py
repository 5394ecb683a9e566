"""Ends what a server left behind: reads process groups from a pipe and kills them when it closes.

Runs as a program of its own. A server that is killed with SIGKILL cannot end its processes; the
operating system closes its end of the pipe all the same, and that is the signal here.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    """Read `+<group>` and `-<group>` lines until the pipe closes, then kill the groups left."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
