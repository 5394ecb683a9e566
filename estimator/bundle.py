"""The bundle of a job: the same files always give the same `sourcedir.tar.gz`."""

import gzip
import os
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from estimator.errors import EstimatorError
from estimator.kinds import check_kind

ARCHIVE = "sourcedir.tar.gz"
_LEFT_OUT = frozenset(
    {"__pycache__", ".git", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
    | {".DS_Store"}
)


@dataclass(frozen=True)
class Bundle:
    """What a job runs.

    Attributes:
        program: The entry point, a file at the root of the bundle.
        folder: The folder that is packed; None if the bundle lies in S3 or is one file.
        file: The only file of the bundle, if there is no folder.
        dependencies: Files and folders that are put beside it.
        s3_uri: Where it lies already.
    """

    program: str
    folder: Path | None = None
    file: Path | None = None
    dependencies: tuple[Path, ...] = ()
    s3_uri: str | None = None

    def has(self, name: str) -> bool | None:
        """Tell whether the root of the bundle has a file; None: nobody knows, it is in S3."""
        if self.s3_uri:
            return None
        return any(member == name for member, _ in self.files())

    def files(self) -> Iterator[tuple[str, Path]]:
        """Yield the files with their names in the archive, sorted."""
        found: dict[str, Path] = {}
        if self.file:
            found[self.file.name] = self.file
        if self.folder:
            found |= _files(self.folder, "")
        for one in self.dependencies:
            found |= {one.name: one} if one.is_file() else _files(one, f"{one.name}/")
        yield from sorted(found.items())

    def pack(self, target: IO[bytes]) -> None:
        """Write the archive: sorted names, no times and no owners.

        Raises:
            EstimatorError: If a file went away since the estimator was made, or cannot be read.
        """
        try:
            self._pack(target)
        except OSError as error:
            raise EstimatorError(
                f"the bundle cannot be packed: {error}: make its files readable, or take them out"
            ) from error

    def _pack(self, target: IO[bytes]) -> None:
        with (
            gzip.GzipFile(fileobj=target, mode="wb", filename="", mtime=0) as stream,
            tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for name, path in self.files():
                member = tarfile.TarInfo(name)
                member.size = path.stat().st_size
                member.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                with path.open("rb") as content:
                    archive.addfile(member, content)


def find_bundle(
    entry_point: str, source_dir: str | None, dependencies: Sequence[str | Path] = ()
) -> Bundle:
    """Return the bundle that the arguments name, wherever the working folder is later.

    Raises:
        EstimatorError: If a folder or file is not there.
    """
    if not entry_point:
        raise EstimatorError("entry_point is missing: name the program, for example 'train.py'")
    if source_dir and source_dir.lower().startswith("s3://"):
        return _bundle_in_s3(entry_point, source_dir, dependencies)
    beside = tuple(_dependency(one) for one in dependencies)
    if source_dir is None:
        path = Path(entry_point)
        if not path.is_file():
            raise EstimatorError(
                f"entry_point: there is no file {entry_point}: correct the path, or name the "
                "folder it lies in as source_dir"
            )
        return Bundle(path.name, file=_absolute(path), dependencies=beside)
    folder = _absolute(source_dir)
    if not folder.is_dir():
        raise EstimatorError(f"source_dir: there is no folder {source_dir}: correct the path")
    program = _absolute(folder / entry_point)
    if not program.is_file() or program.parent != folder:
        programs = ", ".join(sorted(path.name for path in folder.glob("*.py"))) or "no program"
        raise EstimatorError(
            f"entry_point: {source_dir} holds no {entry_point} at its root, it has {programs}: "
            "name a file at the root of source_dir"
        )
    return Bundle(program.name, folder=folder, dependencies=beside)


def _dependency(given: str | Path | None) -> Path:
    if given is None:
        raise EstimatorError(
            "dependencies: an entry is None: name a file or folder, or leave it out"
        )
    check_kind("dependencies: an entry", given, str)
    path = _absolute(given)
    if not path.exists():
        raise EstimatorError(f"dependencies: there is no {given}: correct the path")
    return path


def _bundle_in_s3(entry_point: str, source_dir: str, dependencies: Sequence[str | Path]) -> Bundle:
    if dependencies:
        raise EstimatorError(
            "dependencies cannot be put beside a bundle that lies in S3: pack them into it, or "
            "name a folder as source_dir"
        )
    # The CDK names its assets by their hash, and keeps only the last part of the ending.
    if not source_dir.endswith((".gz", ".tgz")):
        raise EstimatorError(
            f"source_dir: {source_dir} is no archive: write s3://BUCKET/…/{ARCHIVE}, or a folder"
        )
    return Bundle(entry_point, s3_uri=source_dir)


def _absolute(path: str | Path) -> Path:
    """Return a path without `..`, whose last part is the name of what it names."""
    return Path(os.path.abspath(path))


def _files(folder: Path, prefix: str) -> dict[str, Path]:
    """Return the files below a folder; links to folders are followed, as version 2 does."""
    found: dict[str, Path] = {}
    for place, folders, names in os.walk(folder, followlinks=True):
        here = Path(place)
        folders[:] = [one for one in folders if one not in _LEFT_OUT and not _goes_up(here / one)]
        for name in set(names) - _LEFT_OUT:
            path = here / name
            if path.is_file():
                found[prefix + path.relative_to(folder).as_posix()] = path
    return found


def _goes_up(folder: Path) -> bool:
    """Tell whether a folder is a link to one that it lies in, which would never end."""
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())
