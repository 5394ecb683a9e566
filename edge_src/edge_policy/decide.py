"""A message in, an answer out: history, model and reactive rule put together."""

import json
import time
from collections.abc import Callable
from typing import Any

from . import messages, reactive
from .history import History
from .memory import MemoryFile
from .messages import Message, Refused
from .model import Model
from .models import REACTIVE, Models, Report
from .outcome import ModelFailed, Outcome, sound
from .places import Places
from .timeline import Timeline


class Decider:
    """Answers messages, and keeps what the next answer needs.

    Attributes:
        history: the load.
        models: what decides.
        last: the last decision, for telemetry.
        outcome: the same as it was decided; None before any.
    """

    def __init__(
        self,
        history: History,
        models: Models,
        report: Report,
        *,
        memory: MemoryFile | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.history, self.models, self._memory = history, models, memory
        self.last: dict[str, Any] = {}
        self.outcome: Outcome | None = None
        self._places = Places(history, report, clock)
        self._pending: Callable[[], None] | None = None

    def answer(self, payload: bytes) -> dict[str, Any]:
        """Return the answer to a message: a decision, or what is wrong with it."""
        name = None
        try:
            message = messages.parse(payload)
            name = message.id
            if message.observations is not None:
                return {"id": name, **self._act(message)}
            return {"id": name, **self._decide(message)}
        except Refused as refused:
            return {"id": getattr(refused, "id", name), "error": refused.body()}
        finally:
            self.history.write()

    def settle(self) -> None:
        """Do what the last answer left to do, once it is sent."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self.history.sync()
            active = self.models.active
            try:
                if active is not None:
                    self._work_ahead(active)
            except ModelFailed as error:
                self.models.failed(str(error))
            else:
                pending()

    def _work_ahead(self, active: Model) -> None:
        if self._memory is not None:
            self._memory.keep(active)
        active.prepare()

    def save(self) -> None:
        """Write all that a restart would miss."""
        self.history.close()
        if self._memory is not None and self.models.active is not None:
            try:
                self._memory.save(self.models.active)
            except ModelFailed as error:
                self.models.failed(str(error))

    def _act(self, message: Message) -> dict[str, Any]:
        model = self.models.active
        if model is None or model.decides_states:
            raise Refused(
                "there is no model that decides on observations", "observations", "NoModel"
            )
        source = self.models.source
        try:
            actions = model.act(message.observations)
        except Refused:
            raise
        except Exception as error:
            reason = _said_of(error)
            self._pending = lambda: self.models.failed(reason)
            raise Refused("the model failed", None, "ModelFailed") from None
        self._pending = lambda: self.models.decided(False, ())
        return {"actions": actions, "model_version": model.version, "source": source}

    def _decide(self, message: Message) -> dict[str, Any]:
        timeline, aside = self._places.place(message)
        noted = timeline.added, timeline.removed
        before = timeline.changes_before(message.decided, message.fleet)
        timeline.added, timeline.removed = before
        try:
            outcome, source, version = self._outcome(message, timeline, aside)
        finally:
            timeline.added, timeline.removed = noted
        if outcome.action:
            timeline.changes(outcome.action, message.decided, message.fleet)
            if aside:
                self._places.changed_aside(outcome.action)
            else:
                self.history.note_change(message.decided, outcome.action)
        return self._said(message, outcome, source, version)

    def _outcome(
        self, message: Message, timeline: Timeline, aside: bool
    ) -> tuple[Outcome, str, str]:
        """Return the decision, which source it has and of which version."""
        model, source = self.models.active, self.models.source
        outcome, version = None, REACTIVE
        if model is not None and model.decides_states and timeline.known:
            try:
                if self._memory is not None:
                    self._memory.recall(model, message, timeline)
                outcome = model.decide(message, timeline, aside=aside)
                if not sound(outcome, message):
                    raise ModelFailed(f"{str(outcome)[:200]} is no decision")
                version = model.version
            except Refused:
                raise
            except Exception as error:
                outcome, reason = None, _said_of(error)
                self._pending = lambda: self.models.failed(reason)
        if outcome is None:
            outcome = self._reactive(message, timeline)
            self._pending = self._pending or (lambda: None)
            return outcome, REACTIVE, version
        decision = outcome
        self._pending = lambda: self.models.decided(decision.fallback, decision.doubts)
        return outcome, source, version

    def _said(
        self, message: Message, outcome: Outcome, source: str, version: str
    ) -> dict[str, Any]:
        said = {
            "desired": outcome.desired,
            "action": outcome.action,
            "model_version": version,
            "source": source,
            "fallback": outcome.fallback,
            "doubts": list(outcome.doubts),
        }
        self.last = {"timestamp": message.state["timestamp"], "fleet": message.fleet, **said}
        self.outcome = outcome
        return said

    def _reactive(self, message: Message, timeline: Timeline) -> Outcome:
        if 0 < message.most < message.least:
            raise Refused("must be 0 or at least min_machines", "max_machines")
        desired, stale = reactive.decide(
            timeline.load,
            message.fleet,
            message.capacity,
            least=message.least,
            most=message.most,
            guard=self.models.guard,
        )
        doubts = ("no_model", "stale") if stale else ("no_model",)
        return Outcome(desired - message.fleet, desired, True, doubts)


def _said_of(error: Exception) -> str:
    """Return what telemetry says of a model that failed."""
    return str(error) if isinstance(error, ModelFailed) else repr(error)[:300]


def encode(answer: dict[str, Any]) -> bytes:
    """Return the bytes of an answer."""
    return _ENCODER.encode(answer).encode()


_ENCODER = json.JSONEncoder(separators=(",", ":"))
