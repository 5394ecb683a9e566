"""The process of a component on a device: started, started again, given up, ended."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

BURST = 3
"""Starts within an hour, as nucleus lite's units have it (StartLimitBurst)."""

_HOUR = 3600.0
_GRACE_SECONDS = 5.0
_PAUSE_SECONDS = 0.2


class RunningComponent:
    """One component's program and whatever it has started.

    Args:
        script: What the recipe runs.
        environment: All that it gets of an environment.
        work: The folder it runs in.
        log: Where its output goes.
        changed: Called with each change of `state`.
    """

    def __init__(
        self,
        script: str,
        *,
        environment: Mapping[str, str],
        work: Path,
        log: Path,
        changed: Callable[[], None],
    ) -> None:
        self._script, self._environment = script, dict(environment)
        self._work, self._log, self._changed = work, log, changed
        self._process: subprocess.Popen[bytes] | None = None
        self._starts: list[float] = []
        self._ending = threading.Event()
        self.state = "STARTING"
        self.exit_codes: list[int] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep_running, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The process's id, while it runs."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def up_for(self) -> float:
        """Return for how many seconds the newest start has lasted; 0 if it does not run."""
        return time.monotonic() - self._starts[-1] if self.pid and self._starts else 0.0

    def stop(self) -> None:
        """End it: SIGTERM, and after a while SIGKILL to its whole group."""
        self._ending.set()
        with self._lock:
            process = self._process
        if process is not None:
            _signal(process, signal.SIGTERM)
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                pass
            _signal(process, signal.SIGKILL)
            process.wait()
        self._thread.join(_GRACE_SECONDS)

    def _keep_running(self) -> None:
        while not self._ending.is_set():
            code = self._run_once()
            if self._ending.is_set():
                self._move("FINISHED")
                return
            self.exit_codes.append(code)
            if code == 0:
                self._move("FINISHED")
                return
            recent = [it for it in self._starts if time.monotonic() - it < _HOUR]
            if len(recent) >= BURST:
                self._move("BROKEN")
                return
            self._move("ERRORED")
            self._ending.wait(_PAUSE_SECONDS)

    def _run_once(self) -> int:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, self._log.open("ab") as log:
            if self._ending.is_set():
                return 0
            self._process = subprocess.Popen(
                ["sh", "-c", self._script],
                cwd=self._work,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            self._starts.append(time.monotonic())
        self._move("RUNNING")
        return self._process.wait()

    def _move(self, state: str) -> None:
        self.state = state
        self._changed()


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass
