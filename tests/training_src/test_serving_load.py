"""The endpoint under load and abuse: bounded, and never a fault for what a client does wrong."""

import asyncio
import contextlib
import json
import threading
import time

import pytest

from autoscaling_rl.controller.controller import MOST_FOLLOWED
from autoscaling_rl.controller.state import LONGEST_LOAD
from autoscaling_rl.serving import admission
from autoscaling_rl.serving.admission import Body, Queue, Slot, announced
from autoscaling_rl.serving.application import Application
from autoscaling_rl.serving.model import Model
from autoscaling_rl.serving.requests import Refused
from tests.training_src.banks import fixed_policy
from tests.training_src.endpoints import (
    BODY,
    autoscaling_artifact,
    call,
    connected,
    daily_load,
    post,
    request,
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
    with Body(small.queue) as other:
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
    with Body(queue) as body:
        body.hold(6)
        with pytest.raises(Refused):
            body.hold(5)
        body.hold(4)
        assert (queue.waiting, queue.held, body.held) == (0, 10, 10)
    assert (queue.held, queue.refused) == (0, 1)


def test_no_more_work_is_let_in_than_a_drain_has_time_for(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(admission.time, "monotonic", lambda: clock[0])
    queue = Queue()
    for _ in range(100):
        with Slot(queue):
            clock[0] += 3.0
    assert queue.expected == pytest.approx(3.0, rel=0.01)
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(Slot(queue))
        with pytest.raises(Refused):  # 15 seconds are over the limit of 12
            stack.enter_context(Slot(queue))


def test_the_first_large_requests_are_weighed_by_what_they_hold():
    queue = Queue()
    for _ in range(20):  # small ones, which say nothing of large ones
        with Slot(queue):
            pass
    with Slot(queue, 5.0), Slot(queue, 5.0), Slot(queue):
        with pytest.raises(Refused):
            Slot(queue, 5.0).__enter__()
        assert (queue.waiting, queue.announced) == (3, 10.0)
    assert (queue.waiting, queue.announced) == (0, 0.0)


def test_a_body_of_states_announces_its_minutes_of_load():
    load = json.dumps({"states": [{"load": [1.0] * 10_000}]}).encode()
    assert announced(load, 1e-4) == pytest.approx(1.0, rel=0.01)
    assert announced(load * 100, 1e-4) == pytest.approx(1e-4 * MOST_FOLLOWED)
    assert announced(load, 0.0) == announced(load.replace(b"states", b"observations"), 1e-4) == 0.0


@pytest.mark.parametrize(("policy", "status"), [(fixed_policy(), 503), (None, 200)])
def test_two_weeks_are_weighed_where_a_bank_has_to_follow_them(tmp_path, policy, status):
    """Eleven seconds of work wait, and two weeks of load take a bank about one more."""
    model = Model(autoscaling_artifact(tmp_path / "model", policy))
    model.load()
    made = Application(model)
    with Slot(made.queue, 11.1):
        body = json.dumps({"states": [state([1.0] * LONGEST_LOAD)]}).encode()
        assert post(made, body)[0] == status
    assert made.close()


def test_what_nobody_waits_for_any_more_is_told_at_the_end(small):
    begun, go_on = threading.Event(), threading.Event()

    def work():
        begun.set()
        go_on.wait(30)

    async def ask():
        asking = asyncio.ensure_future(small._in_thread(work))
        await asyncio.to_thread(begun.wait, 30)
        asking.cancel()

    asyncio.run(ask())
    assert not small.close()
    go_on.set()


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


# What is left behind


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


def test_requests_that_nobody_reads_the_answers_of_take_no_memory(artifact):
    with serving(artifact) as running:
        running.wait_for("model verified")
        before = running.memory()
        with connected(running) as connection:
            connection.settimeout(0.5)
            many = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
            with contextlib.suppress(TimeoutError, ConnectionError):
                for _ in range(200):
                    connection.sendall(many)
            assert running.ask("GET", "/ping")[0] == 200
            assert running.memory() < before + 40


def test_clients_that_send_nothing_more_keep_nobody_out(endpoint):
    with contextlib.ExitStack() as stack:
        for _ in range(admission.MOST_REQUESTS + 5):
            connection = stack.enter_context(connected(endpoint))
            connection.sendall(request(b"{", length=100))
        assert endpoint.invoke({"states": [state()]})[0] == 200


@pytest.mark.slow
def test_work_that_would_take_too_long_is_refused_at_once(tmp_path):
    """Two weeks of load for each of fifty fleets would take half a minute."""
    load = [round(each) for each in daily_load(LONGEST_LOAD)]
    with serving(autoscaling_artifact(tmp_path / "model", fixed_policy())) as running:
        running.wait_for("model verified")
        status, answer = running.invoke({"states": [state(load)] * 6})
        assert (status, answer["error"]["field"]) == (400, "states")
        assert "hold over 100800 minutes of load that no memory holds" in answer["error"]["message"]
        status, answer = running.invoke({"states": [state(load)] * 2})
        assert status == 200
        # With their memories there is next to nothing to do.
        again = [
            state(load[-2:], timestamp="2026-01-05T12:02Z", memory=each)
            for each in answer["memory"]
        ]
        status, answer = running.invoke({"states": again * 15})
        assert (status, len(answer["desired"])) == (200, 30)
        assert running.memory() < 150
