"""The emulated IPC of a nucleus, driven by the unmodified AWS IoT Device SDK."""

import concurrent.futures
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import awsiot.greengrasscoreipc
import pytest
from awscrt.exceptions import AwsCrtError
from awsiot.eventstreamrpc import AccessDeniedError
from awsiot.greengrasscoreipc.clientv2 import GreengrassCoreIPCClientV2
from awsiot.greengrasscoreipc.model import (
    BinaryMessage,
    InvalidArgumentsError,
    JsonMessage,
    PublishMessage,
    ResourceNotFoundError,
    ServiceError,
    UnauthorizedError,
)

from local_mode.greengrass.ipc import IpcServer
from local_mode.greengrass.nucleus import Component

COMPONENT = "com.example.Policy"
TELEMETRY = "dt/{iot:thingName}/telemetry"


def rules(operations: list[str], resources: list[str]) -> dict[str, Any]:
    names = [name if name == "*" else f"aws.greengrass#{name}" for name in operations]
    return {"operations": names, "resources": resources}


CONFIGURATION = {
    "limit": 0.75,
    "topics": {"state": "autoscaling/state"},
    "accessControl": {
        "aws.greengrass.ipc.pubsub": {
            f"{COMPONENT}:pubsub:1": rules(["SubscribeToTopic"], ["autoscaling/state"]),
            f"{COMPONENT}:pubsub:2": rules(["PublishToTopic"], ["autoscaling/decision*"]),
        },
        "aws.greengrass.ipc.mqttproxy": {
            f"{COMPONENT}:mqtt:1": rules(["PublishToIoTCore"], [TELEMETRY]),
            f"{COMPONENT}:mqtt:2": rules(["SubscribeToIoTCore"], ["cmd/+/state"]),
        },
    },
}


