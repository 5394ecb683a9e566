"""Archives from elsewhere, unpacked without trust; our own, packed byte for byte reproducibly.

A model.tar.gz comes out of a bucket that others may write to. Nothing is extracted outside the
folder, no link or device is made, sizes are capped while they are read, and nothing is unpickled.
"""

import gzip
import io
import os
import re
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np

from autoscaling_rl.errors import UserError

MAX_BYTES = 64 * 1024 * 1024  # unpacked; a policy and its code take less than 1 MB
MAX_MEMBERS = 1000
SUFFIXES = (".json", ".onnx", ".npz", ".py", ".csv", ".html", ".txt", ".md")
PICKLES = (".pkl", ".pickle", ".pck", ".pt", ".pth", ".ckpt", ".joblib", ".dill", ".npy", ".bin")

_PART = re.compile(r"[A-Za-z0-9._-]+")
_REMEDY = "use the model.tar.gz as the training or evaluation job wrote it"


def pack(folder: Path, tar_path: Path) -> None:
    """Pack the files of `folder` into a .tar.gz: equal names and contents give equal bytes.

    Names are sorted, without times and owners; bytecode is left out.
    """
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", filename="", mtime=0, compresslevel=6) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in file_names(folder):
            content = (folder / name).read_bytes()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    tar_path.parent.mkdir(parents=True, exist_ok=True)
    tar_path.write_bytes(buffer.getvalue())


def file_names(folder: Path) -> list[str]:
    """Return the names of all files below `folder`, sorted, with slashes; bytecode excepted."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


def extract(tar_path: Path, folder: Path) -> None:
    """Extract a .tar.gz into `folder`, which must not exist or be empty; all of it or nothing.

    Raises:
        UserError: for anything but plain files with harmless names within the caps; the text names
            the member.
    """
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        _extract_members(tar_path, aside)
        for name in file_names(aside):
            if name.endswith(".npz"):
                check_npz(aside / name, f"{tar_path}: {name}")
        aside.replace(folder)
    except OSError as error:
        raise UserError(f"cannot unpack {tar_path} to {folder}: {error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_npz(path: Path, place: str) -> None:
    """Refuse an .npz file with objects in it (they would be pickles) or above the size cap.

    Raises:
        UserError: with `place`, the member and the remedy.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > MAX_BYTES:
                raise UserError(f"{place} unpacks to more than {MAX_BYTES >> 20} MB; {_REMEDY}")
            for info in archive.infolist():
                with archive.open(info) as member:
                    if _holds_objects(member):
                        raise UserError(
                            f"{place} holds Python objects in {info.filename!r}, which would be"
                            f" unpickled; {_REMEDY}"
                        )
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError) as error:
        raise UserError(f"{place} is not a file of NumPy arrays: {error}; {_REMEDY}") from error


def _holds_objects(member: IO[bytes]) -> bool:
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    _, _, kind = read(member)
    return bool(kind.hasobject)


class _Capped(io.RawIOBase):
    """A stream that refuses to give more than the cap, whatever its headers promise."""

    def __init__(self, stream: gzip.GzipFile, tar_path: Path) -> None:
        self._stream = stream
        self._left = MAX_BYTES
        self._tar_path = tar_path

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes."""
        content = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(content)
        if self._left < 0:
            raise UserError(
                f"{self._tar_path} unpacks to more than {MAX_BYTES >> 20} MB; {_REMEDY}"
            )
        return content


def _extract_members(tar_path: Path, folder: Path) -> None:
    seen: set[PurePosixPath] = set()
    try:
        with (
            gzip.open(tar_path) as stream,
            tarfile.open(fileobj=_Capped(stream, tar_path), mode="r|") as archive,
        ):
            for count, member in enumerate(archive, start=1):
                if count > MAX_MEMBERS:
                    raise UserError(f"{tar_path} has more than {MAX_MEMBERS} members; {_REMEDY}")
                name = _checked_name(member, tar_path)
                if name in seen:
                    raise _refused(tar_path, member, "appears twice")
                seen.add(name)
                if member.isdir():
                    (folder / name).mkdir(parents=True, exist_ok=True)
                    continue
                _write(archive, member, folder / name)
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{tar_path} is damaged or not a .tar.gz: {error}; {_REMEDY}") from error


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = archive.extractfile(member)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        if content is not None:
            shutil.copyfileobj(content, file)


def _checked_name(member: tarfile.TarInfo, tar_path: Path) -> PurePosixPath:
    """Return the member's name, or refuse the member."""
    name = PurePosixPath(member.name)
    reason = _wrong_name(name) or (not member.isdir() and _wrong_file(member, name.suffix.lower()))
    if reason:
        raise _refused(tar_path, member, reason)
    return name


def _wrong_name(name: PurePosixPath) -> str:
    if name.is_absolute():
        return "has an absolute path"
    if ".." in name.parts:
        return "leads out of the folder"
    if not all(_PART.fullmatch(part) for part in name.parts):
        return "has a name with other characters than A-Z a-z 0-9 . _ -"
    return ""


def _wrong_file(member: tarfile.TarInfo, suffix: str) -> str:
    if not member.isreg() or member.issparse():
        return "is a link, a device or another special file"
    if member.size > MAX_BYTES:
        return f"is larger than {MAX_BYTES >> 20} MB"
    if suffix in PICKLES:
        return "may be a pickle, which runs code when it is loaded"
    if suffix not in SUFFIXES:
        return "is no kind of file that a model artifact has"
    return ""


def _refused(tar_path: Path, member: tarfile.TarInfo, reason: str) -> UserError:
    return UserError(f"{tar_path}: member {member.name[:80]!r} {reason}; {_REMEDY}")
