"""Models in the work folder, and which of them decides: the nucleus keeps no older one.

`current` is the model that decides, `last_good` one that has proved itself. Each is a file with the
model's id, replaced atomically. `starts` counts how often a model was begun with and the process
ended before it had proved itself, `abandoned` says which models are not tried again, and why.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from . import artifact, files
from .artifact import BadModel

_ID = re.compile(r"[0-9a-f]{16}")
CURRENT, LAST_GOOD = POINTERS = ("current", "last_good")


class Store:
    """Unpacked models below a folder.

    Attributes:
        folder: `models` in the work folder.
        faults: operations on the disk that failed, without harm to what decides.
    """

    def __init__(self, folder: Path) -> None:
        """Take over what is in the folder."""
        self.folder, self.faults = folder, 0
        with self._tolerant():
            folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Return the folder of a model."""
        return self.folder / name

    def take(self, path: Path) -> str:
        """Unpack a model.tar.gz, if it is not there already and whole, and return its id.

        Raises:
            BadModel: it cannot be read or unpacked.
            OSError: the disk refuses.
        """
        name = artifact.identity(path)
        if self.path(name).is_dir():
            try:
                artifact.check(self.path(name))
            except BadModel:  # unless the archive is to blame, the disk is
                shutil.rmtree(self.path(name), ignore_errors=True)
            else:
                return name
        aside = self.folder / f".{name}{files.ASIDE}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        try:
            artifact.unpack(path, aside)
            for each in (aside, *aside.rglob("*")):
                if each.is_dir():
                    files.sync_folder(each)
            os.replace(aside, self.path(name))
            files.sync_folder(self.folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return name

    def pointer(self, which: str) -> str | None:
        """Return the id that `current` or `last_good` holds; None if it holds none that is here."""
        name = (files.read(self.folder / which) or b"").decode("ascii", "replace").strip()
        return name if _ID.fullmatch(name) and self.path(name).is_dir() else None

    def point(self, which: str, name: str) -> None:
        """Have `current` or `last_good` hold a model, atomically."""
        if self.pointer(which) != name:
            with self._tolerant():
                files.write_atomically(self.folder / which, f"{name}\n".encode())

    def starts(self, name: str) -> int:
        """Return how often the process ended since a model began, and before it proved itself.

        A boot in between starts anew: a power cut says nothing of a model.
        """
        found = self._read("starts")
        same = found.get("id") == name and found.get("boot") == _boot()
        count = found.get("count")
        return count if same and isinstance(count, int) else 0

    def note_start(self, name: str) -> None:
        """Count a start, before any code of the model runs."""
        self._write("starts", {"id": name, "boot": _boot(), "count": self.starts(name) + 1})

    def forget_starts(self) -> None:
        """Note that the model has proved itself, or that the process ends in good order."""
        if self._read("starts"):
            self._write("starts", {})

    def abandoned(self, name: str) -> str | None:
        """Return why a model is not tried again; None if it may be."""
        reason = self._read("abandoned").get(name)
        return None if reason is None else str(reason)

    def abandon(self, name: str, reason: str) -> None:
        """Do not try a model again until another one is offered."""
        self._write("abandoned", {**self._read("abandoned"), name: reason})

    def offer(self, name: str) -> None:
        """Give those that were abandoned under another offer a new chance."""
        found = self._read("abandoned")
        if found.get("offer") != name:
            kept = {name: found[name]} if name in found else {}
            self._write("abandoned", {**kept, "offer": name})

    def tidy(self, *keep: str | None) -> None:
        """Remove all models but those that a pointer holds or `keep` names, and what is torn."""
        kept = {*keep, *(self.pointer(which) for which in POINTERS)}
        with self._tolerant():
            for each in self.folder.iterdir():
                if each.is_dir() and each.name not in kept:
                    shutil.rmtree(each, ignore_errors=True)

    def _read(self, name: str) -> dict[str, object]:
        try:
            values = json.loads(files.read(self.folder / f"{name}.json") or b"{}")
        except ValueError:
            return {}
        return values if isinstance(values, dict) else {}

    def _write(self, name: str, values: dict[str, object]) -> None:
        with self._tolerant():
            content = json.dumps(values, sort_keys=True).encode()
            files.write_atomically(self.folder / f"{name}.json", content)

    @contextlib.contextmanager
    def _tolerant(self) -> Iterator[None]:
        """Go on without the disk: what decides is in memory."""
        try:
            yield
        except OSError:
            self.faults += 1


def _boot() -> str:
    """Return what tells one boot of the machine from another, if the system does."""
    boot = files.read(Path("/proc/sys/kernel/random/boot_id")) or b""
    return boot.decode("ascii", "replace").strip()
