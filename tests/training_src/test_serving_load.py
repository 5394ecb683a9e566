"""The endpoint under load and abuse: bounded, and never a fault for what a client does wrong."""

import asyncio
import http.client
import json
import socket
import threading
import time

import pytest
import uvicorn

from autoscaling_rl.serving import admission, protocol
from autoscaling_rl.serving.admission import Queue, Slot
from autoscaling_rl.serving.application import Application
from autoscaling_rl.serving.model import Model
from autoscaling_rl.serving.requests import Refused
from tests.training_src.endpoints import (
    autoscaling_artifact,
    call,
    daily_load,
    post,
    serving,
    state,
)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return autoscaling_artifact(tmp_path_factory.mktemp("load") / "model")


@pytest.fixture(scope="module")
def endpoint(artifact):
    with serving(artifact) as running:
        running.wait_for("model verified")
        yield running


@pytest.fixture
def small(artifact):
    """An application with room for two requests and a kilobyte."""
    model = Model(artifact)
    model.load()
    made = Application(model, Queue(most_requests=2, most_bytes=1000))
    yield made
    made.close()


BODY = json.dumps({"states": [state()]}).encode()


# The queue


def test_requests_beyond_the_queue_are_sent_away(small):
    with Slot(small.queue), Slot(small.queue):
        status, headers, answer = post(small, BODY)
    assert (status, headers[b"retry-after"]) == (503, b"1")
    assert answer["error"]["code"] == "Overloaded"
    assert small.queue.refused == 1
    assert post(small, BODY)[0] == 200
    assert call(small, "GET", "/ping")[0] == 200


def test_bodies_beyond_the_bytes_are_sent_away(small):
    with Slot(small.queue) as other:
        other.hold(1000 - len(BODY) + 1)
        status, headers, _ = post(small, BODY)
        assert (status, headers[b"retry-after"]) == (503, b"1")
    assert post(small, BODY)[0] == 200
    assert (small.queue.waiting, small.queue.held) == (0, 0)


@pytest.mark.parametrize("body", [BODY, b"{", None, b"x" * 900], ids=["good", "bad", "gone", "no"])
def test_whatever_comes_of_a_request_its_place_is_free_again(small, body):
    post(small, body)
    assert (small.queue.waiting, small.queue.held) == (0, 0)


def test_a_slot_counts_what_it_holds():
    queue = Queue(most_requests=1, most_bytes=10)
    with Slot(queue) as slot:
        slot.hold(6)
        with pytest.raises(Refused):
            slot.hold(5)
        slot.hold(4)
        assert (queue.waiting, queue.held, slot.held) == (1, 10, 10)
    assert (queue.waiting, queue.held) == (0, 0)


def test_a_flood_is_answered_or_sent_away_and_ping_goes_on(endpoint):
    batch = json.dumps({"states": [state(daily_load(400))] * 80}).encode()
    found, count = [], admission.MOST_REQUESTS + 40

    def ask():
        connection = endpoint.connect()
        connection.request("POST", "/invocations", batch, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        found.append((answer.status, answer.getheader("Retry-After")))
        answer.read()
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    assert endpoint.ask("GET", "/ping")[0] == 200
    for thread in threads:
        thread.join()
    assert set(found) == {(200, None), (503, "1")}
    assert len(found) == count
    assert endpoint.invoke({"states": [state()]})[0] == 200


# Slow and half-closed clients


def connected(endpoint):
    return socket.create_connection(("127.0.0.1", endpoint.port), 30)


def request(body, path="/invocations", length=None):
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return (
        f"{head}Content-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body
    )


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
        self.written, self.closed = b"", False

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True

    def write(self, data):
        self.written += data

    def get_extra_info(self, name):
        return None

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


@pytest.mark.parametrize(
    ("parts", "closed", "status"),
    [
        ([b""], True, None),
        ([b"POST / HT", b"TP/1.1\r\n"], True, None),
        ([request(BODY)[:-9]], True, b"408"),
        ([request(BODY)[:-9], b"xxxxxxxxx"], False, None),
        ([request(BODY), request(BODY)[:9]], False, None),
    ],
    ids=["nothing", "headers", "body", "all of it", "a second one"],
)
def test_what_does_not_come_ends_the_connection(monkeypatch, parts, closed, status):
    """With a short time, and an application that never answers."""

    async def patient(scope, receive, send):
        while (await receive())["type"] != "http.disconnect":
            pass

    async def run():
        server = uvicorn.Server(uvicorn.Config(patient, loop="asyncio", log_config=None))
        server.config.load()
        made = protocol.Protocol(server.config, server.server_state, {}, asyncio.get_running_loop())
        transport = Transport()
        made.connection_made(transport)
        for part in parts:
            made.data_received(part)
        await asyncio.sleep(0.1)
        found = transport.closed, transport.written
        made.connection_lost(None)
        await asyncio.sleep(0)
        return found

    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.02)
    ended, written = asyncio.run(run())
    assert ended == closed
    assert (written.split()[1] if written else None) == status
    assert not written or b'"code":"RequestTimeout"' in written


def test_a_log_that_nobody_reads_stops_no_decision(artifact):
    """More is logged than the pipe holds, and the end of the process does not wait either."""
    with serving(artifact, read=False) as running:
        while running.ask("GET", "/ping")[0] != 200:
            time.sleep(0.05)
        for _ in range(40):
            assert running.invoke({"states": [state()] * 20})[0] == 200
        begun = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - begun < 15
