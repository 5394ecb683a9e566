"""Archives of jobs and models: unpacked with suspicion, packed without times and owners."""

import gzip
import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath

_MAX_MEMBERS = 5_000
_MAX_BYTES = 2 * 1024**3


class ArchiveError(Exception):
    """An archive that is broken, or that would do something else than fill its folder."""


def extract(archive: Path, folder: Path) -> None:
    """Unpack a gzip tar of plain files and folders; modification times are kept.

    Raises:
        ArchiveError: For a broken archive, a link, a device, an absolute name, a name with `..`,
            or more members or bytes than any model or bundle has.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:gz") as opened:
            _extract_members(opened, folder)
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, OverflowError) as error:
        raise ArchiveError(f"{archive.name} cannot be read: {error}") from error


def _extract_members(opened: tarfile.TarFile, folder: Path) -> None:
    total = 0
    for count, member in enumerate(opened, 1):
        _check_member(member)
        total += member.size
        if count > _MAX_MEMBERS or total > _MAX_BYTES:
            raise ArchiveError(f"more than {_MAX_MEMBERS} members or {_MAX_BYTES} bytes")
        target = folder / member.name
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        source = opened.extractfile(member)
        assert source is not None
        with source, target.open("wb") as sink:
            while block := source.read(1 << 20):
                sink.write(block)
        target.chmod(0o755 if member.mode & 0o100 else 0o644)
        os.utime(target, (member.mtime, member.mtime))


def _check_member(member: tarfile.TarInfo) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name or "\0" in member.name:
        raise ArchiveError(f"the member {member.name!r} would leave the folder")
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise ArchiveError(f"the member {member.name!r} is no plain file and no folder")


def pack(folder: Path, archive: Path) -> None:
    """Write the plain files under `folder` as a gzip tar; links are left out."""
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0, compresslevel=6) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as opened,
    ):
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            member.size = path.stat().st_size
            member.mode = 0o644
            with path.open("rb") as content:
                opened.addfile(member, content)
