"""Local processes: each in its own process group, none of which outlives the server."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


class LocalProcess:
    """One program with its process group and its output (stdout and stderr in one pipe)."""

    def __init__(self, popen: "subprocess.Popen[bytes]", keeper: "ProcessKeeper") -> None:
        self._popen = popen
        self._keeper = keeper

    @property
    def pid(self) -> int:
        """Process id, and the id of its group."""
        return self._popen.pid

    @property
    def output(self) -> IO[bytes]:
        """The pipe that carries stdout and stderr."""
        assert self._popen.stdout is not None
        return self._popen.stdout

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end, in seconds; return the exit code as a shell has it, None if running.

        A program ended by signal n has exit code 128 + n. Whatever it started and left in its
        group is ended with it, as in a container whose first process ends.
        """
        try:
            code = self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        if self._keeper.forget(self):
            self._signal_group(signal.SIGKILL)
        return 128 - code if code < 0 else code

    def terminate(self) -> None:
        """Send SIGTERM to the program alone, as a container engine does."""
        with contextlib.suppress(ProcessLookupError):
            self._popen.terminate()

    def kill(self) -> None:
        """Kill the whole group."""
        if self._popen.returncode is None:
            self._signal_group(signal.SIGKILL)

    def stop(self, grace: float) -> int:
        """End the program: SIGTERM, `grace` seconds, SIGKILL. Return its exit code."""
        self.terminate()
        code = self.wait(grace)
        if code is None:
            self.kill()
            code = self.wait()
        assert code is not None
        return code

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, number)


class ProcessKeeper:
    """Starts local processes and ends all of them, whatever way the server itself ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, LocalProcess] = {}
        self._closed = False
        # -I -S: a bare interpreter starts in milliseconds and needs nothing of the environment.
        self._reaper = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("reaper.py"))],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )

    def start(
        self, arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str]
    ) -> LocalProcess:
        """Start a program in a process group of its own.

        Raises:
            OSError: If the program or the folder is missing, or the server is ending.
        """
        with self._lock:
            if self._closed:
                raise OSError("the local AWS is ending")
            popen = subprocess.Popen(
                list(arguments),
                cwd=cwd,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            process = LocalProcess(popen, self)
            self._running[process.pid] = process
            self._tell_reaper(f"+{process.pid}")
            return process

    def forget(self, process: LocalProcess) -> bool:
        """Note that a process has ended; True the first time, its number may be reused later."""
        with self._lock:
            known = self._running.pop(process.pid, None) is not None
            if known:
                self._tell_reaper(f"-{process.pid}")
            return known

    def close(self, grace: float = 1.0) -> None:
        """End every process that still runs, after `grace` seconds by force."""
        with self._lock:
            self._closed = True
            left = list(self._running.values())
        for process in left:
            process.terminate()
        deadline = time.monotonic() + grace
        for process in left:
            if process.wait(max(0.0, deadline - time.monotonic())) is None:
                process.kill()
                process.wait(5.0)
        assert self._reaper.stdin is not None
        with contextlib.suppress(OSError):
            self._reaper.stdin.close()
        self._reaper.wait(5.0)

    def _tell_reaper(self, line: str) -> None:
        assert self._reaper.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            print(line, file=self._reaper.stdin, flush=True)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
