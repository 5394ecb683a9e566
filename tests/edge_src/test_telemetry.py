"""Telemetry: what is stored, how it is summed up, and how it is sent."""

import json
import threading

import pytest

from edge_policy.backoff import Backoff
from edge_policy.ipc import Denied, Disconnected, IpcError, Unavailable
from edge_policy.operations import Operation
from edge_policy.sender import Sender
from edge_policy.spool import Spool
from edge_policy.telemetry import MOST_BYTES, MOST_EVENTS, MOST_UNSTORED, Telemetry, numbered


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool", durable=False)


def waiting(spool):
    found = []
    while (oldest := spool.oldest()) is not None:
        found.append(json.loads(numbered(*oldest)))
        spool.acknowledge(oldest[0])
    return found


def test_an_event_says_when_and_of_whom(spool):
    telemetry = Telemetry(spool, {"thing": "device-7"}, clock=lambda: 1e9)
    telemetry.event("refused", model="a", reason="no")
    (event,) = waiting(spool)
    assert event == {
        "sequence": 1,
        "schema": 1,
        "time": "2001-09-09T01:46:40.000Z",
        "type": "refused",
        "thing": "device-7",
        "model": "a",
        "reason": "no",
    }
    assert telemetry.wake.is_set()


def test_events_without_end_are_counted_alone(spool):
    telemetry = Telemetry(spool, {})
    for _ in range(MOST_EVENTS + 50):
        telemetry.event("failed")
    assert len(waiting(spool)) == MOST_EVENTS
    assert telemetry.summarise()["events"] == {"failed": MOST_EVENTS + 50}
    telemetry.event("failed")
    assert [each["type"] for each in waiting(spool)] == ["summary", "failed"]


def test_a_summary_counts_decisions(spool):
    now = [100.0]
    telemetry = Telemetry(spool, {}, clock=lambda: now[0])
    for place in range(100):
        answer = {"source": "model", "fallback": place % 4 == 0, "doubts": ["stale"][: place % 4]}
        telemetry.decided({**answer, "doubts": [] if place % 4 else ["stale"]}, 0.001 * place)
    telemetry.decided({"error": {}}, 1.0)
    telemetry.decided({"source": "model", "actions": [1]}, 0.0)
    telemetry.count("answers_lost")
    now[0] = 160.0
    summary = telemetry.summarise(source="model")
    assert summary["counts"] == {
        "decisions": 101, "source_model": 101, "fallbacks": 25, "doubt_stale": 25, "errors": 1,
        "answers_lost": 1,
    }  # fmt: skip
    assert summary["fallback_share"] == 0.2475
    assert (summary["seconds"], summary["source"]) == (60.0, "model")
    assert summary["latency_ms"] == {"p50": 49.0, "p99": 98.0, "max": 1000.0}
    empty = telemetry.summarise()
    assert (empty["counts"], empty["fallback_share"]) == ({}, None)
    assert empty["latency_ms"]["p50"] is None


def test_a_message_fits_into_what_a_nucleus_takes(spool):
    telemetry = Telemetry(spool, {})
    telemetry.event("summary", features={str(n): 0.5 for n in range(5000)}, counts={"a": 1})
    telemetry.event("decision", answer="x" * 9000, reason="y")
    telemetry.event("refused", reason="x" * 9000)
    found = waiting(spool)
    assert all(len(json.dumps(each)) <= MOST_BYTES + 200 for each in found)
    assert found[0]["features"] == found[2]["reason"] == "omitted: too long"
    assert found[0]["counts"] == {"a": 1}
    assert found[1]["reason"] == "y"


def test_without_a_spool_events_are_counted_as_lost():
    telemetry = Telemetry(None, {})
    telemetry.event("refused")
    assert telemetry.lost == 1


def test_whatever_is_too_long_a_message_fits(spool):
    telemetry = Telemetry(spool, {"thing": "device-7"})
    telemetry.event("model", environment="e" * 9000, source_revision=["r"] * 4000)
    telemetry.count("doubt_" + "d" * 9000)
    telemetry.summarise(waiting=3)
    found = waiting(spool)
    assert all(len(json.dumps(each)) <= MOST_BYTES + 200 for each in found)
    assert [each["type"] for each in found] == ["model", "summary"]
    assert {each["thing"] for each in found} == {"device-7"}
    assert found[0]["environment"] == "omitted: too long"
    assert found[1]["waiting"] == 3


