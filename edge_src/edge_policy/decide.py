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
from .timeline import LONGEST, UNKNOWN, Timeline

STRAYS = 3  # messages of another time, in ascending order, until their clock is believed
MORE_STRAYS = 60  # ... if this machine's clock does not agree
AGREEMENT = 10  # minutes


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
        self._report, self._clock = report, clock
        self._strays: list[int] = []
        self._pending: Callable[[], None] | None = None
        # Minute and fleet of the last change that was decided, and the changes before it.
        self._changed: tuple[int, int, tuple[int, int]] | None = None

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
        timeline, aside = self._place(message)
        noted = timeline.added, timeline.removed
        before = self._changes_before(message, noted)
        timeline.added, timeline.removed = before
        try:
            outcome, source, version = self._outcome(message, timeline, aside)
        finally:
            timeline.added, timeline.removed = noted
        if not aside and outcome.action:
            self._changed = message.decided, message.fleet, before
            timeline.changes(outcome.action, message.decided)
            self.history.note_change(message.decided, outcome.action)
        return self._said(message, outcome, source, version)

    def _changes_before(self, message: Message, noted: tuple[int, int]) -> tuple[int, int]:
        """Return when machines were added and removed, a message's own first answer left out.

        One that comes again must not be held up by its own decision as by a cool-down.
        """
        if self._changed is None or self._changed[:2] != (message.decided, message.fleet):
            return noted
        return self._changed[2]

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

    def _place(self, message: Message) -> tuple[Timeline, bool]:
        """Return the timeline to decide from, and whether it is not the one that is kept.

        A message of an earlier minute, or of more than two weeks later, was late or has a wrong
        clock: it is answered, and fills gaps, but what is known stays. If more such follow, the
        clock was put right, and theirs is the timeline.
        """
        kept, minute = self.history.timeline, message.minute
        if kept.minute == UNKNOWN or 0 <= minute - kept.minute < LONGEST:
            self._strays.clear()
            if count := kept.tell(minute, message.load):
                self.history.note(minute, message.load[-count:])
            return kept, False
        if minute < kept.minute and kept.fill(minute, message.load):
            self.history.note(minute, message.load)
        other = kept.before(minute) if minute < kept.minute else Timeline()
        other.tell(minute, message.load)
        if self._strays and minute <= self._strays[-1]:
            self._strays.clear()
        self._strays.append(minute)
        agrees = abs(self._clock() / 60 - minute) <= AGREEMENT
        if len(self._strays) < (STRAYS if agrees else MORE_STRAYS):
            return other, True
        self._strays.clear()
        self._report("clock", before=kept.minute, after=minute)
        self.history.replace(other)
        return other, False

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
