"""The load of the last two weeks on disk, so that no restart loses any of it.

Every message that tells new minutes is a record in a journal before it is answered; now and then
the whole is a snapshot and the journal begins anew.
"""

import struct
import zlib
from pathlib import Path

import numpy as np

from . import files, records
from .timeline import UNKNOWN, Load, Timeline

_FLOATS = np.dtype("<f8")
_HEAD = struct.Struct("<qqq")  # minute after the last, and those of the last changes of the fleet
_HELD = struct.Struct("<q")  # the newest journal that a snapshot holds
_TOLD, _CHANGED = struct.Struct("<cq"), struct.Struct("<cqq")  # records: kind, minute, action


class History:
    """A timeline on disk.

    Attributes:
        timeline: what is known.
        faults: operations on the disk that failed; deciding goes on from memory then.
        damage: what on the disk could not be read, a sentence; empty if all could.
    """

    def __init__(self, folder: Path, *, most_records: int = 720) -> None:
        """Read what is in the folder.

        Args:
            folder: created if it can be; without a disk all is kept in memory alone.
            most_records: of the journal, until a snapshot is written.
        """
        self._folder, self._most_records = folder, most_records
        self.timeline = Timeline()
        self.faults, self.damage = 0, ""
        self._writer: records.Writer | None = None
        self._records = self._held = 0
        self._noted: list[bytes] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            self.faults += 1
        self._read()

    @property
    def damaged(self) -> bool:
        """Whether anything on the disk could not be read."""
        return bool(self.damage)

    def note(self, minute: int, load: Load) -> None:
        """Keep what a message told, with the next `write`."""
        self._noted.append(_TOLD.pack(b"L", minute) + load.astype(_FLOATS).tobytes())

    def note_change(self, minute: int, action: int) -> None:
        """Keep when machines were added or removed, with the next `write`."""
        self._noted.append(_CHANGED.pack(b"C", minute, action))

    def write(self) -> None:
        """Write what was noted: it is found after the end of this process."""
        noted, self._noted = self._noted, []
        if not noted:
            return
        try:
            if self._writer is None or not self._writer.usable:
                self._close()
                self._writer = records.Writer(self._folder / f"journal-{self._newest() + 1:08}")
            self._writer.add(*noted, durable=False)
            self._records += len(noted)
        except (OSError, ValueError):
            self._failed()

    def sync(self) -> None:
        """Make what was written outlive a power cut; write a snapshot if the journal is long."""
        try:
            if self._records >= self._most_records:
                self.save()
            elif self._writer is not None:
                self._writer.sync()
        except OSError:
            self._failed()

    def save(self) -> None:
        """Write a snapshot and begin the journal anew.

        Raises:
            OSError: what was on the disk is still there.
        """
        timeline = self.timeline
        head = _HEAD.pack(timeline.minute, timeline.added, timeline.removed)
        body = zlib.compress(head + timeline.load.astype(_FLOATS).tobytes(), 1)
        # Journals that it holds are not read again: they may be of a clock that was wrong.
        newest = self._newest()
        content = records.MAGIC + records.encode(_HELD.pack(newest)) + records.encode(body)
        files.write_atomically(self._folder / "snapshot", content)
        self._noted, self._held = [], newest
        self._close()
        for path in self._journals():
            files.remove(path)
        self._records = 0

    def replace(self, timeline: Timeline) -> None:
        """Take another timeline for this one."""
        self.timeline = timeline
        try:
            self.save()
        except OSError:
            self._failed()

    def close(self) -> None:
        """Write all that is known."""
        try:
            if self._records or self._writer is not None:
                self.save()
        except OSError:
            self._failed()
        self._close()

    def _failed(self) -> None:
        self.faults += 1
        self._records = self._most_records  # the next `sync` tries to write the whole
        self._close()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _journals(self) -> list[Path]:
        return sorted(self._folder.glob("journal-[0-9]*"), key=_number)

    def _newest(self) -> int:
        return max(map(_number, self._journals()), default=self._held)

    def _read(self) -> None:
        broken, torn = self._read_snapshot(), False
        for path in self._journals():
            if _number(path) <= self._held:
                files.remove(path)
            else:
                torn |= self._read_journal(path)
        if broken:
            self.damage = "the history was damaged: most of the last two weeks is missing"
        elif torn:
            self.damage = "the end of the history was damaged: some minutes are missing"

    def _read_snapshot(self) -> bool:
        """Take over the snapshot; return whether it is damaged."""
        found, broken = records.read(self._folder / "snapshot")
        try:
            for each in found:
                if len(each) == _HELD.size:
                    (self._held,) = _HELD.unpack(each)
                else:
                    self._take_snapshot(zlib.decompress(each))
        except (ValueError, struct.error, zlib.error):
            return True
        return broken

    def _read_journal(self, path: Path) -> bool:
        """Take over what a journal notes; return whether it is damaged."""
        notes, torn = records.read(path)
        self._records += len(notes)
        try:
            for note in notes:
                self._take_note(note)
        except (ValueError, struct.error):
            return True
        return torn

    def _take_snapshot(self, body: bytes) -> None:
        timeline = self.timeline
        minute, added, removed = _HEAD.unpack_from(body)
        if minute != UNKNOWN:
            timeline.tell(minute, np.frombuffer(body, _FLOATS, offset=_HEAD.size))
        timeline.added, timeline.removed = added, removed

    def _take_note(self, note: bytes) -> None:
        timeline = self.timeline
        if note[:1] == b"C":
            _, minute, action = _CHANGED.unpack(note)
            timeline.changes(action, minute)
            return
        _, minute = _TOLD.unpack_from(note)
        load = np.frombuffer(note, _FLOATS, offset=_TOLD.size)
        if timeline.minute == UNKNOWN or minute >= timeline.minute:
            timeline.tell(minute, load)
        else:
            timeline.fill(minute, load)


def _number(journal: Path) -> int:
    digits = journal.name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0
