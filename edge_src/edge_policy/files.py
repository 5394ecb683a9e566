"""Files that hold what they held, or what was to be written, whenever the power goes."""

import contextlib
import os
from pathlib import Path

ASIDE = ".tmp"


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace a file: whoever reads it, now or after a crash, finds the old or the new content.

    Args:
        path: its folder must exist.
        content: what it shall hold.
        durable: whether it must outlive a power cut, too, once this returns. Without, a power cut
            may leave the old content or an empty file; the end of the process cannot.

    Raises:
        OSError: the old content is still there.
    """
    aside = path.with_name(path.name + ASIDE)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        write_all(descriptor, content)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(aside, path)
    if durable:
        sync_folder(path.parent)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of the content, in as many calls as the system wants."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Make names that were created, replaced or removed in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path) -> bytes | None:
    """Return what a file holds; None if it is not there or cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def remove(path: Path) -> None:
    """Remove a file, if it is there and can be removed."""
    with contextlib.suppress(OSError):
        os.unlink(path)
