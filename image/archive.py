"""Unpacks `sourcedir.tar.gz`, whatever somebody may have put into it."""

import tarfile
import zlib
from pathlib import Path, PurePosixPath

from image.errors import CommandError

MAX_MEMBERS = 5_000
MAX_BYTES = 2 * 1024**3


def unpack(archive: Path, folder: Path) -> None:
    """Write the plain files of a gzip tar into `folder`; modification times are not kept.

    Raises:
        CommandError: For a broken archive, a link, a device, a name that leaves the folder, or more
            than `MAX_MEMBERS` members or `MAX_BYTES` bytes.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive, "r:gz") as opened:
            _unpack_members(opened, folder.resolve())
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, OverflowError) as error:
        line = " ".join(str(error).split())
        raise CommandError(f"it cannot be unpacked: {line}") from error


def _unpack_members(opened: tarfile.TarFile, folder: Path) -> None:
    total = 0
    for count, member in enumerate(opened, 1):
        _check(member)
        total += member.size
        if count > MAX_MEMBERS or total > MAX_BYTES:
            raise CommandError(f"it has more than {MAX_MEMBERS} members or {MAX_BYTES} bytes")
        target = folder / member.name
        # Nothing here makes links, but the folder may have been there before.
        if not target.parent.resolve().is_relative_to(folder):
            raise CommandError(f"its member {member.name!r} would leave the folder")
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            _write(opened, member, target)


def _write(opened: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    source = opened.extractfile(member)
    assert source is not None
    with source, target.open("wb") as sink:
        while block := source.read(1 << 20):
            sink.write(block)
    target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _check(member: tarfile.TarInfo) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name or "\0" in member.name:
        raise CommandError(f"its member {member.name!r} would leave the folder")
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise CommandError(f"its member {member.name!r} is no plain file and no folder")
