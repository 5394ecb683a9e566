"""The bundle of a job: the same files always give the same `sourcedir.tar.gz`."""

import gzip
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from estimator.errors import EstimatorError

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
        """Write the archive: sorted names, no times and no owners."""
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
    entry_point: str, source_dir: str | None, dependencies: Sequence[str] = ()
) -> Bundle:
    """Return the bundle that the arguments name.

    Raises:
        EstimatorError: If a folder or file is not there.
    """
    if source_dir and source_dir.lower().startswith("s3://"):
        return _bundle_in_s3(entry_point, source_dir, dependencies)
    beside = tuple(Path(one) for one in dependencies)
    missing = [str(path) for path in beside if not path.exists()]
    if missing:
        raise EstimatorError(f"dependencies: there is no {missing[0]}: correct the path")
    if source_dir is None:
        path = Path(entry_point)
        if not path.is_file():
            raise EstimatorError(
                f"entry_point: there is no file {entry_point}: correct the path, or name the "
                "folder it lies in as source_dir"
            )
        return Bundle(path.name, file=path, dependencies=beside)
    folder = Path(source_dir)
    if not folder.is_dir():
        raise EstimatorError(f"source_dir: there is no folder {source_dir}: correct the path")
    if not (folder / entry_point).is_file() or Path(entry_point).name != entry_point:
        programs = ", ".join(sorted(path.name for path in folder.glob("*.py"))) or "no program"
        raise EstimatorError(
            f"entry_point: {source_dir} holds no {entry_point} at its root, it has {programs}: "
            "name a file at the root of source_dir"
        )
    return Bundle(entry_point, folder=folder, dependencies=beside)


def _bundle_in_s3(entry_point: str, source_dir: str, dependencies: Sequence[str]) -> Bundle:
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


def _files(folder: Path, prefix: str) -> dict[str, Path]:
    return {
        prefix + path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and not _LEFT_OUT.intersection(path.relative_to(folder).parts)
    }
