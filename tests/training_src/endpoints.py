"""Artifacts to serve, states to decide on, and endpoints: processes, or the application alone."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from autoscaling_rl.artifact import write_artifact
from autoscaling_rl.controller import observation as obs
from autoscaling_rl.manifest import MANIFEST, hashes
from tests.training_src.jobs import observations, small_policy

BUNDLE = Path(__file__).parents[2] / "training_src"
HEAVY = (
    "gymnasium",
    "matplotlib",
    "numba",
    "onnx",
    "onnxruntime",
    "stable_baselines3",
    "tensorboard",
    "torch",
)
JSON = "application/json"
AS_JSON = [(b"content-type", b"application/json")]


def autoscaling_policy(head="band", *, outputs=2, **parts):
    return small_policy(head, inputs=obs.SIZE, outputs=outputs, **parts)


def autoscaling_artifact(folder, policy=None, **settings):
    """Write an artifact that decides on states."""
    policy = policy or autoscaling_policy()
    write_artifact(
        folder,
        policy=policy,
        environment={"id": "AutoScaling-v0", "profile": "default", **settings},
        preset={"toolkit": "cem"},
        seed=0,
        golden_observations=observations(inputs=policy.inputs),
        figures={},
    )
    return folder


def cartpole_artifact(folder):
    """Write an artifact that decides on observations alone."""
    write_artifact(
        folder,
        policy=small_policy(),
        environment={"id": "CartPole-v1"},
        preset={"toolkit": "sb3"},
        seed=0,
        golden_observations=observations(),
        figures={},
    )
    return folder


def relist(folder, **changes):
    """Make the manifest right again after a change of the files."""
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest |= changes
    manifest["files"] = {name: value for name, value in hashes(folder).items() if name != MANIFEST}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def daily_load(minutes, *, seed=0, mean=3000.0):
    """Return requests per minute with a daily cycle and noise, as whole numbers."""
    rng = np.random.default_rng(seed)
    cycle = 1 + 0.5 * np.sin(2 * np.pi * np.arange(minutes) / obs.DAY)
    return np.round(mean * cycle * rng.gamma(50, 1 / 50, minutes)).tolist()


def state(load=(3000.0,) * 90, **changes):
    return {
        "timestamp": "2026-01-05T12:00:00Z",
        "load": list(load),
        "active": 12,
        "pending": [0, 1],
        "capacity": 250.0,
        **changes,
    }


class Endpoint:
    """A `serve` process and what it has logged so far."""

    def __init__(self, process, *, read=True):
        self.process, self._read_on = process, read
        self.log = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = self.wait_for("listening")["port"]

    def _read(self):
        for line in self.process.stdout:
            with self._more:
                self.log.append(json.loads(line))
                self._more.notify_all()
            if not self._read_on:
                return

    def wait_for(self, message, seconds=60.0):
        """Return the first log entry with a message, which may come later."""
        deadline = time.monotonic() + seconds
        with self._more:
            while not (found := [entry for entry in self.log if entry["message"] == message]):
                assert self._more.wait(max(0.0, deadline - time.monotonic())), (
                    f"no {message!r} in {self.log}"
                )
        return found[0]

    def ask(self, method, path, body=None, **headers):
        """Return status, headers and parsed body of an answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), json.loads(answer.read())

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def invoke(self, request):
        """Return status and answer to a request, which is sent as JSON unless it is bytes."""
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        status, _, answer = self.ask("POST", "/invocations", body, Content_Type=JSON)
        return status, answer

    def memory(self):
        """Return the resident memory in MB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def stop(self):
        """Send SIGTERM and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextlib.contextmanager
def serving(folder, *options, base=None, read=True, first="pass"):
    """Run an endpoint; nothing that an artifact must do without can be imported in it.

    With `base`, it is started as SageMaker's local stand-in does it, by variables alone. Without
    `read`, no more than the first line of its log is read. `first` is a statement to begin with.
    """
    blocked = f"sys.modules.update(dict.fromkeys({HEAVY!r}))"
    run = f"import sys; {blocked}; {first}; import serve; sys.exit(serve.main(sys.argv[1:]))"
    arguments = [sys.executable, "-c", run, "--model-dir", str(folder), "--port", "0", *options]
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SM_", "SAGEMAKER_"))
    }
    variables["PYTHONPATH"] = str(BUNDLE)
    if base is not None:
        arguments = [sys.executable, "serve.py"]
        variables |= {"SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_BIND_TO_PORT": "0"}
    process = subprocess.Popen(
        arguments, cwd=BUNDLE, env=variables, stdout=subprocess.PIPE, text=True
    )
    with process, contextlib.ExitStack() as stack:
        stack.callback(end, process)
        yield Endpoint(process, read=read)


def end(process):
    """Ask a process to end, and see to it that it does."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def split(body, size):
    return [body[start : start + size] for start in range(0, len(body), size)]


def call(application, method, path, body=b"", headers=(), *, size=1 << 16):
    """Return status, headers and parsed body of the application's answer, without any server.

    With None for its body, the client goes away and there is no answer.
    """
    parts = [] if body is None else [b"", *split(body, size)]
    messages = [
        {"type": "http.request", "body": part, "more_body": place < len(parts) - 1}
        for place, part in enumerate(parts)
    ]
    sent = []

    async def receive():
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
    asyncio.run(application(scope, receive, send))
    if not sent:
        return None
    start, end = sent
    assert int(dict(start["headers"])[b"content-length"]) == len(end["body"])
    return start["status"], dict(start["headers"]), json.loads(end["body"])


def post(application, body, headers=AS_JSON, **options):
    return call(application, "POST", "/invocations", body, headers, **options)


BODY = json.dumps({"states": [state()]}).encode()


def connected(endpoint):
    return socket.create_connection(("127.0.0.1", endpoint.port), 30)


def request(body, path="/invocations", length=None):
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return (
        f"{head}Content-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body
    )
