"""Lambda's Invoke, over warm processes."""

import base64
import contextlib
import queue
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping

from local_mode.aws.functions.sandbox import Sandbox
from local_mode.aws.functions.specification import FunctionSpecification
from local_mode.aws.processes import ProcessKeeper
from local_mode.aws.protocol import AwsError, Response
from local_mode.aws.settings import Settings

_MAX_PAYLOAD = 6 * 1024**2
# Invocations of one function at a time when nothing is reserved: each is a process.
_MAX_CONCURRENCY = 8

Lookup = Callable[[str, str | None], FunctionSpecification]


class Functions:
    """Invokes the functions that Lambda's control plane knows."""

    def __init__(self, settings: Settings, keeper: ProcessKeeper, lookup: Lookup) -> None:
        self._settings = settings
        self._keeper = keeper
        self._lookup = lookup
        self._idle: dict[str, list[Sandbox]] = {}
        self._running: dict[str, int] = {}
        self._lock = threading.Lock()
        self._to_warm: queue.Queue[FunctionSpecification] = queue.Queue()
        threading.Thread(target=self._warm, daemon=True).start()

    def invoke(
        self, name: str, qualifier: str | None, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """Answer Invoke.

        A `DryRun` checks that the function is there, as on AWS; it also has a process start in the
        background, so that the first invocation finds it warm.

        Args:
            name: Name or ARN of the function.
            qualifier: Version or alias, None for `$LATEST`.
            headers: The request's headers, by lower-case name.
            body: The payload.

        Raises:
            AwsError: As on AWS: ResourceNotFoundException, TooManyRequestsException and others.
        """
        function = self._lookup(name, qualifier)
        if not function.runtime.startswith("python"):
            raise AwsError("InvalidRuntimeException", f"{function.runtime} does not run here.")
        if len(body) > _MAX_PAYLOAD:
            raise AwsError("RequestTooLargeException", "Over 6 MB of payload.", status=413)
        kind = headers.get("x-amz-invocation-type", "RequestResponse")
        if kind == "DryRun":
            self._to_warm.put(function)
            return Response(204)
        if kind == "Event":
            thread = threading.Thread(target=self._run_event, args=(function, body), daemon=True)
            thread.start()
            return Response(202)
        return self._run(function, body, tail=headers.get("x-amz-log-type") == "Tail")

    def close(self) -> None:
        """End the warm processes."""
        with self._lock:
            idle, self._idle = self._idle, {}
        threads = [
            threading.Thread(target=sandbox.close) for boxes in idle.values() for sandbox in boxes
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _warm(self) -> None:
        """Start processes one after the other: all at once would be slower for the first."""
        while True:
            function = self._to_warm.get()
            with self._lock:
                known = self._idle.get(function.name) or self._running.get(function.name)
            if known:
                continue
            # Whatever is wrong with the function shows when it is invoked.
            with contextlib.suppress(AwsError, OSError):
                sandbox = self._take(function)
                with self._lock:
                    self._idle.setdefault(function.name, []).append(sandbox)
                sandbox.wait_until_ready()

    def _run_event(self, function: FunctionSpecification, body: bytes) -> None:
        # The caller of an event is gone: what went wrong is in the function's log.
        with contextlib.suppress(AwsError):
            self._run(function, body, tail=False)

    def _run(self, function: FunctionSpecification, body: bytes, *, tail: bool) -> Response:
        with self._slot(function):
            sandbox = self._take(function)
            outcome = sandbox.invoke(body or b"{}")
            headers = {
                "Content-Type": "application/json",
                "X-Amz-Executed-Version": function.version,
            }
            if outcome.failed:
                headers["X-Amz-Function-Error"] = "Unhandled"
            if tail:
                headers["X-Amz-Log-Result"] = base64.b64encode(sandbox.log_tail()).decode()
            if outcome.reusable:
                with self._lock:
                    self._idle.setdefault(function.name, []).append(sandbox)
            else:
                sandbox.close()
            return Response(200, outcome.payload, headers)

    @contextlib.contextmanager
    def _slot(self, function: FunctionSpecification) -> Iterator[None]:
        reserved = function.reserved_concurrency
        limit = _MAX_CONCURRENCY if reserved is None else reserved
        with self._lock:
            running = self._running.get(function.name, 0)
            if running >= limit:
                prefix = "" if reserved is None else "ReservedFunction"
                raise AwsError(
                    "TooManyRequestsException",
                    "Rate Exceeded.",
                    status=429,
                    details={"Reason": f"{prefix}ConcurrentInvocationLimitExceeded"},
                )
            self._running[function.name] = running + 1
        try:
            yield
        finally:
            with self._lock:
                self._running[function.name] -= 1

    def _take(self, function: FunctionSpecification) -> Sandbox:
        with self._lock:
            idle = self._idle.pop(function.name, [])
            fresh = [
                box for box in idle if box.alive and box.function.identity == function.identity
            ]
            stale = [box for box in idle if box not in fresh]
            sandbox = fresh.pop() if fresh else None
            self._idle[function.name] = fresh
        for box in stale:
            box.close()
        if sandbox is not None:
            return sandbox
        try:
            return Sandbox(function, self._settings, self._keeper)
        except zipfile.BadZipFile as error:
            raise AwsError("InvalidZipFileException", str(error), status=502) from error
