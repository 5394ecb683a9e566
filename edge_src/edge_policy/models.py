"""Which model decides: the one offered, else the last good one, else none and the reactive rule.

Nothing about a model ends the process: one that fails its start gate, crashes the process again
and again, or fails while deciding is left for the next one, and telemetry says why.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from . import artifact
from .artifact import BadModel
from .model import Model
from .settings import Settings
from .store import CURRENT, LAST_GOOD, Store

MODEL, LAST, REACTIVE = SOURCES = ("model", "last_good", "reactive")
DOUBTS_OF_THE_MODEL = {"range", "uncertain"}

# Takes the kind of an event and what belongs to it.
Report = Callable[..., None]


class Models:
    """The model that decides, and what takes its place.

    Attributes:
        active: the model; None if the reactive rule decides.
        source: one of `SOURCES`.
        crash_limit: starts without proof, and failed decisions in a row, until a model is left.
        good_decisions: until a model is `last_good`.
    """

    def __init__(self, store: Store, report: Report, settings: Settings) -> None:
        self.active: Model | None = None
        self.source = REACTIVE
        self._store, self._report = store, report
        self._offered: str | None = None
        self._good, self._failed, self._proved = 0, 0, False
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Go by other settings from now on; the active model stays as it was loaded."""
        self.crash_limit, self.good_decisions = settings.crash_limit, settings.good_decisions
        self.guard, self.runtime = settings.guard, settings.runtime

    def begin(self, path: Path | None) -> None:
        """Load the model that the deployment offers, or what takes its place.

        Args:
            path: of its model.tar.gz; None for a deployment without a model, which the reactive
                rule decides for, whatever was there before.
        """
        if path is None:
            self._report("model", source=REACTIVE, reason="the deployment has no model")
            return
        try:
            self._offered = self._store.take(path)
            self._store.offer(self._offered)
        except BadModel as error:
            self._report("refused", reason=str(error))
        except OSError as error:
            self._report("refused", reason=f"the model cannot be unpacked: {error}")
        self._choose()
        self._store.tidy(self._offered)

    def decided(self, fallback: bool, doubts: tuple[str, ...]) -> None:
        """Count a decision of the active model; enough good ones prove it."""
        model, self._failed = self.active, 0
        if model is None or (fallback and DOUBTS_OF_THE_MODEL & set(doubts)):
            return
        self._good += 1
        if self._good >= self.good_decisions and not self._proved:
            self._proved = True
            self._store.forget_starts()
            if self._store.pointer(LAST_GOOD) != model.id:
                self._store.point(LAST_GOOD, model.id)
                self._report("good", model=model.id, model_version=model.version)

    def failed(self, reason: str) -> None:
        """Count a decision that the active model failed to give; too many in a row end its turn."""
        model = self.active
        if model is None:
            return
        self._failed += 1
        self._good, self._proved = 0, False
        self._report("failed", model=model.id, reason=reason, count=self._failed)
        if self._failed >= self.crash_limit:
            self._store.abandon(model.id, f"failed {self._failed} decisions in a row: {reason}")
            self._choose()

    def reload(self) -> None:
        """Load the active model again, for another runtime."""
        if self.active is not None:
            try:
                self._load(self.active.id)
            except BadModel as error:
                self._report("refused", model=self.active.id, reason=str(error))

    def end(self) -> None:
        """Note that the process ends in good order, which is no crash of the model."""
        self._store.forget_starts()

    def _choose(self) -> None:
        """Load the first candidate that can be loaded."""
        self.active, self.source = None, REACTIVE
        for name, source in self._candidates():
            if reason := self._barred(name):
                self._report("refused", model=name, reason=reason)
                continue
            self._store.note_start(name)
            try:
                model = self._load(name)
            except BadModel as error:
                self._store.forget_starts()
                self._report("refused", model=name, reason=str(error))
                continue
            self.source, self._good, self._failed, self._proved = source, 0, 0, False
            self._store.point(CURRENT, name)
            details = {"reason": model.reason} if model.reason else {}
            self._report(
                "model",
                source=source,
                model=name,
                model_version=model.version,
                runtime=model.runtime,
                **artifact.summary(model.manifest),
                **details,
            )
            return
        self._report("model", source=REACTIVE, reason="no model can be used")

    def _candidates(self) -> Iterator[tuple[str, str]]:
        seen = set()
        pointers = (self._store.pointer(which) for which in (LAST_GOOD, CURRENT))
        for name, source in ((self._offered, MODEL), *((each, LAST) for each in pointers)):
            if name is not None and name not in seen:
                seen.add(name)
                yield name, source

    def _barred(self, name: str) -> str | None:
        """Return why a model must not be begun with; None if it may."""
        if reason := self._store.abandoned(name):
            return f"abandoned: {reason}"
        if (count := self._store.starts(name)) >= self.crash_limit:
            reason = f"crashed the process {count} times in a row"
            self._store.abandon(name, reason)
            return reason
        return None

    def _load(self, name: str) -> Model:
        self.active = Model(self._store.path(name), guard=self.guard, runtime=self.runtime)
        return self.active
