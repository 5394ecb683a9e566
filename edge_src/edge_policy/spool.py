"""A bounded queue on disk for messages that cannot be sent now, in the order they were put in.

Messages lie in segments, files that are only added to (see `records`). What was sent is one number
in a small file, `cursor`. A message that `put` has returned for is found after a `kill -9`; after a
power cut, too, if the spool is durable (then each `put` waits for the disk). After a crash a
message may be sent twice, never not at all: each carries its sequence number, so that a receiver
can tell. When the spool is full the oldest segment is dropped, and its messages are counted.
"""

import json
import re
import struct
import threading
import zlib
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from . import files, records

_NUMBER = struct.Struct("<Q")
_NAME = re.compile(r"segment-(\d{20})")
CURSOR = "cursor"


@dataclass
class _Segment:
    """A file of messages.

    Attributes:
        path: of the file.
        first, last: sequence numbers; nothing is in it if last < first.
        size: bytes.
    """

    path: Path
    first: int
    last: int
    size: int


class Spool:
    """Messages by sequence number, from 1 on without gaps but for those that were dropped.

    Attributes:
        most_bytes: that all segments take together; may be changed.
        acknowledged: number of the newest message that was sent, or dropped.
        dropped: messages that were never sent, since the folder was made: for lack of room, or
            because the disk refused or lost them.
        faults: operations on the disk that failed; sending goes on from memory then.
    """

    def __init__(
        self,
        folder: Path,
        *,
        most_bytes: int = 8 << 20,
        segment_bytes: int = 256 << 10,
        durable: bool = True,
    ) -> None:
        """Take over what is in the folder; a torn end is left behind.

        Args:
            folder: created if need be.
            most_bytes: that all segments take together.
            segment_bytes: size at which the next segment begins.
            durable: whether `put` waits until the message outlives a power cut.

        Raises:
            OSError: the folder can be neither made nor read.
        """
        self._folder, self.most_bytes = folder, most_bytes
        self._segment_bytes = min(segment_bytes, most_bytes // 4)
        self._durable = durable
        self._lock = threading.RLock()
        self._writer: records.Writer | None = None
        self._segments: deque[_Segment] = deque()
        self._loaded: tuple[Path, dict[int, bytes]] | None = None
        self.acknowledged = self.dropped = self.faults = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._recover()

    @property
    def waiting(self) -> int:
        """Messages that are to be sent."""
        with self._lock:
            return sum(
                max(0, each.last - max(each.first - 1, self.acknowledged))
                for each in self._segments
            )

    def put(self, content: bytes) -> int:
        """Add a message and return its sequence number: it is stored now.

        Raises:
            OSError: it is not, the disk refused it.
        """
        with self._lock:
            number = self.next_number
            record = _NUMBER.pack(number) + content
            try:
                segment = self._room(len(record), number)
                assert self._writer is not None
                self._writer.add(record, durable=self._durable)
            except OSError:
                self.faults += 1
                self._used = max(self._used, number)  # it may be there, in part or even whole
                self._seal()
                raise
            segment.last, segment.size = number, self._writer.size
            if self._loaded and self._loaded[0] == segment.path:
                self._loaded[1][number] = content
            return number

    @property
    def next_number(self) -> int:
        """The sequence number that the next message gets."""
        newest = self._segments[-1].last if self._segments else 0
        return max(self.acknowledged, newest, self._used) + 1

    def oldest(self) -> tuple[int, bytes] | None:
        """Return the oldest message that was not acknowledged and its number; None without one."""
        with self._lock:
            while self._segments:
                segment = self._segments[0]
                if segment.first > self.acknowledged + 1:
                    self._drop(segment.first - 1)
                number = self.acknowledged + 1
                if number <= segment.last:
                    content = self._content(segment, number)
                    if content is not None:
                        return number, content
                    # The disk lost it after it was written: it cannot be sent any more.
                    self._drop(number)
                elif segment is self._segments[-1] and self._writer is not None:
                    return None
                else:
                    self._remove(segment)
            return None

    def acknowledge(self, number: int) -> None:
        """Note that the oldest message, of this number, was sent."""
        with self._lock:
            self.acknowledged = max(self.acknowledged, number)
            self._save(durable=False)
            while self._segments and self._segments[0].last <= self.acknowledged:
                segment = self._segments[0]
                if segment is self._segments[-1] and self._writer is not None:
                    break
                self._remove(segment)

    def close(self) -> None:
        """Close the files; what is in them stays."""
        with self._lock:
            self._save(durable=True)
            self._seal()

    _used = 0  # the highest number that was ever given, as far as files say
    _counted = False  # whether the cursor could be read

    def _recover(self) -> None:
        self._read_cursor()
        found = {}
        for path in self._folder.iterdir():
            if match := _NAME.fullmatch(path.name):
                found[int(match[1])] = path
        for first in sorted(found):
            path = found[first]
            numbers = list(self._read(path))
            self._used = max(self._used, first - 1, *numbers, 0)
            if not numbers or numbers[-1] <= self.acknowledged:
                files.remove(path)
                continue
            self._segments.append(_Segment(path, first, numbers[-1], path.stat().st_size))
        self._loaded = None
        if self._segments and not self._counted:
            self.acknowledged = self._segments[0].first - 1

    def _read(self, path: Path) -> dict[int, bytes]:
        """Return the messages in a segment by number."""
        contents, _ = records.read(path)
        return {
            _NUMBER.unpack_from(each)[0]: each[_NUMBER.size :]
            for each in contents
            if len(each) >= _NUMBER.size
        }

    def _content(self, segment: _Segment, number: int) -> bytes | None:
        if self._loaded is None or self._loaded[0] != segment.path:
            self._loaded = segment.path, self._read(segment.path)
        return self._loaded[1].get(number)

    def _room(self, length: int, number: int) -> _Segment:
        """Return the segment that takes the next record, after making room for it."""
        writer = self._writer
        if writer is not None and (not writer.usable or writer.size >= self._segment_bytes):
            self._seal()
        while self._segments and self._size() + length > self.most_bytes:
            segment = self._segments[0]
            if segment is self._segments[-1]:
                self._seal()
            self._drop(segment.last)
            self._remove(segment)
        if self._writer is None:
            path = self._folder / f"segment-{number:020}"
            self._writer = records.Writer(path)
            self._segments.append(_Segment(path, number, number - 1, self._writer.size))
        return self._segments[-1]

    def _size(self) -> int:
        return sum(each.size for each in self._segments)

    def _seal(self) -> None:
        """Have the next message begin a segment."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            segment = self._segments[-1]
            self._used = max(self._used, segment.last)
            if segment.last < segment.first:
                self._segments.pop()
                files.remove(segment.path)

    def _drop(self, last: int) -> None:
        """Count the messages up to this number that were not sent as dropped."""
        self.dropped += max(0, last - self.acknowledged)
        self.acknowledged = max(self.acknowledged, last)
        self._save(durable=self._durable)

    def _remove(self, segment: _Segment) -> None:
        """Forget a segment all of whose messages are done with."""
        self._save(durable=self._durable)
        self._used = max(self._used, segment.last)
        self._segments.popleft()
        if self._loaded and self._loaded[0] == segment.path:
            self._loaded = None
        files.remove(segment.path)

    def _save(self, *, durable: bool) -> None:
        values = {
            "acknowledged": self.acknowledged,
            "dropped": self.dropped,
            "used": max(self._used, self._segments[-1].last if self._segments else 0),
        }
        text = json.dumps(values).encode()
        try:
            files.write_atomically(
                self._folder / CURSOR, b"%08x %s\n" % (zlib.crc32(text), text), durable=durable
            )
        except OSError:
            self.faults += 1  # then more is sent twice after a restart

    def _read_cursor(self) -> None:
        """Take over what `_save` wrote; a damaged file means that all is sent once more."""
        content = files.read(self._folder / CURSOR) or b""
        check, _, text = content.strip().partition(b" ")
        if check == b"%08x" % zlib.crc32(text):
            values = json.loads(text)
            self.acknowledged, self.dropped = values["acknowledged"], values["dropped"]
            self._used = values["used"]
            self._counted = True
