"""The component's life: connect, subscribe, answer, send telemetry, reconnect, end.

One thread decides, in the order in which messages came; another sends telemetry; the first one
keeps the connection. A message is answered on the connection that is there when it is decided.
"""

import json
import logging
import queue
import threading
import time
from collections.abc import Callable

from .backoff import Backoff
from .core import Core
from .ipc import Connect, Denied, Disconnected, IpcError, Session, Unavailable
from .messages import MOST_BYTES
from .operations import Operation
from .sender import Sender
from .tasks import Tasks

MOST_WAITING = 1000  # messages
MOST_WAITING_BYTES = 8 << 20  # of them together; two weeks of load have 150 kB
COMMAND_SECONDS = 60.0  # between two attempts to subscribe to AWS IoT Core, which may be away
STABLE_SECONDS = 30.0  # after which a connection that is lost is no failed attempt
WAIT_SECONDS = 0.5  # at most, until the main thread looks around
END_SECONDS = 1.5  # for each of: deciding what waits, sending what waits
STOP = -1  # in the place of a lost connection's number

Signals = queue.SimpleQueue[int]
logger = logging.getLogger(__name__)


class Service:
    """Runs until `STOP` is put into its signals."""

    def __init__(
        self,
        core: Core,
        connect: Connect,
        signals: Signals | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        """Keep the parts.

        Args:
            core: what decides.
            connect: makes a session.
            signals: numbers of connections that are lost, or `STOP`. A signal handler can put
                something into this kind of queue, whatever it interrupts.
            backoff: waits between attempts to connect.
        """
        self._core, self._connect = core, connect
        self.signals = signals or Signals()
        self._backoff = backoff or Backoff(0.5, 60.0)
        self._session: Session | None = None
        self._number, self._opened, self._open_at = 0, 0.0, 0.0
        self._tasks = Tasks(
            core.telemetry, most_messages=MOST_WAITING, most_bytes=MOST_WAITING_BYTES
        )
        self._changed = threading.Event()  # the configuration did, and is to be read
        self.ready = threading.Event()
        report = core.telemetry.event
        self._running = Operation("UpdateState", report)
        self._updates = Operation("SubscribeToComponentUpdates", report)
        self._sender = Sender(core.spool, self._publish, unstored=core.telemetry.unstored)
        self._summarised = time.monotonic()
        self._commands_due: float | None = None
        self._denied_until: float | None = None

    def run(self) -> None:
        """Serve until told to stop, then end within seconds."""
        worker = threading.Thread(target=self._tasks.run, name="decide", daemon=True)
        worker.start()
        sender = threading.Thread(
            target=self._sender.run, args=(self._core.telemetry.wake,), name="send", daemon=True
        )
        sender.start()
        while self._step():
            pass
        self._end(worker, sender)

    def _step(self) -> bool:
        """Keep the connection and do what is due; return whether to go on."""
        now = time.monotonic()
        if self._denied_until is not None and now >= self._denied_until:
            self._close()
        if self._session is None and now >= self._open_at and not self._open():
            self._open_at = time.monotonic() + self._backoff.wait()
        seconds = self._next_due() if self._session is not None else self._open_at - now
        try:
            # A signal that comes just before this waits does not interrupt it: its handler runs
            # only once the wait is over.
            signal = self.signals.get(timeout=min(max(0.0, seconds), WAIT_SECONDS))
        except queue.Empty:
            return True
        if signal == STOP:
            return False
        if signal == self._number and self._session is not None:
            self._reopen()
        return True

    def _reopen(self) -> None:
        """Let go of a lost connection; one that did not last is not made anew at once."""
        self._core.telemetry.count("disconnects")
        self._close()
        now = time.monotonic()
        if now - self._opened >= STABLE_SECONDS:
            self._backoff.reset()
            self._open_at = now
        else:
            self._open_at = now + self._backoff.wait()

    def _next_due(self) -> float:
        """Do what is due, and return the seconds until something else is."""
        now, interval = time.monotonic(), self._core.settings.interval_seconds
        if now >= self._summarised + interval:
            self._summarised = now
            self._tasks.add(self._core.summarise)
        if self._commands_due is not None and now >= self._commands_due:
            self._subscribe_commands()
        dues = [self._summarised + interval, *([self._commands_due] if self._commands_due else [])]
        return max(0.0, min(dues) - now)

    def _open(self) -> bool:
        """Connect and subscribe; return whether that was possible."""
        self._number += 1
        number = self._number
        try:
            self._session = self._connect(lambda: self.signals.put(number))
            self._subscribe(self._session)
        except IpcError as error:
            self._core.telemetry.count("connects_failed")
            logger.warning("not connected: %s", error)
            self._close()
            return False
        self._opened = time.monotonic()
        if self._denied_until is None:
            self.ready.set()
        self._sender.retry()
        return True

    def _subscribe(self, session: Session) -> None:
        session.on_configuration(lambda: self._configuration_changed(session))
        self._configure(session)
        state = self._core.settings.state
        try:
            session.on_local(state, lambda payload: self._receive(payload, self._reply))
        except Denied:
            # Nothing can be decided, but somebody must hear of it: telemetry goes out meanwhile.
            self._core.telemetry.event("denied", topic=state)
            self._denied_until = time.monotonic() + self._backoff.wait()
            return
        self._updates.attempt(lambda: session.on_update(self._update))
        self._running.attempt(session.running)
        self._subscribe_commands()

    def _subscribe_commands(self) -> None:
        """Subscribe to states from AWS IoT Core, or try again later: it may be out of reach."""
        self._commands_due = None
        command, session = self._core.settings.command, self._session
        if not command or session is None:
            return
        try:
            session.on_cloud(command, lambda payload: self._receive(payload, self._reply_cloud))
        except Denied:
            self._core.telemetry.event("denied", topic=command)
        except IpcError:
            self._commands_due = time.monotonic() + COMMAND_SECONDS

    def _configuration_changed(self, session: Session) -> None:
        """Have the configuration read, once for all changes until then."""
        if not self._changed.is_set():
            self._changed.set()
            self._tasks.add(lambda: self._configure(session))

    def _configure(self, session: Session) -> None:
        """Take over the configuration of now; one that cannot be read changes nothing."""
        self._changed.clear()
        try:
            configuration = session.configuration()
        except Disconnected:
            raise
        except IpcError as error:
            self._core.telemetry.event("settings", changed=[], refused=[type(error).__name__])
            return
        try:
            self._core.configure(configuration)
        except Exception as error:  # here it would end the thread that keeps the connection
            self._core.telemetry.event("fault", reason=repr(error)[:300])

    def _receive(self, payload: bytes, reply: Callable[[bytes], None]) -> None:
        def decide() -> None:
            reply(self._core.answer(payload))
            self._core.settle()

        payload = payload[: MOST_BYTES + 1]  # what is longer is refused by its length
        self._tasks.add_message(len(payload), decide)

    def _reply(self, answer: bytes) -> None:
        session, topic = self._session, self._core.settings.decision
        try:
            if session is None:
                raise Disconnected("no connection")
            session.publish_local(topic, answer)
        except IpcError as error:
            self._core.telemetry.count("answers_lost")
            if isinstance(error, Denied):
                self._core.telemetry.event("denied", topic=topic)

    def _reply_cloud(self, answer: bytes) -> None:
        """Answer a state that came from AWS IoT Core: to this device's components, and there."""
        self._reply(answer)
        self._core.telemetry.event("decision", answer=json.loads(answer))

    def _publish(self, payload: bytes) -> None:
        session, topic = self._session, self._core.settings.telemetry
        if session is None:
            raise Disconnected("no connection")
        if not topic:
            raise Unavailable("no topic for telemetry is configured")
        session.publish_cloud(topic, payload)

    def _update(self, deployment: str) -> None:
        """A deployment is coming: write what a restart would miss, and let it come."""

        def prepare() -> None:
            self._core.save()
            session = self._session
            if session is not None:
                session.defer(deployment, 0)

        self._tasks.add(prepare)

    def _close(self) -> None:
        session, self._session = self._session, None
        self._commands_due = self._denied_until = None
        if session is not None:
            session.close()

    def _end(self, worker: threading.Thread, sender: threading.Thread) -> None:
        """End in good order; what a hanging model leaves undone does not matter."""
        self._tasks.end()
        worker.join(END_SECONDS)
        if not worker.is_alive():
            self._core.summarise()
            self._core.close()
        self._sender.end(END_SECONDS)
        sender.join(END_SECONDS)
        if self._core.spool is not None:
            self._core.spool.close()
        self._close()
