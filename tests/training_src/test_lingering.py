"""A client that is refused while it sends gets its answer: real processes on loopback."""

import contextlib
import http.client
import json
import os
import select
import socket
import time
from pathlib import Path

import pytest

from autoscaling_rl.serving.lingering import LINGER_SECONDS
from tests.training_src.endpoints import autoscaling_artifact, serving, state

CHUNKED = b"POST /invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
HUGE = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
UPGRADE = CHUNKED + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    artifact = autoscaling_artifact(tmp_path_factory.mktemp("lingering") / "model")
    with serving(artifact) as running:
        running.wait_for("model verified")
        yield running


def connected(endpoint):
    return socket.create_connection(("127.0.0.1", endpoint.port), 30)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (UPGRADE, 400),
        (CHUNKED + b"\r\nzz\r\n", 400),
        (HUGE, 413),
        (b"GET /ping HTTP/1.1\r\nx: " + b"y" * 70_000, 431),
    ],
    ids=["another protocol", "no chunk", "a huge body", "long headers"],
)
def test_who_still_sends_gets_the_answer(endpoint, sent, status):
    with connected(endpoint) as connection:
        connection.sendall(sent)
        assert select.select([connection], [], [], 30)[0], "no answer"
        for _ in range(20):  # of which the first would end in a reset, and the second fail
            connection.sendall(b"5\r\nxxxxx\r\n" * 1000)
            time.sleep(0.01)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, answer.getheader("connection")) == (status, "close")
        assert set(json.loads(answer.read())["error"]) == {"code", "message", "field"}
        assert connection.recv(1) == b""


def test_who_never_ends_is_cut_off(endpoint):
    with connected(endpoint) as connection:
        connection.sendall(HUGE)
        begun = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < begun + 10 * LINGER_SECONDS:
                connection.sendall(b"x" * 1000)
                time.sleep(0.05)
    assert LINGER_SECONDS / 2 < time.monotonic() - begun < 5 * LINGER_SECONDS


def test_who_has_sent_all_is_not_waited_for(endpoint):
    body = json.dumps({"states": [state()]}).encode()
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    whole = head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    before = sockets(endpoint)
    for sent in (whole, UPGRADE):
        with connected(endpoint) as connection:
            connection.sendall(sent)
            if sent is UPGRADE:
                connection.shutdown(socket.SHUT_WR)
            begun = time.monotonic()
            while connection.recv(1 << 16):
                pass
            while sockets(endpoint) > before:  # which this side still has
                assert time.monotonic() - begun < LINGER_SECONDS / 2
                time.sleep(0.01)


def sockets(endpoint):
    """Return how many sockets the endpoint's process has."""
    count = 0
    for name in Path(f"/proc/{endpoint.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += os.readlink(name).startswith("socket:")
    return count