def test_what_the_disk_refuses_is_sent_from_memory(tmp_path):
    telemetry, cloud = Telemetry(None, {}), Cloud()
    sender = Sender(None, cloud.publish, Backoff(1.0, 8.0), unstored=telemetry.unstored)
    assert sender.send_one() is None
    for number in range(MOST_UNSTORED + 5):
        telemetry.event("refused", n=number)
    cloud.there = False
    assert sender.send_one() > 0
    cloud.there = True
    while sender.send_one() == 0.0:
        pass
    assert cloud.got == list(range(5, MOST_UNSTORED + 5))
    assert cloud.numbers == [None] * MOST_UNSTORED
    assert telemetry.lost == MOST_UNSTORED + 5


class Cloud:
    """Takes messages while it is there."""

    def __init__(self):
        self.got, self.numbers, self.there, self.tried = [], [], True, threading.Event()

    def publish(self, payload):
        self.tried.set()
        if not self.there:
            raise Unavailable("offline")
        message = json.loads(payload)
        self.got.append(message["n"])
        self.numbers.append(message["sequence"])


def fill(spool, numbers):
    for number in numbers:
        spool.put(json.dumps({"n": number}).encode())


def test_what_waits_is_sent_in_order(spool):
    cloud = Cloud()
    sender = Sender(spool, cloud.publish, Backoff(1.0, 8.0, draw=lambda: 0.0))
    assert sender.send_one() is None
    fill(spool, range(5))
    cloud.there = False
    assert [sender.send_one() for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, 8.0]
    cloud.there = True
    assert [sender.send_one() for _ in range(6)] == [0.0] * 5 + [None]
    assert cloud.got == [0, 1, 2, 3, 4]
    assert sender.failures == 5
    fill(spool, [5])
    cloud.there = False
    assert sender.send_one() == 1.0


def test_a_thread_sends_what_comes_and_ends(spool):
    cloud, wake = Cloud(), threading.Event()
    sender = Sender(spool, cloud.publish, Backoff(100.0, 100.0))
    cloud.there = False
    fill(spool, range(3))
    thread = threading.Thread(target=sender.run, args=(wake,))
    thread.start()
    assert cloud.tried.wait(10)
    assert cloud.got == []
    cloud.there = True
    sender.retry()  # else it would wait for 50 seconds at least
    while spool.waiting:
        cloud.tried.wait(0.01)
    fill(spool, [3])
    wake.set()
    while spool.waiting:
        cloud.tried.wait(0.01)
    fill(spool, [4, 5])
    sender.end(10.0)
    thread.join(10)
    assert not thread.is_alive()
    assert cloud.got == [0, 1, 2, 3, 4, 5]


def test_ending_waits_for_nobody(spool):
    cloud, wake = Cloud(), threading.Event()
    cloud.there = False
    fill(spool, range(3))
    sender = Sender(spool, cloud.publish, Backoff(100.0, 100.0))
    thread = threading.Thread(target=sender.run, args=(wake,))
    thread.start()
    assert cloud.tried.wait(10)
    sender.end(10.0)
    thread.join(5)
    assert not thread.is_alive()
    assert spool.waiting == 3


def test_waits_double_and_scatter():
    drawn = iter([0.0, 1.0, 0.5, 0.0])
    backoff = Backoff(1.0, 300.0, draw=lambda: next(drawn))
    assert [backoff.wait() for _ in range(3)] == [1.0, 1.0, 3.0]
    backoff.reset()
    assert backoff.wait() == 1.0
    backoff = Backoff(1.0, 300.0)
    waits = [backoff.wait() for _ in range(2000)]
    assert all(150 <= wait <= 300 for wait in waits[20:])
    assert len(set(waits[20:])) > 100


def test_an_operation_that_is_not_there_is_tried_once():
    told, tried = [], []
    operation = Operation("PutComponentMetric", lambda kind, **details: told.append(details))

    def missing():
        tried.append(1)
        raise Unavailable("ServiceError")

    assert [operation.attempt(missing) for _ in range(3)] == [False] * 3
    assert len(tried) == 1
    assert told == [{"name": "PutComponentMetric", "works": False, "reason": "Unavailable"}]


@pytest.mark.parametrize("error", [Unavailable, Denied, Disconnected])
def test_an_operation_that_has_worked_may_fail(error):
    told = []
    operation = Operation("x", lambda kind, **details: told.append(details))

    def fails():
        raise error("now")

    if error is Disconnected:  # says nothing of the operation
        assert not operation.attempt(fails)
    assert operation.attempt(lambda: None)
    assert not operation.attempt(fails)
    assert operation.attempt(lambda: None)
    assert told == []
    assert issubclass(error, IpcError)
