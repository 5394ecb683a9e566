"""Deterministic archives: the same files give the same bytes, whatever ran in the folder before."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

_EXCLUDED = frozenset({"__pycache__", ".DS_Store", ".mypy_cache", ".ruff_cache", ".pytest_cache"})
# The earliest time that a zip member can carry.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        relative = path.relative_to(folder)
        if path.is_file() and not _EXCLUDED.intersection(relative.parts):
            yield relative.as_posix(), path


def _mode(path: Path) -> int:
    return 0o755 if path.stat().st_mode & 0o100 else 0o644


def tar_gz(folder: Path) -> bytes:
    """Return the files of `folder` as a gzip tar with sorted names and without times and owners.

    Modification times are zero on purpose: a compiled-kernel cache keyed by them then survives a
    new packing of unchanged code.
    """
    raw = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, path in _files(folder):
            member = tarfile.TarInfo(name)
            member.size = path.stat().st_size
            member.mode = _mode(path)
            with path.open("rb") as content:
                archive.addfile(member, content)
    return raw.getvalue()


def zip_package(folder: Path) -> bytes:
    """Return the package `folder` as a zip whose names start with the folder's own name."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in _files(folder):
            member = zipfile.ZipInfo(f"{folder.name}/{name}", _ZIP_EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = _mode(path) << 16
            archive.writestr(member, path.read_bytes())
    return raw.getvalue()
