"""One warm process of a function, as an execution environment is on AWS."""

import io
import json
import queue
import sys
import threading
import time
import uuid
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from local_mode.aws.functions.runtime_api import Invocation, Outcome, RuntimeApi
from local_mode.aws.functions.specification import FunctionSpecification
from local_mode.aws.logs import LinePump, LogStream
from local_mode.aws.processes import LocalProcess, ProcessKeeper
from local_mode.aws.settings import Settings
from local_mode.deployment import REGION

# Importing the handler is not part of its timeout, on AWS as here.
_INIT_SECONDS = 30.0
_END_SECONDS = 1.0


class Sandbox:
    """A process that has imported the function's handler and takes one invocation at a time."""

    def __init__(
        self,
        function: FunctionSpecification,
        settings: Settings,
        keeper: ProcessKeeper,
    ) -> None:
        self.function = function
        self._api = RuntimeApi()
        group = f"/aws/lambda/{function.name}"
        stream = f"{datetime.now(UTC):%Y/%m/%d}/[{function.version}]{uuid.uuid4().hex}"
        folder = _unpack(function, settings.state_dir / "functions")
        environment = {
            **settings.process_environment(),
            **_runtime_environment(function, folder, group, stream, self._api.address),
            **function.environment,
        }
        arguments = [sys.executable, "-m", "awslambdaric", function.handler]
        self._process: LocalProcess = keeper.start(arguments, cwd=folder, environment=environment)
        self._log = LogStream(settings.client("logs"), group, stream)
        self._log.add(f"INIT_START Runtime Version: local process {self._process.pid}")
        self._pump = LinePump(self._process.output, self._log, keep_returns=True)
        threading.Thread(target=self._report_exit, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.wait(0.0) is None

    def invoke(self, payload: bytes) -> Outcome:
        """Run the handler once, within the function's timeout."""
        request_id = str(uuid.uuid4())
        self._log.add(f"START RequestId: {request_id} Version: {self.function.version}")
        outcome = self._wait_for_init()
        started = time.time()
        if outcome is None:
            deadline = int((started + self.function.timeout) * 1000)
            invocation = Invocation(request_id, self.function.arn, payload, deadline)
            self._api.invocations.put(invocation)
            try:
                outcome = self._api.outcomes.get(timeout=self.function.timeout)
            except queue.Empty:
                outcome = self._timed_out(request_id)
        self._pump.drain()
        milliseconds = (time.time() - started) * 1000
        self._log.add(f"END RequestId: {request_id}")
        self._log.add(f"REPORT RequestId: {request_id} Duration: {milliseconds:.2f} ms")
        self._log.flush()
        return outcome

    def wait_until_ready(self) -> None:
        """Wait until the handler is imported, or cannot be."""
        deadline = time.monotonic() + _INIT_SECONDS
        while not self._api.ready.wait(0.05) and self.alive and time.monotonic() < deadline:
            pass

    def log_tail(self) -> bytes:
        """Return the last 4 KB of the log, as `LogType=Tail` asks for."""
        return self._log.tail()

    def close(self) -> None:
        """End the process: by itself, as there is no next invocation, or else by force."""
        self._api.close()
        if self._process.wait(_END_SECONDS) is None:
            self._process.kill()
            self._process.wait(5.0)

    def _wait_for_init(self) -> Outcome | None:
        deadline = time.monotonic() + _INIT_SECONDS
        while time.monotonic() < deadline:
            if self._api.ready.wait(0.01):
                return None
            try:
                return self._api.outcomes.get_nowait()
            except queue.Empty:
                continue
        return _error("Sandbox.Timedout", f"Initialisation took over {_INIT_SECONDS:.0f} seconds")

    def _timed_out(self, request_id: str) -> Outcome:
        self._process.kill()
        seconds = f"{self.function.timeout:.2f}"
        text = f"RequestId: {request_id} Error: Task timed out after {seconds} seconds"
        self._log.add(f"{request_id} Task timed out after {seconds} seconds")
        return _error("Sandbox.Timedout", text)

    def _report_exit(self) -> None:
        code = self._process.wait()
        text = f"Error: Runtime exited with error: exit status {code}"
        self._api.outcomes.put(_error("Runtime.ExitError", text))


def _error(kind: str, message: str) -> Outcome:
    payload = json.dumps({"errorType": kind, "errorMessage": message}).encode()
    return Outcome(payload, failed=True, reusable=False)


def _unpack(function: FunctionSpecification, root: Path) -> Path:
    # The hash is base64, which may hold slashes.
    folder = root / function.code_sha256.replace("/", "_").replace("+", "-").rstrip("=")
    if not folder.exists():
        draft = root / f"draft-{uuid.uuid4().hex}"
        with zipfile.ZipFile(io.BytesIO(function.code)) as archive:
            archive.extractall(draft)
        try:
            draft.rename(folder)
        except OSError:
            # Another invocation was first with the same code.
            if not folder.is_dir():
                raise
    return folder


def _runtime_environment(
    function: FunctionSpecification, folder: Path, group: str, stream: str, api: str
) -> Mapping[str, str]:
    return {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_REGION": REGION,
        "LAMBDA_TASK_ROOT": str(folder),
        "TZ": ":UTC",
        "_HANDLER": function.handler,
    }
