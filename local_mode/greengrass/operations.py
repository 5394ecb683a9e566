"""The operations of the Greengrass IPC: what a component asks, what a nucleus does and answers."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_mode.greengrass import access
from local_mode.greengrass.nucleus import Component, Nucleus
from local_mode.greengrass.profile import count_values
from local_mode.greengrass.topics import Message

Document = dict[str, Any]
Send = Callable[[str, Document], None]


class IpcError(Exception):
    """An error answer.

    Attributes:
        kind: Its shape's name, `UnauthorizedError` for one.
        members: What the shape holds besides its message.
    """

    def __init__(self, kind: str, message: str, **members: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.members = members


@dataclass
class Stream:
    """One stream of a connection.

    Attributes:
        send: Sends an event: the name of its shape, its content. May be called in any thread.
        endings: What to call once the stream is closed.
        held: Whether the answer waits until the device reaches AWS IoT Core.
    """

    send: Send
    held: bool = False
    endings: list[Callable[[], None]] = field(default_factory=list)

    def close(self) -> None:
        """End every subscription of the stream."""
        for end in self.endings:
            end()
        self.endings.clear()


Opening = Callable[[], None]
Answer = tuple[Document, Opening | None]
"""The response, and what begins the events of a stream."""


@dataclass(frozen=True)
class Call:
    """One request of a component."""

    nucleus: Nucleus
    component: Component
    operation: str
    request: Document
    stream: Stream

    def text(self, member: str) -> str:
        """Return a required text.

        Raises:
            IpcError: If it is missing.
        """
        value = self.request.get(member)
        if not isinstance(value, str) or not value:
            raise IpcError("InvalidArgumentsError", f"{member} is missing")
        return value

    def require(self, service: str, resource: str) -> None:
        """Check the component's access control.

        Raises:
            IpcError: UnauthorizedError.
        """
        try:
            rules = self.component.configuration.read(("accessControl",))
        except KeyError:
            rules = None
        variables = self.nucleus.variables(self.component)
        name = f"aws.greengrass#{self.operation}"
        if not access.allowed(rules, service, name, resource, variables=variables):
            why = f"{self.component.name} is not authorized to perform {name} on {resource}"
            raise IpcError("UnauthorizedError", why)


def perform(call: Call) -> Answer:
    """Perform one operation.

    Raises:
        IpcError: What the nucleus answers instead.
    """
    handler = _HANDLERS.get(call.operation)
    if handler is None or call.operation in call.nucleus.profile.missing:
        raise IpcError("ServiceError", f"{call.operation} is not implemented")
    return handler(call)


def _topic_without_wildcards(call: Call, member: str) -> str:
    topic = call.text(member)
    if "+" in topic or "#" in topic:
        raise IpcError("InvalidArgumentsError", f"{topic}: wildcards are for subscriptions")
    return topic


def _publish_to_topic(call: Call) -> Answer:
    topic = _topic_without_wildcards(call, "topic")
    call.require(access.PUBSUB, topic)
    content = call.request.get("publishMessage") or {}
    body = content.get("jsonMessage") or content.get("binaryMessage") or {}
    if len(content) != 1 or "message" not in body:
        raise IpcError("InvalidArgumentsError", "one of jsonMessage and binaryMessage is needed")
    payload = body["message"] if "jsonMessage" in content else _bytes(body["message"])
    call.nucleus.publish(topic, payload, sender=call.component.name)
    return {}, None


def _bytes(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        raise IpcError("InvalidArgumentsError", "the message is not base64") from None


def _subscribe_to_topic(call: Call) -> Answer:
    topic = call.text("topic")
    call.require(access.PUBSUB, topic)
    others_only = call.request.get("receiveMode") == "RECEIVE_MESSAGES_FROM_OTHERS"

    def take(message: Message) -> None:
        if not (others_only and message.sender == call.component.name):
            call.stream.send("SubscriptionResponseMessage", message.as_event())

    def begin() -> None:
        call.stream.endings.append(call.nucleus.local.subscribe(topic, take))

    return {"topicName": topic}, begin


def _publish_to_iot_core(call: Call) -> Answer:
    topic = _topic_without_wildcards(call, "topicName")
    call.require(access.MQTT_PROXY, topic)
    qos = _quality(call)
    payload = _bytes(call.request.get("payload") or "")
    message = Message(topic, payload, sender=call.component.name)
    if not call.nucleus.publish_to_iot_core(message, at_least_once=qos == "1"):
        raise IpcError("ServiceError", "there is no connection to AWS IoT Core")
    return {}, None


def _quality(call: Call) -> str:
    quality = call.request.get("qos")
    if quality not in ("0", "1"):
        raise IpcError("InvalidArgumentsError", "qos is 0 or 1")
    return str(quality)


def _subscribe_to_iot_core(call: Call) -> Answer:
    topic = call.text("topicName")
    call.require(access.MQTT_PROXY, topic)
    _quality(call)
    if not call.nucleus.connected and not call.nucleus.profile.spools:
        raise IpcError("ServiceError", "there is no connection to AWS IoT Core")
    call.stream.held = not call.nucleus.connected

    def begin() -> None:
        end = call.nucleus.iot_core.subscribe(
            topic, lambda message: call.stream.send("IoTCoreMessage", message.as_mqtt())
        )
        call.stream.endings.append(end)

    return {}, begin


def _named_component(call: Call) -> Component:
    name = call.request.get("componentName") or call.component.name
    component = call.nucleus.components.get(name)
    if component is None:
        raise IpcError(
            "ResourceNotFoundError",
            f"there is no component {name}",
            resourceType="component",
            resourceName=str(name),
        )
    return component


def _get_configuration(call: Call) -> Answer:
    component = _named_component(call)
    path = list(map(str, call.request.get("keyPath") or ()))
    try:
        value = component.configuration.read(path)
    except KeyError:
        raise IpcError(
            "ResourceNotFoundError",
            f"{component.name} has no configuration at {'/'.join(path)}",
            resourceType="configuration",
            resourceName="/".join(path),
        ) from None
    # The answer's member is an object: anything else comes under the last key.
    found = value if isinstance(value, dict) else {path[-1]: value}
    return {"componentName": component.name, "value": found}, None


def _update_configuration(call: Call) -> Answer:
    path = list(map(str, call.request.get("keyPath") or ()))
    if "valueToMerge" not in call.request:
        raise IpcError("InvalidArgumentsError", "valueToMerge is missing")
    if "accessControl" in (path or call.request["valueToMerge"]):
        raise IpcError("InvalidArgumentsError", "a component cannot change its access control")
    value, time = call.request["valueToMerge"], call.request.get("timestamp")
    try:
        call.component.configuration.merge(
            value, path, time=time if isinstance(time, int | float) else None
        )
    except ValueError as error:
        raise IpcError("InvalidArgumentsError", str(error)) from None
    return {}, None


def _subscribe_to_configuration(call: Call) -> Answer:
    component = _named_component(call)
    path = tuple(map(str, call.request.get("keyPath") or ()))

    def changed(where: tuple[str, ...]) -> None:
        event = {"componentName": component.name, "keyPath": list(where)}
        call.stream.send("ConfigurationUpdateEvents", {"configurationUpdateEvent": event})

    def begin() -> None:
        call.stream.endings.append(component.configuration.watch(path, changed))

    return {}, begin


def _update_state(call: Call) -> Answer:
    state = call.text("state")
    if state not in ("RUNNING", "ERRORED"):
        raise IpcError("InvalidArgumentsError", f"{state}: a component is RUNNING or ERRORED")
    call.component.states.append(state)
    call.nucleus.notice()
    return {}, None


def _subscribe_to_updates(call: Call) -> Answer:
    def send(event: Document) -> None:
        call.stream.send("ComponentUpdatePolicyEvents", event)

    def begin() -> None:
        listeners = call.nucleus.update_listeners
        listeners.append(send)
        call.stream.endings.append(lambda: listeners.remove(send))

    return {}, begin


def _defer_update(call: Call) -> Answer:
    call.text("deploymentId")
    call.component.deferrals.append(call.request)
    call.nucleus.notice()
    return {}, None


def _list_components(call: Call) -> Answer:
    call.require(access.CLI, "*")
    components = [
        {
            "componentName": item.name,
            "version": item.version,
            "state": item.states[-1] if item.states else "INSTALLED",
            "configuration": item.configuration.read(),
        }
        for item in call.nucleus.components.values()
    ]
    return {"components": components}, None


_HANDLERS: Mapping[str, Callable[[Call], Answer]] = {
    "DeferComponentUpdate": _defer_update,
    "GetConfiguration": _get_configuration,
    "ListComponents": _list_components,
    "PublishToIoTCore": _publish_to_iot_core,
    "PublishToTopic": _publish_to_topic,
    "SubscribeToComponentUpdates": _subscribe_to_updates,
    "SubscribeToConfigurationUpdate": _subscribe_to_configuration,
    "SubscribeToIoTCore": _subscribe_to_iot_core,
    "SubscribeToTopic": _subscribe_to_topic,
    "UpdateConfiguration": _update_configuration,
    "UpdateState": _update_state,
}


def check_size(nucleus: Nucleus, request: Document) -> None:
    """Refuse a request with more values than the nucleus can read.

    Raises:
        IpcError: ServiceError.
    """
    if count_values(request) > nucleus.profile.max_values:
        most = nucleus.profile.max_values
        raise IpcError("ServiceError", f"the message holds more than {most} values")
