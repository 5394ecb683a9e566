"""The local AWS as a process: started on a free port, ended with everything that it started."""

import contextlib
import importlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from local_mode import runs
from local_mode.clients import client_environment, make_client
from local_mode.errors import ServerEndedError, UserError
from local_mode.server import READY
from local_mode.signals import held_back

if TYPE_CHECKING:
    from botocore.client import BaseClient

_START_SECONDS = 120.0
_STOP_SECONDS = 15.0
_DYING_SECONDS = 0.5


class LocalAws:
    """A local AWS for the time of a `with` block, which fails with ServerEndedError if it dies.

    Args:
        port: TCP port on 127.0.0.1, 0 for a free one.
        state_dir: Folder of this server alone; without it one is made, and removed at the end
            unless a failed job left its folder there, the server ended by itself, or
            `keep_state` is set.
        cache_dir: Folder for code, and for compiled kernels unless `NUMBA_CACHE_DIR` says where
            they lie; shared with other servers.
        options: Further options of `python -m local_mode.server`.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        state_dir: Path | None = None,
        cache_dir: Path | None = None,
        options: tuple[str, ...] = (),
    ) -> None:
        self._port = port
        self._state_is_ours = state_dir is None
        self.state_dir = state_dir or runs.new_run()
        self._cache_dir = cache_dir or runs.CACHE
        self._options = options
        self.keep_state = False
        self._died = False
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: dict[str, BaseClient] = {}
        self.endpoint_url = ""

    @property
    def log_file(self) -> Path:
        """What the server has to say when something is wrong."""
        return self.state_dir / "server.log"

    @property
    def running(self) -> bool:
        """Whether the server runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start the server and wait until it answers.

        Raises:
            UserError: If the port is taken, or there is no room for the state.
            RuntimeError: If the server does not come up.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def _start(self) -> None:
        runs.remove_old_runs()
        self._make_folder()
        arguments = [
            *(sys.executable, "-m", "local_mode.server", "--port", str(self._port)),
            *("--state-dir", str(self.state_dir), "--cache-dir", str(self._cache_dir)),
            *("--exit-with-stdin", *self._options),
        ]
        errors = self.state_dir / "server.err"
        # A process that is not noted yet would outlive an interrupt.
        with errors.open("wb") as stderr, held_back():
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=_server_environment(),
                # Ctrl-C is for the command, which then ends the server in good order.
                start_new_session=True,
            )
        runs.note_server(self.state_dir, self._process.pid)
        # Costs a second, which the server needs as well.
        importlib.import_module("boto3")
        line = self._read_first_line()
        if not line.startswith(READY):
            status = self._end_process()
            text = errors.read_text("utf-8", "replace").strip()
            if status == 2 and text.startswith("--port"):
                self._died = False
                raise UserError(text)
            self._died = True
            raise RuntimeError(f"the local AWS did not start: {text or errors}")
        self.endpoint_url = line.removeprefix(READY).strip()

    def _make_folder(self) -> None:
        try:
            self.state_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{self.state_dir}: cannot be made ({error.strerror}); the local AWS keeps its "
                "state there: make that place writable"
            ) from None

    def stop(self) -> None:
        """End the server and everything that it started."""
        self._end_process()
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        self._discard_state()

    def _end_process(self) -> int | None:
        """End the server; return its exit status the first time."""
        process, self._process = self._process, None
        if process is None:
            return None
        assert process.stdin is not None
        assert process.stdout is not None
        self._died = self._died or process.poll() is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()
        return process.returncode

    def failed_jobs(self) -> list[Path]:
        """Return the folders that failed training jobs left to be looked at, by job name."""
        return sorted((self.state_dir / "training").glob("*"))

    def environment(self) -> dict[str, str]:
        """Return the variables with which any AWS client talks to this local AWS."""
        return {**client_environment(self.endpoint_url), "NO_PROXY": "127.0.0.1,localhost"}

    def exports(self) -> str:
        """Return the same as lines for a shell."""
        lines = [f"export {name}={value}" for name, value in self.environment().items()]
        return "\n".join(["unset AWS_PROFILE AWS_SESSION_TOKEN", *lines])

    def client(self, service: str) -> "BaseClient":
        """Return a boto3 client of `service`; the same one each time."""
        if service not in self._clients:
            self._clients[service] = make_client(service, self.endpoint_url)
        return self._clients[service]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # Of a server that has ended, clients tell at length what they could not do.
        died = isinstance(error, Exception) and not isinstance(error, UserError) and self._ended()
        self.stop()
        if died:
            raise ServerEndedError(self.log_file) from error

    def _ended(self) -> bool:
        """Tell whether the server has ended, or is ending: its connections go first."""
        if self._process is None:
            return False
        try:
            self._process.wait(_DYING_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _read_first_line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        output, text = self._process.stdout, b""
        ready = select.poll()  # select() takes no descriptor above 1023
        ready.register(output, select.POLLIN)
        deadline = time.monotonic() + _START_SECONDS
        while not text.endswith(b"\n") and time.monotonic() < deadline:
            if ready.poll(200):
                block = os.read(output.fileno(), 4096)
                if not block:
                    break
                text += block
        return text.decode()

    def keep_logs(self, folder: Path) -> Path:
        """Copy what the server and failed jobs have to say into `folder`; return where it is.

        Where nothing can be written it stays where it is.
        """
        kept = folder / "logs"
        try:
            shutil.copytree(
                self.state_dir,
                kept,
                ignore=shutil.ignore_patterns("*.tar.gz", "data"),
                dirs_exist_ok=True,
            )
        except OSError:
            self.keep_state = True
            return self.state_dir
        return kept

    def _discard_state(self) -> None:
        wanted = self.keep_state or self._died or self.failed_jobs()
        if self._state_is_ours and not wanted:
            shutil.rmtree(self.state_dir, ignore_errors=True)


def _server_environment() -> dict[str, str]:
    """Return this process's environment without what could lead a client somewhere else."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and not name.lower().endswith("_proxy")
    }
    path = os.pathsep.join(filter(None, (str(runs.ROOT), kept.get("PYTHONPATH", ""))))
    return {**kept, "PYTHONPATH": path, **client_environment("")}
