"""The folder for the results of a run: taken at once, by one run alone, and written."""

import contextlib
import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from local_mode.errors import UserError
from local_mode.signals import held_back

# Where this file has stayed, a run ended without results: what it left may be removed.
_CLAIM = ".claim"
_DRAFT = ".results-"
_LEFTOVERS = ("logs", "device")


class OutputError(UserError):
    """Results that cannot be written: what they were made from should be kept."""


@contextlib.contextmanager
def taken(chosen: Path | None) -> Iterator[Path]:
    """Give a new folder, or the chosen one, which no other run gets until the end of the block.

    It is empty: what a run without results left there is removed.

    Raises:
        UserError: if it holds something, is another run's, or cannot be written.
    """
    folder = chosen or Path("output") / f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    with contextlib.ExitStack() as held:
        try:
            if chosen is None:
                folder = _make_new(folder)
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(_claimed(folder))
        except OSError as error:
            raise _refused(folder, f"{error.strerror or error}; choose another folder") from None
        yield folder


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, which is made if it is missing: all of them, or none.

    Raises:
        OutputError: if they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_DRAFT, dir=folder) as draft:
            for name, content in files.items():
                (Path(draft) / name).write_bytes(content)
            with held_back():
                for name in files:
                    (Path(draft) / name).replace(folder / name)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror})") from error


def _make_new(first: Path) -> Path:
    """Make a folder of that name, or with a number behind it where another run was faster."""
    first.parent.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        folder = first if number == 1 else first.with_name(f"{first.name}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            break
    return folder


@contextlib.contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Hold the lock on a file of the folder; it ends with the process, however that ends."""
    before = _names(folder)
    links = any((folder / name).is_symlink() for name in before - {_CLAIM})
    if before and (links or not (_CLAIM in before and _is_unfinished(before))):
        raise _refused(folder, "already holds something; choose a new folder")
    with (folder / _CLAIM).open("a") as claim:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _refused(folder, "another run writes there; choose a new folder") from None
        # Something must be written: a full disk shows now, and not after the training.
        claim.write(f"{os.getpid()}\n")
        claim.flush()
        # One that ended meanwhile has removed the file, and left its results.
        if os.fstat(claim.fileno()).st_nlink == 0 or _names(folder) != before | {_CLAIM}:
            raise _refused(folder, "another run has written there; choose a new folder")
        for name in before - {_CLAIM}:
            shutil.rmtree(folder / name)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # somebody has removed the folder
                left = _names(folder)
                if left == {_CLAIM} or not _is_unfinished(left):
                    (folder / _CLAIM).unlink()


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _is_unfinished(names: set[str]) -> bool:
    return all(name.startswith(_DRAFT) or name in (_CLAIM, *_LEFTOVERS) for name in names)


def _refused(folder: Path, words: str) -> UserError:
    return UserError(f"--output {folder}: {words}")
