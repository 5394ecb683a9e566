"""The IPC server of a device: what the unmodified AWS IoT Device SDK talks to.

An emulator of a nucleus's Unix socket, for tests and for the local device. A component finds it by
the two variables that a nucleus sets, `IpcServer.environment()`.
"""

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from local_mode.greengrass import frames
from local_mode.greengrass.frames import Frame, FrameError
from local_mode.greengrass.nucleus import Component, Nucleus
from local_mode.greengrass.operations import Call, Document, IpcError, Stream, check_size, perform
from local_mode.greengrass.topics import Message, to_message

_VERSION = "0.1.0"
_MODEL = "aws.greengrass#"
_START_SECONDS = 10.0
_REFUSAL_SECONDS = 2.0
_LONGEST_PATH = 107
"""Bytes that the address of a Unix socket can hold."""
_logger = logging.getLogger(__name__)


class IpcServer:
    """The IPC of one device, in a thread of its own.

    Args:
        socket_path: Where to listen; at most 107 bytes, as the system has it.
        configuration: The component's configuration, with its `accessControl`.
        profile: `lite` or `full`.
        component: The component's name.
        thing_name: The device's name.
    """

    def __init__(
        self,
        socket_path: Path,
        configuration: Mapping[str, Any] | None = None,
        *,
        profile: str = "lite",
        component: str = "com.example.Policy",
        thing_name: str = "device-1",
    ) -> None:
        if len(str(socket_path).encode()) > _LONGEST_PATH:
            raise ValueError(f"{socket_path}: a socket's path has at most {_LONGEST_PATH} bytes")
        self._path = socket_path
        self.nucleus = Nucleus(profile, thing_name)
        self.nucleus.add(self.nucleus.profile.nucleus, {"iotRoleAlias": "", "networkProxy": {}})
        self.component = self.nucleus.add(component, configuration)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._connections: set[_Connection] = set()
        self._refusing = False

    def start(self) -> Self:
        """Begin to listen."""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        if not ready.wait(_START_SECONDS):
            raise RuntimeError(f"{self._path}: the IPC server did not start")
        return self

    def stop(self) -> None:
        """Close every connection and end."""
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_START_SECONDS)
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def environment(self, component: Component | None = None) -> dict[str, str]:
        """Return the variables by which a component finds the socket and proves who it is."""
        return {
            "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT": str(self._path),
            "SVCUID": (component or self.component).token,
        }

    # What a test or the local device does to the component.

    @property
    def connected(self) -> bool:
        """Whether the device reaches AWS IoT Core; may be set."""
        return self.nucleus.connected

    @connected.setter
    def connected(self, value: bool) -> None:
        self.nucleus.connected = value

    def publish(self, topic: str, content: Mapping[str, Any] | bytes) -> int:
        """Publish to a local topic; return how many subscriptions got it."""
        return self.nucleus.publish(topic, content)

    def publish_from_iot_core(self, topic: str, content: Mapping[str, Any] | bytes) -> int:
        """Publish as somebody else on AWS IoT Core; nobody here gets it while disconnected."""
        if not self.connected:
            return 0
        return self.nucleus.iot_core.publish(to_message(topic, content))

    def update_configuration(self, value: object, path: Sequence[str] = ()) -> None:
        """Merge a value into the component's configuration, as a deployment does."""
        self.component.configuration.merge(value, path)

    def announce_update(self, deployment_id: str, *, restarting: bool = False) -> None:
        """Tell the subscribers that a deployment is about to update components."""
        event = {"deploymentId": deployment_id, "isGgcRestarting": restarting}
        for listener in list(self.nucleus.update_listeners):
            listener({"preUpdateEvent": event})

    def disconnect(self) -> None:
        """Drop every connection, as a nucleus that restarts does."""
        self._on_loop(self._drop_all)

    def refuse(self, refusing: bool) -> None:
        """Refuse new connections, or take them again."""
        self._refusing = refusing

    # What a test sees of it.

    def messages(self, topic_filter: str = "#") -> list[Message]:
        """Return what was published to local topics, oldest first."""
        return self.nucleus.local.messages(topic_filter)

    def iot_core_messages(self, topic_filter: str = "#") -> list[Message]:
        """Return what reached AWS IoT Core, oldest first."""
        return self.nucleus.iot_core.messages(topic_filter)

    def subscribed(self, topic_filter: str) -> bool:
        """Tell whether somebody has subscribed to exactly this filter, locally or on IoT Core."""
        return topic_filter in [*self.nucleus.local.filters(), *self.nucleus.iot_core.filters()]

    @property
    def states(self) -> list[str]:
        """What the component has reported by UpdateState."""
        return list(self.component.states)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def wait_for(self, condition: Callable[[], object], seconds: float = 10.0) -> bool:
        """Wait until a condition holds; False if it does not within `seconds`."""
        return self.nucleus.wait_for(condition, seconds)

    def _run(self, ready: threading.Event) -> None:
        loop = asyncio.new_event_loop()
        self._loop = loop
        self._path.unlink(missing_ok=True)
        server = loop.run_until_complete(asyncio.start_unix_server(self._serve, str(self._path)))
        self._path.chmod(0o600)
        ready.set()
        try:
            loop.run_forever()
        finally:
            server.close()
            self._drop_all()
            loop.run_until_complete(_finish(loop))
            loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.close()
            return
        connection = _Connection(self.nucleus, reader, writer, self._on_loop)
        self._connections.add(connection)
        try:
            await connection.serve()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client has gone, or the server ends
        except FrameError as error:
            # A nucleus closes such a connection, too.
            _logger.warning("%s: %s", self._path, error)
        finally:
            self._connections.discard(connection)
            connection.close()
            self.nucleus.notice()

    def _drop_all(self) -> None:
        for connection in list(self._connections):
            connection.close()

    def _on_loop(self, action: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(action)


async def _finish(loop: asyncio.AbstractEventLoop) -> None:
    tasks = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Connection:
    """One client: a component that has proved who it is, and its streams."""

    def __init__(
        self,
        nucleus: Nucleus,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_loop: Callable[[Callable[[], None]], None],
    ) -> None:
        self._nucleus = nucleus
        self._reader = reader
        self._writer = writer
        self._on_loop = on_loop
        self._streams: dict[int, Stream] = {}

    async def serve(self) -> None:
        """Answer until the client goes."""
        most = self._nucleus.profile.max_message_bytes
        component = self._authenticate(await frames.read(self._reader, most))
        if component is None:
            await self._refuse()
            return
        self._write(Frame(_headers(frames.CONNECT_ACK, frames.CONNECTION_ACCEPTED)))
        while True:
            frame = await frames.read(self._reader, most)
            if frame.kind == frames.PING:
                self._write(Frame(_headers(frames.PING_RESPONSE), frame.payload))
            elif frame.kind != frames.APPLICATION_MESSAGE or frame.stream <= 0:
                raise FrameError(f"message type {frame.kind} on stream {frame.stream}")
            elif frame.flags & frames.TERMINATE_STREAM:
                self._terminate(frame.stream)
            else:
                self._perform(component, frame)
            await self._writer.drain()

    def close(self) -> None:
        """End the streams and the connection."""
        for stream in self._streams.values():
            stream.close()
        self._streams.clear()
        with contextlib.suppress(RuntimeError):
            self._writer.close()

    def _authenticate(self, frame: Frame) -> Component | None:
        """Return whose token the CONNECT message holds; None refuses."""
        if frame.kind != frames.CONNECT or frame.text(":version") != _VERSION:
            return None
        return self._nucleus.by_token(frame.document().get("authToken"))

    async def _refuse(self) -> None:
        """Refuse the connection: nucleus lite closes it without a word."""
        if self._nucleus.profile.says_why:
            self._write(Frame(_headers(frames.CONNECT_ACK)))
            # The client closes once it has read that; closing first would hide it.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._reader.read(), _REFUSAL_SECONDS)

    def _terminate(self, number: int) -> None:
        stream = self._streams.pop(number, None)
        if stream is None:
            return
        stream.close()
        flags = frames.TERMINATE_STREAM
        self._write(Frame(_headers(frames.APPLICATION_MESSAGE, flags, number)))
        self._nucleus.notice()

    def _perform(self, component: Component, frame: Frame) -> None:
        number = frame.stream
        stream = Stream(send=lambda shape, event: self._send(number, shape, event))
        operation = frame.text("operation").removeprefix(_MODEL)
        try:
            request = frame.document()
            check_size(self._nucleus, request)
            call = Call(self._nucleus, component, operation, request, stream)
            response, begin = perform(call)
        except FrameError as error:
            self._answer_error(number, IpcError("InvalidArgumentsError", str(error)))
        except IpcError as error:
            self._answer_error(number, error)
        else:
            flags = 0 if begin else frames.TERMINATE_STREAM
            if begin:
                # Events wait for the loop, so they come after the response.
                self._streams[number] = stream
                begin()
            headers = _headers(frames.APPLICATION_MESSAGE, flags, number, f"{operation}Response")
            answer = Frame(headers, json.dumps(response).encode())
            if stream.held:
                self._nucleus.once_connected(lambda: self._send_frame(number, answer))
            else:
                self._write(answer)

    def _answer_error(self, number: int, error: IpcError) -> None:
        headers = _headers(frames.APPLICATION_ERROR, frames.TERMINATE_STREAM, number, error.kind)
        # Nucleus lite has its text under another key, where the SDK does not look.
        key = "message" if self._nucleus.profile.says_why else "_message"
        payload = {key: str(error), "_errorCode": error.kind, **error.members}
        self._write(Frame(headers, json.dumps(payload).encode()))

    def _send(self, number: int, shape: str, event: Document) -> None:
        """Send an event, from any thread."""
        headers = _headers(frames.APPLICATION_MESSAGE, 0, number, shape)
        self._send_frame(number, Frame(headers, json.dumps(event).encode()))

    def _send_frame(self, number: int, frame: Frame) -> None:
        """Send a frame of a stream that is still open, from any thread."""

        def write() -> None:
            if number in self._streams:
                self._write(frame)

        self._on_loop(write)

    def _write(self, frame: Frame) -> None:
        data = frames.encode(frame)
        if len(data) > self._nucleus.profile.max_message_bytes:
            _logger.warning("a message of %d bytes does not fit and is lost", len(data))
        elif not self._writer.is_closing():
            self._writer.write(data)


def _headers(kind: int, flags: int = 0, stream: int = 0, shape: str = "") -> dict[str, int | str]:
    headers: dict[str, int | str] = {
        ":message-type": kind,
        ":message-flags": flags,
        ":stream-id": stream,
    }
    if shape:
        headers[":content-type"] = "application/json"
        headers["service-model-type"] = f"{_MODEL}{shape}"
    return headers
