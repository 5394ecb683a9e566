"""Records in a file that is only ever added to, each with a checksum: a torn one is seen as such.

A file begins with `MAGIC`. A record is the length of its content (4 bytes, little endian), a
CRC-32 of length and content (4 bytes), and the content. Reading ends at the first record that is
not whole; what comes after it was never acknowledged, or the disk lost it.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from . import files

MAGIC = b"EDGEREC1"
LARGEST = 1 << 20  # bytes of a record; a longer length is damage
_HEAD, _NUMBER = struct.Struct("<II"), struct.Struct("<I")


class Broken(Exception):
    """A file has an end that is no record; `whole` bytes before it are."""

    def __init__(self, whole: int) -> None:
        """Say how many bytes are whole."""
        super().__init__(f"damaged after {whole} bytes")
        self.whole = whole


def encode(content: bytes) -> bytes:
    """Return the bytes of a record."""
    length = _NUMBER.pack(len(content))
    return length + _NUMBER.pack(zlib.crc32(content, zlib.crc32(length))) + content


def decode(data: bytes) -> Iterator[bytes]:
    """Yield the contents of the records in the bytes of a file.

    Raises:
        Broken: after the last whole record, if anything else follows it.
    """
    if not data.startswith(MAGIC):
        if data:
            raise Broken(0)
        return
    at = len(MAGIC)
    while at < len(data):
        end = at + _HEAD.size
        if end > len(data):
            raise Broken(at)
        length, check = _HEAD.unpack_from(data, at)
        content = data[end : end + length]
        whole = length <= LARGEST and len(content) == length
        if not whole or zlib.crc32(content, zlib.crc32(data[at : at + 4])) != check:
            raise Broken(at)
        yield content
        at = end + length


def read(path: Path) -> tuple[list[bytes], bool]:
    """Return the whole records of a file, and whether damage follows them; no file has none."""
    found: list[bytes] = []
    data = files.read(path)
    try:
        for content in decode(data or b""):
            found.append(content)
    except Broken:
        return found, True
    return found, False


class Writer:
    """Adds records to a new file.

    Attributes:
        path: of the file.
        size: bytes in it.
    """

    def __init__(self, path: Path) -> None:
        """Create the file, which must not exist; its name is durable when this returns.

        Raises:
            OSError: it cannot be created.
        """
        self.path, self.size = path, 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        self._torn = False
        try:
            self._write(MAGIC)
            files.sync_folder(path.parent)
        except BaseException:
            self.close()
            files.remove(path)
            raise

    def add(self, *contents: bytes, durable: bool) -> None:
        """Add records: whole when this returns, whatever then happens to the process.

        Args:
            contents: each at most `LARGEST` bytes.
            durable: whether it must outlive a power cut, too.

        Raises:
            OSError: it is not acknowledged, although it may be found later; the file takes no more.
            ValueError: the content is too long.
        """
        if (longest := max(map(len, contents))) > LARGEST:
            raise ValueError(f"a record of {longest} bytes; at most {LARGEST} are taken")
        self._write(b"".join(map(encode, contents)))
        if durable:
            self.sync()

    def sync(self) -> None:
        """Make all that was added outlive a power cut."""
        try:
            os.fsync(self._descriptor)
        except OSError:
            # After a failed fsync nobody knows what is on the disk: write no more to this file.
            self._torn = True
            raise

    @property
    def usable(self) -> bool:
        """Whether more can be added: after a failed write nothing may follow the torn record."""
        return not self._torn

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def _write(self, content: bytes) -> None:
        if self._torn:
            raise OSError(f"{self.path}: an earlier record is torn")
        try:
            files.write_all(self._descriptor, content)
        except BaseException:
            self._torn = True
            raise
        self.size += len(content)