@pytest.fixture(params=["lite", "full"])
def profile(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def server(tmp_path: Path, profile: str) -> Iterator[IpcServer]:
    path = tmp_path / "ipc.socket"
    with IpcServer(path, CONFIGURATION, profile=profile, component=COMPONENT) as server:
        yield server


@contextmanager
def connected(
    server: IpcServer, component: Component | None = None
) -> Iterator[GreengrassCoreIPCClientV2]:
    places = server.environment(component)
    connection = awsiot.greengrasscoreipc.connect(
        ipc_socket=places["AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"],
        authtoken=places["SVCUID"],
    )
    client = GreengrassCoreIPCClientV2(client=connection)
    try:
        yield client
    finally:
        client.close().exception(10)


@pytest.fixture
def client(server: IpcServer) -> Iterator[GreengrassCoreIPCClientV2]:
    with connected(server) as client:
        yield client


def json_message(document: dict[str, Any]) -> PublishMessage:
    return PublishMessage(json_message=JsonMessage(message=document))


class Received(list[Any]):
    """Events of a subscription, and what ended it."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = threading.Event()

    def callbacks(self) -> dict[str, Callable[..., Any]]:
        return {
            "on_stream_event": self.append,
            "on_stream_error": lambda error: True,
            "on_stream_closed": self.closed.set,
        }


def test_a_wrong_token_is_refused(server: IpcServer) -> None:
    path = server.environment()["AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"]
    # A nucleus lite closes the connection without a word.
    kind = AwsCrtError if server.nucleus.profile.name == "lite" else AccessDeniedError
    with pytest.raises(kind):
        awsiot.greengrasscoreipc.connect(ipc_socket=path, authtoken="wrong")
    assert server.wait_for(lambda: server.connections == 0)


def test_a_message_reaches_the_component_and_its_answer_the_device(
    server: IpcServer, client: GreengrassCoreIPCClientV2
) -> None:
    received = Received()
    client.subscribe_to_topic(topic="autoscaling/state", **received.callbacks())
    assert server.publish("autoscaling/state", {"load": [1.5, 2]}) == 1
    assert server.publish("autoscaling/state", b"\x00raw") == 1
    assert server.wait_for(lambda: len(received) == 2)
    assert received[0].json_message.message == {"load": [1.5, 2]}
    assert received[0].json_message.context.topic == "autoscaling/state"
    assert received[1].binary_message.message == b"\x00raw"
    client.publish_to_topic(
        topic="autoscaling/decision", publish_message=json_message({"desired": 3})
    )
    client.publish_to_topic(
        topic="autoscaling/decision/raw",
        publish_message=PublishMessage(binary_message=BinaryMessage(message=b"3")),
    )
    first, second = server.messages("autoscaling/decision/#")
    assert (first.document, first.is_json, first.sender) == ({"desired": 3}, True, COMPONENT)
    assert (second.payload, second.is_json) == (b"3", False)


def test_a_closed_subscription_gets_nothing_more(
    server: IpcServer, client: GreengrassCoreIPCClientV2
) -> None:
    received = Received()
    _, operation = client.subscribe_to_topic(topic="autoscaling/state", **received.callbacks())
    operation.close().result(10)
    assert received.closed.wait(10)
    assert server.wait_for(lambda: not server.subscribed("autoscaling/state"))
    assert server.publish("autoscaling/state", {}) == 0
    assert not received


@pytest.mark.parametrize("topic", ["autoscaling", "autoscaling/state/x", "other", "+/state", "#"])
def test_a_topic_outside_the_access_control_is_refused(
    client: GreengrassCoreIPCClientV2, server: IpcServer, topic: str
) -> None:
    with pytest.raises(UnauthorizedError) as refusal:
        client.subscribe_to_topic(topic=topic, **Received().callbacks())
    # A nucleus lite tells the type alone.
    assert bool(refusal.value.message) == (server.nucleus.profile.name == "full")
    assert server.nucleus.local.filters() == []


def test_an_operation_outside_the_access_control_is_refused(
    client: GreengrassCoreIPCClientV2, server: IpcServer
) -> None:
    with pytest.raises(UnauthorizedError):
        client.publish_to_topic(topic="autoscaling/state", publish_message=json_message({}))
    with pytest.raises(UnauthorizedError):
        client.publish_to_iot_core(topic_name="dt/other/telemetry", qos="1", payload=b"")
    assert server.messages() == server.iot_core_messages() == []


def test_telemetry_reaches_iot_core_under_the_name_of_the_device(
    client: GreengrassCoreIPCClientV2, server: IpcServer
) -> None:
    client.publish_to_iot_core(topic_name="dt/device-1/telemetry", qos="1", payload=b'{"a": 1}')
    (message,) = server.iot_core_messages("dt/+/telemetry")
    assert message.document == {"a": 1}


def test_commands_come_from_iot_core(client: GreengrassCoreIPCClientV2, server: IpcServer) -> None:
    received = Received()
    client.subscribe_to_iot_core(topic_name="cmd/+/state", qos="1", **received.callbacks())
    assert server.publish_from_iot_core("cmd/device-1/state", {"load": [1]}) == 1
    assert server.wait_for(lambda: received)
    assert json.loads(received[0].message.payload) == {"load": [1]}
    assert received[0].message.topic_name == "cmd/device-1/state"
    server.connected = False
    assert server.publish_from_iot_core("cmd/device-1/state", {"load": [2]}) == 0


@pytest.mark.parametrize("profile", ["lite"], indirect=True)
def test_lite_queues_nothing_while_the_device_is_offline(
    client: GreengrassCoreIPCClientV2, server: IpcServer
) -> None:
    server.connected = False
    with pytest.raises(ServiceError):
        client.publish_to_iot_core(topic_name="dt/device-1/telemetry", qos="1", payload=b"1")
    with pytest.raises(ServiceError):
        client.subscribe_to_iot_core(topic_name="cmd/+/state", qos="1", **Received().callbacks())
    server.connected = True
    assert server.iot_core_messages() == []


@pytest.mark.parametrize("profile", ["full"], indirect=True)
def test_the_full_nucleus_sends_what_waited(
    client: GreengrassCoreIPCClientV2, server: IpcServer
) -> None:
    server.connected = False
    client.publish_to_iot_core(topic_name="dt/device-1/telemetry", qos="1", payload=b"1")
    with pytest.raises(ServiceError):
        client.publish_to_iot_core(topic_name="dt/device-1/telemetry", qos="0", payload=b"0")
    assert server.iot_core_messages() == []
    server.connected = True
    assert [message.payload for message in server.iot_core_messages()] == [b"1"]


@pytest.mark.parametrize("profile", ["full"], indirect=True)
def test_the_full_nucleus_answers_a_subscription_once_it_is_online(
    client: GreengrassCoreIPCClientV2, server: IpcServer
) -> None:
    server.connected = False
    received = [Received(), Received()]
    streams = [
        client.subscribe_to_iot_core_async(topic_name="cmd/+/state", qos="1", **each.callbacks())
        for each in received
    ]
    with pytest.raises(concurrent.futures.TimeoutError):
        streams[0][0].result(0.3)
    streams[0][1].close().result(5)
    server.connected = True
    streams[1][0].result(5)
    assert server.publish_from_iot_core("cmd/device-1/state", {"load": [1]}) == 1
    assert server.wait_for(lambda: received[1])


@pytest.mark.parametrize("profile", ["full"], indirect=True)
def test_the_full_nucleus_makes_whole_numbers_of_json_floats(
    client: GreengrassCoreIPCClientV2, server: IpcServer
) -> None:
    received = Received()
    client.subscribe_to_topic(topic="autoscaling/state", **received.callbacks())
    server.publish("autoscaling/state", {"id": 7, "load": [1, 2.5], "on": True})
    assert server.wait_for(lambda: received)
    assert repr(received[0].json_message.message) == "{'id': 7.0, 'load': [1.0, 2.5], 'on': True}"


def test_configuration_is_read_by_path_and_watched(
    client: GreengrassCoreIPCClientV2, server: IpcServer
) -> None:
    assert client.get_configuration(key_path=["limit"]).value == {"limit": 0.75}
    assert client.get_configuration(key_path=["topics"]).value == {"state": "autoscaling/state"}
    whole = client.get_configuration().value
    assert whole == CONFIGURATION
    received = Received()
    client.subscribe_to_configuration_update(key_path=["limit"], **received.callbacks())
    server.update_configuration({"other": 1})
    server.update_configuration(0.5, ["limit"])
    assert server.wait_for(lambda: received)
    (event,) = received
    assert event.configuration_update_event.key_path == ["limit"]
    assert event.configuration_update_event.component_name == COMPONENT
    assert client.get_configuration(key_path=["limit"]).value == {"limit": 0.5}


def test_a_component_may_change_its_configuration_but_not_what_it_may_do(
    client: GreengrassCoreIPCClientV2,
) -> None:
    client.update_configuration(key_path=["topics"], value_to_merge={"other": "a"})
    assert client.get_configuration(key_path=["topics", "other"]).value == {"other": "a"}
    everything = {"aws.greengrass.ipc.pubsub": {"x": rules(["*"], ["*"])}}
    with pytest.raises(InvalidArgumentsError):
        client.update_configuration(key_path=["accessControl"], value_to_merge=everything)
    with pytest.raises(InvalidArgumentsError):
        client.update_configuration(value_to_merge={"accessControl": everything})


def test_what_is_not_there_is_not_found(
    client: GreengrassCoreIPCClientV2, server: IpcServer
) -> None:
    with pytest.raises(ResourceNotFoundError):
        client.get_configuration(key_path=["nothing", "here"])
    with pytest.raises(ResourceNotFoundError):
        client.get_configuration(component_name="com.example.Other")
    nucleus = server.nucleus.profile.nucleus
    assert "iotRoleAlias" in client.get_configuration(component_name=nucleus).value


def test_states_are_noted_and_unknown_ones_refused(
    client: GreengrassCoreIPCClientV2, server: IpcServer
) -> None:
    client.update_state(state="RUNNING")
    assert server.states == ["RUNNING"]
    with pytest.raises(InvalidArgumentsError):
        client.update_state(state="FINE")


def unimplemented(client: GreengrassCoreIPCClientV2) -> list[Callable[[], object]]:
    return [
        lambda: client.subscribe_to_component_updates(**Received().callbacks()),
        lambda: client.defer_component_update(deployment_id="d", recheck_after_ms=1),
        lambda: client.get_thing_shadow(thing_name="device-1", shadow_name="x"),
        client.list_components,
    ]


@pytest.mark.parametrize("profile", ["lite"], indirect=True)
def test_lite_lacks_what_the_real_one_lacks(client: GreengrassCoreIPCClientV2) -> None:
    for call in unimplemented(client):
        with pytest.raises(ServiceError) as error:
            call()
        assert error.value.message is None


@pytest.mark.parametrize("profile", ["full"], indirect=True)
def test_the_full_nucleus_lets_updates_wait(
    client: GreengrassCoreIPCClientV2, server: IpcServer
) -> None:
    received = Received()
    client.subscribe_to_component_updates(**received.callbacks())
    server.announce_update("deployment-1")
    assert server.wait_for(lambda: received)
    assert received[0].pre_update_event.deployment_id == "deployment-1"
    client.defer_component_update(deployment_id="deployment-1", recheck_after_ms=500)
    assert server.component.deferrals[0]["recheckAfterMs"] == 500
    with pytest.raises(UnauthorizedError):
        client.list_components()
    with pytest.raises(ServiceError) as error:
        client.get_thing_shadow(thing_name="device-1", shadow_name="x")
    assert error.value.message == "GetThingShadow is not implemented"


def test_a_component_notices_a_lost_connection_and_connects_again(server: IpcServer) -> None:
    received = Received()
    with connected(server) as client:
        client.subscribe_to_topic(topic="autoscaling/state", **received.callbacks())
        server.disconnect()
        assert received.closed.wait(10)
        assert server.wait_for(lambda: server.connections == 0)
        assert server.publish("autoscaling/state", {}) == 0
    with connected(server) as client:
        client.subscribe_to_topic(topic="autoscaling/state", **received.callbacks())
        assert server.publish("autoscaling/state", {"again": 1}) == 1
        assert server.wait_for(lambda: received)


def test_two_components_talk_with_their_own_rights(server: IpcServer) -> None:
    configuration = {
        "accessControl": {
            "aws.greengrass.ipc.pubsub": {"driver": rules(["*"], ["autoscaling/*"])},
        }
    }
    driver = server.nucleus.add("com.example.Driver", configuration)
    received, own = Received(), Received()
    with connected(server) as policy, connected(server, driver) as other:
        policy.subscribe_to_topic(topic="autoscaling/state", **received.callbacks())
        other.subscribe_to_topic(
            topic="autoscaling/#", receive_mode="RECEIVE_MESSAGES_FROM_OTHERS", **own.callbacks()
        )
        other.publish_to_topic(topic="autoscaling/state", publish_message=json_message({"a": 1}))
        assert server.wait_for(lambda: received)
        policy.publish_to_topic(
            topic="autoscaling/decision", publish_message=json_message({"b": 1})
        )
        assert server.wait_for(lambda: own)
        assert [event.json_message.message for event in own] == [{"b": 1}]
        with pytest.raises(UnauthorizedError):
            other.publish_to_iot_core(topic_name="dt/device-1/telemetry", qos="1", payload=b"")


@pytest.mark.parametrize("profile", ["lite"], indirect=True)
def test_lite_reads_and_writes_short_messages_alone(
    server: IpcServer, client: GreengrassCoreIPCClientV2
) -> None:
    with pytest.raises(ServiceError):
        client.publish_to_topic(
            topic="autoscaling/decision", publish_message=json_message({"load": [0] * 250})
        )
    received = Received()
    client.subscribe_to_topic(topic="autoscaling/state", **received.callbacks())
    server.publish("autoscaling/state", b"x" * 9000)  # does not fit once it is base64
    server.publish("autoscaling/state", b"short")
    assert server.wait_for(lambda: received)
    assert [event.binary_message.message for event in received] == [b"short"]
    # A longer one than it reads ends the connection.
    client.publish_to_topic_async(
        topic="autoscaling/decision",
        publish_message=PublishMessage(binary_message=BinaryMessage(message=b"x" * 9000)),
    )
    assert received.closed.wait(10)


def test_a_refusing_server_closes_at_once(server: IpcServer) -> None:
    server.refuse(True)
    with pytest.raises(Exception, match=r"(?i)connect|closed|socket"), connected(server):
        pass
    server.refuse(False)
    with connected(server) as client:
        client.update_state(state="RUNNING")


def test_a_path_that_no_socket_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at most 107 bytes"):
        IpcServer(tmp_path / ("x" * 108), {})
