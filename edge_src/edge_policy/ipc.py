"""The nucleus by its inter-process communication: a thin layer over the SDK's client.

Every operation has a deadline, and what it raises is one of three kinds of `IpcError`. They follow
from the type of the SDK's error alone: nucleus lite sends no text.
"""

import concurrent.futures
import json
import threading
from collections.abc import Callable
from typing import Any, Protocol

SECONDS = 10.0  # of an operation
CONNECT_SECONDS = 3.0  # a nucleus of this device answers in milliseconds
CLOUD_SECONDS = 3.0  # the Java nucleus answers once it has reached AWS; the end must not wait long


class IpcError(Exception):
    """An operation failed."""


class Unavailable(IpcError):
    """The nucleus cannot do it, now (offline) or at all (not implemented)."""


class Denied(IpcError):
    """The component's accessControl does not allow it."""


class Disconnected(IpcError):
    """There is no connection, or no answer in time."""


class Session(Protocol):
    """A connection to the nucleus; every operation may raise an `IpcError`.

    What is called with events must return at once, and call no operation itself.
    """

    def configuration(self) -> dict[str, Any]:
        """Return the component's configuration."""

    def on_configuration(self, changed: Callable[[], None]) -> None:
        """Have every change of the configuration told."""

    def on_local(self, topic: str, receive: Callable[[bytes], None]) -> None:
        """Have the messages of a local topic told, in order."""

    def on_cloud(self, topic: str, receive: Callable[[bytes], None]) -> None:
        """Have the messages of a topic of AWS IoT Core told, in order."""

    def publish_local(self, topic: str, payload: bytes) -> None:
        """Publish to the components of this device."""

    def publish_cloud(self, topic: str, payload: bytes) -> None:
        """Publish to AWS IoT Core, at least once."""

    def running(self) -> None:
        """Say that the component is ready."""

    def on_update(self, coming: Callable[[str], None]) -> None:
        """Have the deployments told that are about to restart this component."""

    def defer(self, deployment: str, milliseconds: int) -> None:
        """Have a deployment wait; 0: go on."""

    def close(self) -> None:
        """Close the connection."""


# Takes what is called once the connection, or a subscription, is gone.
Connect = Callable[[Callable[[], None]], Session]


