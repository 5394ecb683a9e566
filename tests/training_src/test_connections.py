"""Connections whose clients are slow, close half of them, or send when they are refused."""

import asyncio
import contextlib
import http.client
import json
import os
import select
import socket
import time
from copy import copy
from pathlib import Path

import pytest
import uvicorn

from autoscaling_rl.serving import lingering, protocol
from autoscaling_rl.serving.lingering import LINGER_SECONDS
from tests.training_src.endpoints import (
    BODY,
    autoscaling_artifact,
    connected,
    request,
    serving,
    state,
)

CHUNKED = b"POST /invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
HUGE = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
UPGRADE = CHUNKED + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    artifact = autoscaling_artifact(tmp_path_factory.mktemp("lingering") / "model")
    with serving(artifact) as running:
        running.wait_for("model verified")
        yield running


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


# Slow and half-closed clients


def answered(connection):
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, json.loads(answer.read())


@pytest.mark.parametrize("body", [BODY, json.dumps({"states": [state()] * 200}).encode()], ids=len)
def test_a_client_that_has_closed_its_side_gets_its_answer(endpoint, body):
    with connected(endpoint) as connection:
        connection.sendall(request(body))
        connection.shutdown(socket.SHUT_WR)
        status, answer = answered(connection)
        assert (status, len(answer["actions"])) == (200, len(json.loads(body)["states"]))
        assert connection.recv(1) == b""  # and the connection is closed


def test_a_client_that_closes_its_side_too_early_is_left(endpoint):
    for sent in (b"", b"POST /invo", request(BODY)[:-5]):
        with connected(endpoint) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
    assert endpoint.invoke({"states": [state()]})[0] == 200


def test_a_body_may_come_in_single_bytes(endpoint):
    with connected(endpoint) as connection:
        for byte in request(BODY):
            connection.sendall(bytes([byte]))
        assert answered(connection)[0] == 200


def test_requests_on_one_connection_are_answered_in_order(endpoint):
    with connected(endpoint) as connection:
        connection.sendall(request(BODY) + request(b"{}") + request(BODY, "/elsewhere"))
        stream = connection.makefile("rb")
        statuses = []
        for _ in range(3):
            statuses.append(int(stream.readline().split()[1]))
            length = 0
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            stream.read(length)
        assert statuses == [200, 400, 404]


class Transport:
    """Notes what is written, and whether the connection was closed."""

    def __init__(self):
        self.written, self.closed, self.ended, self.reading = b"", False, False, True

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True

    abort = close

    def write(self, data):
        self.written += data

    def write_eof(self):
        self.ended = True

    def get_extra_info(self, name):
        return None

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True


@pytest.fixture
def short_times(monkeypatch):
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.02)
    monkeypatch.setattr(lingering, "LINGER_SECONDS", 0.02)


async def received(application, parts, *, reset=False):
    """Return a connection some time after it got `parts`."""
    server = uvicorn.Server(uvicorn.Config(application, loop="asyncio", log_config=None))
    server.config.load()
    made = protocol.Protocol(server.config, server.server_state, {}, asyncio.get_running_loop())
    transport = Transport()
    made.connection_made(transport)
    for part in parts:
        made.data_received(part)
    await asyncio.sleep(0.1)
    left = copy(transport)
    made.connection_lost(ConnectionResetError() if reset else None)
    await asyncio.sleep(0)
    return left


@pytest.mark.parametrize(
    ("parts", "closed", "status"),
    [
        ([b""], True, None),
        ([b"POST / HT", b"TP/1.1\r\n"], True, None),
        ([request(BODY)[:-9]], True, b"408"),
        ([request(BODY)[:-9], b"xxxxxxxxx"], False, None),
        ([request(BODY), request(BODY)[:9]], False, None),
        ([b"\r\n"], True, None),
        ([b"GET /ping HTTP/1.1\r\nx: " + b"y" * 70_000], True, b"431"),
        ([b"GET /ping HTTP/1.1\r\n", *[b"x: " + b"y" * 30_000 + b"\r\n"] * 3], True, b"431"),
        ([b"GET /ping HTTP/1.1\r\n\r\n" * 70], True, None),
    ],
    ids=[
        *("nothing", "headers", "body", "all of it", "a second one"),
        *("no request", "one long header", "many headers", "many requests"),
    ],
)
def test_what_does_not_come_ends_the_connection(short_times, parts, closed, status):
    """With an application that never answers."""

    async def patient(scope, receive, send):
        while (await receive())["type"] != "http.disconnect":
            pass

    left = asyncio.run(received(patient, parts))
    written = left.written
    assert (left.closed, left.ended) == (closed, status is not None)
    assert (written.split()[1] if written else None) == status
    assert not written or b'"error":{"code":"Request' in written


def test_a_client_that_resets_after_its_refusal_leaves_nothing(short_times):
    async def refuse(scope, receive, send):
        headers = [(b"connection", b"close"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body"})

    async def run():
        left = await received(refuse, [request(BODY, length=100_000)], reset=True)
        handles = asyncio.get_running_loop()._scheduled
        return left, [each for each in handles if not each.cancelled()]

    left, timers = asyncio.run(run())
    assert left.written.startswith(b"HTTP/1.1 413")
    assert left.ended
    assert not timers


def test_what_an_application_did_not_read_is_discarded_once_it_is_refused(short_times):
    async def busy(scope, receive, send):
        await asyncio.sleep(60)

    left = asyncio.run(received(busy, [request(b"x" * 70_000, length=100_000)]))
    assert left.written.startswith(b"HTTP/1.1 408")
    assert left.reading
