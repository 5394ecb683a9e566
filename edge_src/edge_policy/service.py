"""The component's life: connect, subscribe, answer, send telemetry, reconnect, end.

One thread decides, in the order in which messages came; another sends telemetry; the first one
keeps the connection. A message is answered on the connection that is there when it is decided.
"""

import faulthandler
import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from .backoff import Backoff
from .core import Core
from .ipc import Connect, Denied, Disconnected, IpcError, Session, Unavailable
from .operations import Operation
from .sender import Sender

MOST_WAITING = 1000  # messages
DECISION_SECONDS = 60.0  # a decision that takes longer will take for ever: the process ends
COMMAND_SECONDS = 60.0  # between two attempts to subscribe to AWS IoT Core, which may be away
STABLE_SECONDS = 30.0  # after which a connection that is lost is no failed attempt
WAIT_SECONDS = 0.5  # at most, until the main thread looks around
END_SECONDS = 1.5  # for each of: deciding what waits, sending what waits
STOP = -1  # in the place of a lost connection's number

Signals = queue.SimpleQueue[int]


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
        self._messages: queue.Queue[Callable[[], None] | None] = queue.Queue(MOST_WAITING)
        self.ready = threading.Event()
        report = core.telemetry.event
        self._running = Operation("UpdateState", report)
        self._metrics = Operation("PutComponentMetric", report)
        self._updates = Operation("SubscribeToComponentUpdates", report)
        self._sender = Sender(core.spool, self._publish) if core.spool is not None else None
        self._summary_due = time.monotonic() + core.settings.interval_seconds
        self._commands_due: float | None = None

    def run(self) -> None:
        """Serve until told to stop, then end within seconds."""
        worker = threading.Thread(target=self._work, name="decide", daemon=True)
        worker.start()
        sender = None
        if self._sender is not None:
            arguments = (self._core.telemetry.wake,)
            sender = threading.Thread(
                target=self._sender.run, args=arguments, name="send", daemon=True
            )
            sender.start()
        while self._step():
            pass
        self._end(worker, sender)

    def _step(self) -> bool:
        """Keep the connection and do what is due; return whether to go on."""
        now = time.monotonic()
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
        now = time.monotonic()
        if now >= self._summary_due:
            self._summary_due = now + self._core.settings.interval_seconds
            self._later(self._summarise)
        if self._commands_due is not None and now >= self._commands_due:
            self._subscribe_commands()
        dues = [self._summary_due, *([self._commands_due] if self._commands_due else [])]
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
            if isinstance(error, Denied):
                self._core.telemetry.event("denied", topic=self._core.settings.state)
            self._close()
            return False
        self._opened = time.monotonic()
        self.ready.set()
        if self._sender is not None:
            self._sender.retry()
        return True

    def _subscribe(self, session: Session) -> None:
        session.on_configuration(lambda: self._later(lambda: self._configure(session)))
        self._configure(session)
        state = self._core.settings.state
        session.on_local(state, lambda payload: self._receive(payload, self._reply))
        self._subscribe_commands()
        self._updates.attempt(lambda: session.on_update(self._update))
        self._running.attempt(session.running)

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

    def _configure(self, session: Session) -> None:
        """Take over the configuration of now; one that cannot be read changes nothing."""
        try:
            configuration = session.configuration()
        except Disconnected:
            raise
        except IpcError as error:
            self._core.telemetry.event("settings", changed=[], refused=[type(error).__name__])
            return
        self._core.configure(configuration)

    def _receive(self, payload: bytes, reply: Callable[[bytes], None]) -> None:
        def decide() -> None:
            # Whatever hangs in a model's code: the next start counts this one, see `Store`.
            faulthandler.dump_traceback_later(DECISION_SECONDS, exit=True)
            try:
                reply(self._core.answer(payload))
                self._core.settle()
            finally:
                faulthandler.cancel_dump_traceback_later()

        self._later(decide)

    def _later(self, task: Callable[[], None]) -> None:
        """Have the deciding thread do something, after what waits already."""
        try:
            self._messages.put_nowait(task)
        except queue.Full:
            self._core.telemetry.count("messages_dropped")

    def _work(self) -> None:
        while (task := self._messages.get()) is not None:
            try:
                task()
            except IpcError as error:
                self._core.telemetry.count(f"failed_{type(error).__name__.lower()}")
            except Exception as error:
                self._core.telemetry.event("fault", reason=repr(error)[:300])

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

        self._later(prepare)

    def _summarise(self) -> None:
        summary = self._core.summarise()
        session = self._session
        if session is not None:
            self._metrics.attempt(lambda: session.metrics(metrics(summary)))

    def _close(self) -> None:
        session, self._session = self._session, None
        self._commands_due = None
        if session is not None:
            session.close()

    def _end(self, worker: threading.Thread, sender: threading.Thread | None) -> None:
        """End in good order; what a hanging model leaves undone does not matter."""
        self._messages.put(None)
        worker.join(END_SECONDS)
        if not worker.is_alive():
            self._core.summarise()
            self._core.close()
        if sender is not None and self._sender is not None:
            self._sender.end(END_SECONDS)
            sender.join(END_SECONDS)
        if self._core.spool is not None:
            self._core.spool.close()
        self._close()


def metrics(summary: Mapping[str, Any]) -> dict[str, tuple[float, str]]:
    """Return the metrics in a summary, each a number and a unit."""
    counts = summary["counts"]
    found: dict[str, tuple[float, str]] = {
        "Decisions": (counts.get("decisions", 0), "Count"),
        "Fallbacks": (counts.get("fallbacks", 0), "Count"),
        "Errors": (counts.get("errors", 0), "Count"),
    }
    if summary["fallback_share"] is not None:
        found["FallbackShare"] = (100.0 * summary["fallback_share"], "Percent")
    if summary["latency_ms"]["p99"] is not None:
        found["DecisionLatencyP99"] = (summary["latency_ms"]["p99"], "Milliseconds")
    return found
