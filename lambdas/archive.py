"""Reads a tar.gz from a stream without unpacking it, however hostile it may be."""

import gzip
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from botocore.exceptions import BotoCoreError

from lambdas.errors import UnsafeArtifact

_HEADER_ALLOWANCE = 1 << 20
"""Bytes that headers between two files may take; a longer one is there to fill the memory."""

_DAMAGE = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, KeyError, OverflowError)


class Readable(Protocol):
    """A stream of bytes, such as the body of an S3 object."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most that an archive may hold: entries, bytes of a file that is read, bytes in all."""

    members: int
    file_bytes: int
    total_bytes: int


class _Bounded:
    """Stops a stream at a limit that moves on with each file that was accepted."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._position = 0
        self.limit = _HEADER_ALLOWANCE

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self._position += len(data)
        if self._position > self.limit:
            raise UnsafeArtifact("The archive has a header of over 1 MiB: no job writes that.")
        return data


def read_files(
    stream: Readable, *, limits: Limits, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes]]:
    """Read files of a tar.gz in one pass, holding one at a time.

    Args:
        stream: The compressed archive; it need not be seekable.
        limits: What is refused before it is read.
        wanted: Tells by its name whether a file is to be read or skipped.

    Yields:
        Name, plain and relative, and content of each wanted file, each name once.

    Raises:
        UnsafeArtifact: For damage, links, devices, names that leave the folder, names that come
            twice, and archives over the limits.
    """
    try:
        yield from _walk(stream, limits, wanted)
    except BotoCoreError:
        # A lost connection, of which botocore makes an OSError, too, says nothing of the archive.
        raise
    except _DAMAGE as error:
        line = " ".join(str(error).split())
        raise UnsafeArtifact(f"The archive is not a whole tar.gz file ({line}).") from error


def _walk(
    stream: Readable, limits: Limits, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes]]:
    bounded = _Bounded(gzip.GzipFile(mode="rb", fileobj=stream))  # type: ignore[call-overload] # read() is enough
    names: set[str] = set()
    total = 0
    with tarfile.open(fileobj=bounded, mode="r|") as archive:  # type: ignore[call-overload] # same
        for item in archive:
            name = _plain_name(item)
            if name in names:
                raise UnsafeArtifact(f"The archive holds {name!a} twice.")
            names.add(name)
            total += item.size
            if len(names) > limits.members or total > limits.total_bytes:
                raise UnsafeArtifact(
                    f"The archive holds over {limits.members} entries or "
                    f"{limits.total_bytes} bytes."
                )
            bounded.limit = item.offset_data + item.size + _HEADER_ALLOWANCE
            if item.isreg() and wanted(name):
                if item.size > limits.file_bytes:
                    raise UnsafeArtifact(f"{name!a} is over {limits.file_bytes} bytes long.")
                yield name, archive.extractfile(item).read()


def _plain_name(item: tarfile.TarInfo) -> str:
    if not (item.isdir() or item.isreg()) or item.issparse():
        raise UnsafeArtifact(f"{item.name!a} is a link or a device: only files are accepted.")
    path = PurePosixPath(item.name)
    if path.is_absolute() or ".." in path.parts or re.search(r"[\x00-\x1f\x7f\\]", item.name):
        raise UnsafeArtifact(f"{item.name!a} is a name that could leave its folder.")
    return str(path)
