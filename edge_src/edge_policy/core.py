"""What decides and what it keeps, put together in a work folder; it knows no nucleus.

The nucleus may be away: states are still decided on as soon as they come, and telemetry waits.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .decide import Decider, encode
from .history import History
from .memory import MemoryFile
from .models import Models
from .outcome import ModelFailed, read_features
from .settings import Settings, check_reactive, merged
from .spool import Spool
from .store import Store
from .telemetry import Telemetry


class Core:
    """Answers payloads with payloads.

    Attributes:
        settings: in force.
        telemetry: what is reported.
        spool: where it waits; None if the disk refuses it.
    """

    def __init__(
        self,
        work: Path,
        model: Path | None,
        configuration: Mapping[str, Any],
        *,
        thing_name: str = "",
        labels: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take over what is in the work folder, and begin with the offered model.

        Args:
            work: the component's work folder.
            model: the model.tar.gz of the deployment; None without one.
            configuration: as the recipe and the deployments have it.
            thing_name: of the device.
            labels: what every telemetry message carries.
            clock: seconds since 1970.
        """
        self._thing_name, self._lock = thing_name, threading.RLock()
        self.settings, problems = merged(
            Settings(), configuration, check_guard=check_reactive, thing_name=thing_name
        )
        self.spool = _spool(work / "spool", self.settings.spool_megabytes << 20)
        self.telemetry = Telemetry(self.spool, labels or {}, clock=clock)
        report = self.telemetry.event
        if self.spool is None:
            report("disk", reason="the spool cannot be used: telemetry waits in memory alone")
        self._store, self._memory = Store(work / "models"), MemoryFile(work / "memory")
        self.models = Models(self._store, report, self.settings)
        history = History(work / "history")
        if history.damaged:
            report("disk", reason=history.damage)
        self._uncounted: deque[tuple[Mapping[str, Any], float]] = deque()
        self.decider = Decider(history, self.models, report, memory=self._memory, clock=clock)
        self.models.begin(model)
        # What the model's own code says of the guard's settings is known only now.
        self._told: list[str] = []
        self.settings = replace(self.settings, guard=MappingProxyType({}))
        self._configure(configuration, problems)

    def answer(self, payload: bytes) -> bytes:
        """Return the answer to a message; call `settle` once it is sent."""
        started = time.perf_counter()
        with self._lock:
            answer = self.decider.answer(payload)
        encoded = encode(answer)
        self._uncounted.append((answer, time.perf_counter() - started))
        return encoded

    def settle(self) -> None:
        """Do what the last answer left to do."""
        with self._lock:
            self._count()
            self.decider.settle()

    def _count(self) -> None:
        while self._uncounted:
            self.telemetry.decided(*self._uncounted.popleft())

    def configure(self, configuration: Mapping[str, Any]) -> None:
        """Take over a configuration, as far as it is right; what is not is telemetry.

        Topics count from the next connection on. A model that is begun with is held to the limits
        of the component's own version: those of the nucleus are known only later.
        """
        with self._lock:
            self._configure(configuration, [])

    def _configure(self, configuration: Mapping[str, Any], told: list[str]) -> None:
        before, active = self.settings, self.models.active
        check = active.check_guard if active is not None else check_reactive
        self.settings, problems = merged(
            before, configuration, check_guard=check, thing_name=self._thing_name
        )
        problems = [*told, *(each for each in problems if each not in told)]
        changed = [name for name in vars(before) if vars(before)[name] != vars(self.settings)[name]]
        if changed or problems != self._told:
            self.telemetry.event("settings", changed=changed, refused=problems)
        self._told = problems
        self.models.use(self.settings)
        if active is not None and before.guard != self.settings.guard:
            try:
                active.use_guard(self.settings.guard)
            except ModelFailed as error:
                self.models.failed(str(error))
        if before.runtime != self.settings.runtime:
            self.models.reload()
        if self.spool is not None:
            self.spool.most_bytes = self.settings.spool_megabytes << 20

    def summarise(self) -> dict[str, Any]:
        """Store the summary of what was since the last one, and return it."""
        with self._lock:
            return self._summarise()

    def _summarise(self) -> dict[str, Any]:
        self._count()
        model, history = self.models.active, self.decider.history
        spool = self.spool
        return self.telemetry.summarise(
            source=self.models.source,
            model_version=model.version if model else None,
            runtime=model.runtime if model else None,
            last=self.decider.last,
            features=self._features(),
            waiting=spool.waiting if spool else None,
            dropped=spool.dropped if spool else None,
            lost=self.telemetry.lost,
            disk_faults=history.faults
            + self._store.faults
            + self._memory.faults
            + (spool.faults if spool else 0),
            memory_mb=resident(),
        )

    def _features(self) -> dict[str, float]:
        try:
            return read_features(self.decider.outcome) if self.decider.outcome else {}
        except ModelFailed as error:
            self.telemetry.event("fault", reason=f"the model's features: {error}")
            return {}

    def save(self) -> None:
        """Write all that a restart would miss."""
        with self._lock:
            self.decider.settle()
            self.decider.save()

    def close(self) -> None:
        """Write all that a restart would miss, and say that the process ends in good order."""
        self.save()
        self.models.end()


def _spool(folder: Path, most_bytes: int) -> Spool | None:
    try:
        return Spool(folder, most_bytes=most_bytes)
    except OSError:
        return None


def resident() -> float | None:
    """Return the memory of this process in MB; None where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    return None
