"""The layer over the SDK: the unmodified client against the emulated nucleus, lite and full."""

import json
import queue
import threading

import pytest

from edge_policy import ipc
from edge_policy.ipc import Denied, Disconnected, SdkSession, Unavailable
from edge_policy.operations import Operation
from tests.edge_src.nuclei import (
    COMMAND,
    DECISION,
    STATE,
    TELEMETRY,
    configuration,
)


@pytest.fixture
def lost():
    return threading.Event()


@pytest.fixture
def session(nucleus, lost):
    made = SdkSession(lost.set)
    yield made
    made.close()


def test_the_configuration_is_read_and_watched(nucleus, session):
    assert session.configuration() == configuration()
    changed = threading.Event()
    session.on_configuration(changed.set)
    nucleus.update_configuration({"Runtime": "onnx"})
    assert changed.wait(10)
    assert session.configuration()["Runtime"] == "onnx"


def test_messages_of_a_topic_come_in_order(nucleus, session):
    got = queue.Queue()
    session.on_local(STATE, got.put)
    for number in range(200):
        nucleus.publish(STATE, b"%d" % number)
    assert [got.get(timeout=10) for _ in range(200)] == [b"%d" % number for number in range(200)]
    nucleus.publish(STATE, {"id": 7})
    assert json.loads(got.get(timeout=10)) == {"id": 7}


def test_answers_go_out(nucleus, session):
    session.publish_local(DECISION, b'{"desired":5}')
    session.publish_cloud(TELEMETRY, b"{}")
    assert [each.payload for each in nucleus.messages(DECISION)] == [b'{"desired":5}']
    assert len(nucleus.iot_core_messages(TELEMETRY)) == 1


def test_messages_of_aws_iot_core_come_in(nucleus, session):
    got = queue.Queue()
    session.on_cloud(COMMAND, got.put)
    nucleus.publish_from_iot_core(COMMAND, b'{"id":1}')
    assert got.get(timeout=10) == b'{"id":1}'


def test_what_access_control_does_not_allow_is_denied(nucleus, session, lost):
    for call in (
        lambda: session.publish_local("other", b"{}"),
        lambda: session.publish_cloud("other", b"{}"),
        lambda: session.on_local("other", print),
        lambda: session.on_cloud("other", print),
    ):
        with pytest.raises(Denied):
            call()
    session.publish_local(DECISION, b"{}")  # a refused subscription is no lost connection
    assert not lost.is_set()


def test_operations_that_lite_has_not_are_unavailable(nucleus, session, lost):
    lite = nucleus.nucleus.profile.name == "lite"
    told = []
    updates = Operation("updates", lambda kind, **details: told.append(details["reason"]))
    coming = queue.Queue()
    for _ in range(2 if lite else 1):
        assert updates.attempt(lambda: session.on_update(coming.put)) is not lite
    assert told == (["Unavailable"] if lite else [])
    assert not lost.is_set()
    session.running()
    assert nucleus.states == ["RUNNING"]
    if not lite:
        nucleus.announce_update("deployment-5")
        assert coming.get(timeout=10) == "deployment-5"
        session.defer("deployment-5", 0)


def test_offline_nothing_is_published(nucleus, session):
    nucleus.connected = False
    if nucleus.nucleus.profile.spools:
        session.publish_cloud(TELEMETRY, b"{}")
    else:
        with pytest.raises(Unavailable):
            session.publish_cloud(TELEMETRY, b"{}")
    session.publish_local(DECISION, b"{}")


def test_a_lost_connection_is_told_once(nucleus, session, lost):
    session.on_local(STATE, print)
    nucleus.disconnect()
    assert lost.wait(10)
    with pytest.raises((Disconnected, Unavailable)):
        session.publish_local(DECISION, b"{}")


def test_closing_is_no_loss(nucleus, lost):
    made = SdkSession(lost.set)
    made.on_local(STATE, print)
    made.close()
    assert nucleus.wait_for(lambda: nucleus.connections == 0)
    assert not lost.wait(0.2)


def test_without_a_nucleus_there_is_no_session(tmp_path, monkeypatch, lost):
    monkeypatch.delenv("SVCUID", raising=False)
    monkeypatch.setenv("AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT", str(tmp_path / "no"))
    with pytest.raises(Disconnected, match="SVCUID"):
        SdkSession(lost.set)
    monkeypatch.setenv("SVCUID", "x")
    with pytest.raises(Disconnected, match="no connection to the nucleus"):
        SdkSession(lost.set)


def test_a_wrong_token_is_refused(nucleus, monkeypatch, lost):
    monkeypatch.setenv("SVCUID", "wrong")
    with pytest.raises(Disconnected, match="no connection"):
        SdkSession(lost.set)


def test_a_nucleus_that_does_not_answer_is_no_connection(nucleus, session, monkeypatch):
    monkeypatch.setattr(ipc, "SECONDS", 0.0)
    with pytest.raises(Disconnected, match="does not answer"):
        session.configuration()