class SdkSession:
    """A session of the AWS IoT Device SDK."""

    def __init__(self, lost: Callable[[], None]) -> None:
        """Connect to the nucleus that started this process.

        Raises:
            Disconnected: there is none, or it does not take this component.
        """
        # Here, not above: whoever only decides needs none of it.
        from awsiot import eventstreamrpc
        from awsiot.greengrasscoreipc import clientv2, connect, model

        self._model, self._lost, self._closing = model, lost, False
        self._once = threading.Lock()

        class Lifecycle(eventstreamrpc.LifecycleHandler):  # type: ignore[misc]
            """Tells when the connection ends."""

            def on_disconnect(self, reason: Exception | None) -> None:
                """Tell it."""
                session._gone()

        session = self
        try:
            client = connect(lifecycle_handler=Lifecycle(), timeout=CONNECT_SECONDS)
        except KeyError as error:
            raise Disconnected(
                f"the variable {error} is not set: no nucleus started this"
            ) from None
        except Exception as error:
            raise Disconnected(f"no connection to the nucleus: {error!r}") from error
        # Without an executor events are told in the order in which they came, by the thread that
        # reads the socket: whoever is told must not wait for an operation there.
        self._client = clientv2.GreengrassCoreIPCClientV2(client, executor=None)

    def configuration(self) -> dict[str, Any]:
        """Return the component's configuration."""
        answer = self._do(self._client.get_configuration_async, key_path=[])
        return dict(answer.value or {})

    def on_configuration(self, changed: Callable[[], None]) -> None:
        """Have every change of the configuration told."""
        self._subscribe(
            self._client.subscribe_to_configuration_update_async,
            lambda event: changed(),
            key_path=[],
        )

    def on_local(self, topic: str, receive: Callable[[bytes], None]) -> None:
        """Have the messages of a local topic told, in order."""
        self._subscribe(
            self._client.subscribe_to_topic_async,
            lambda event: receive(_local(event)),
            topic=topic,
        )

    def on_cloud(self, topic: str, receive: Callable[[bytes], None]) -> None:
        """Have the messages of a topic of AWS IoT Core told, in order."""
        self._subscribe(
            self._client.subscribe_to_iot_core_async,
            lambda event: receive(event.message.payload or b""),
            seconds=CLOUD_SECONDS,
            topic_name=topic,
            qos=self._model.QOS.AT_LEAST_ONCE,
        )

    def publish_local(self, topic: str, payload: bytes) -> None:
        """Publish to the components of this device."""
        model = self._model
        message = model.PublishMessage(binary_message=model.BinaryMessage(message=payload))
        self._do(self._client.publish_to_topic_async, topic=topic, publish_message=message)

    def publish_cloud(self, topic: str, payload: bytes) -> None:
        """Publish to AWS IoT Core, at least once."""
        qos = self._model.QOS.AT_LEAST_ONCE
        self._do(self._client.publish_to_iot_core_async, topic_name=topic, qos=qos, payload=payload)

    def running(self) -> None:
        """Say that the component is ready."""
        state = self._model.ReportedLifecycleState.RUNNING
        self._do(self._client.update_state_async, state=state)

    def on_update(self, coming: Callable[[str], None]) -> None:
        """Have the deployments told that are about to restart this component."""

        def told(event: Any) -> None:  # noqa: ANN401 (of the SDK, which has no types)
            before = getattr(event, "pre_update_event", None)
            if before is not None:
                coming(before.deployment_id or "")

        self._subscribe(self._client.subscribe_to_component_updates_async, told)

    def defer(self, deployment: str, milliseconds: int) -> None:
        """Have a deployment wait; 0: go on."""
        self._do(
            self._client.defer_component_update_async,
            deployment_id=deployment,
            recheck_after_ms=milliseconds,
        )

    def close(self) -> None:
        """Close the connection."""
        self._closing = True
        self._client.close()

    def _gone(self) -> None:
        with self._once:
            told, self._closing = self._closing, True
        if not told:
            self._lost()

    def _subscribe(
        self,
        call: Callable[..., Any],
        told: Callable[[Any], None],
        *,
        seconds: float | None = None,
        **arguments: object,
    ) -> None:
        closed, accepted = threading.Event(), threading.Event()

        def ended() -> None:
            closed.set()
            if accepted.is_set():  # else the subscription was refused, which is told below
                self._gone()

        self._do(
            call,
            seconds,
            on_stream_event=told,
            on_stream_error=lambda error: True,
            on_stream_closed=ended,
            **arguments,
        )
        accepted.set()
        if closed.is_set():
            self._gone()

    def _do(
        self,
        call: Callable[..., Any],
        seconds: float | None = None,
        **arguments: object,
    ) -> Any:  # noqa: ANN401
        """Return what an operation answers, or raise what its error means."""
        stream = None
        try:
            begun = call(**arguments)
            future, stream = begun if isinstance(begun, tuple) else (begun, None)
            return future.result(SECONDS if seconds is None else seconds)
        except (TimeoutError, concurrent.futures.TimeoutError):
            if stream is not None:
                stream.close()  # answered later, it would tell everything twice
            raise Disconnected("the nucleus does not answer") from None
        except self._model.UnauthorizedError as error:
            raise Denied(type(error).__name__) from None
        except self._model.GreengrassCoreIPCError as error:
            raise Unavailable(type(error).__name__) from None
        except Exception as error:
            raise Disconnected(type(error).__name__) from error


def _local(event: Any) -> bytes:  # noqa: ANN401 (of the SDK, which has no types)
    """Return the payload of a local message, binary or JSON."""
    if event.binary_message is not None:
        return bytes(event.binary_message.message or b"")
    return json.dumps(event.json_message.message if event.json_message else None).encode()
