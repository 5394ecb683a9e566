"""The Lambda runtime API: how a runtime client fetches invocations and hands back its answers.

AWS publishes the interface so that anyone can write a runtime; here it is the other side of it.
"""

import queue
import socketserver
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ROOT = "/2018-06-01/runtime"
_NEXT = f"{_ROOT}/invocation/next"
_INIT_ERROR = f"{_ROOT}/init/error"


@dataclass(frozen=True)
class Invocation:
    """One call of a function: its id, ARN, payload and the time of its deadline (ms since 1970)."""

    request_id: str
    function_arn: str
    payload: bytes
    deadline_ms: int


@dataclass(frozen=True)
class Outcome:
    """What came of an invocation.

    Attributes:
        payload: The answer, or the error as JSON.
        failed: Whether the payload is an error.
        reusable: Whether the process can take another invocation.
    """

    payload: bytes
    failed: bool = False
    reusable: bool = True


class RuntimeApi:
    """The runtime API of one process, on a loopback port of its own."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.outcomes: queue.Queue[Outcome] = queue.Queue()
        self.invocations: queue.Queue[Invocation | None] = queue.Queue()
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """`host:port`, as AWS_LAMBDA_RUNTIME_API has it."""
        return f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Let the waiting request go and stop listening."""
        self.invocations.put(None)
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: RuntimeApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api

    def server_bind(self) -> None:
        # The inherited one asks a name server for the name of this machine.
        socketserver.TCPServer.server_bind(self)
        self.server_name = "127.0.0.1"
        self.server_port = self.server_address[1]


class _Handler(BaseHTTPRequestHandler):
    # The runtime client keeps its connection.
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        if self.path != _NEXT:
            self._answer(404)
            return
        self.server.api.ready.set()
        invocation = self.server.api.invocations.get()
        if invocation is None:
            self._answer(410)
            return
        # Without the trace id or the content type the runtime client crashes without a word.
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
        }
        self._answer(200, invocation.payload, headers)

    def do_POST(self) -> None:
        payload = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        outcomes = self.server.api.outcomes
        if self.path == _INIT_ERROR:
            outcomes.put(Outcome(payload, failed=True, reusable=False))
        elif self.path.endswith("/response"):
            outcomes.put(Outcome(payload))
        elif self.path.endswith("/error"):
            outcomes.put(Outcome(payload, failed=True))
        else:
            self._answer(404)
            return
        self._answer(202, b"{}")

    def _answer(
        self, status: int, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: each invocation would be two lines in the server's log."""
