"""Checkpoints that survive kill, full disks and bit rot: arrays and JSON in one file, no pickle.

A checkpoint is an .npz archive whose ZIP comment, its last 64 bytes, is the SHA-256 of everything
before: a truncated or altered file is recognised whatever byte it lost. It is written aside,
flushed to the disk and renamed, so that a name always stands for a whole file.
"""

import hashlib
import io
import json
import os
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.errors import UserError

Arrays = dict[str, NDArray[Any]]

_NAME = re.compile(r"checkpoint-(\d{12})\.npz")
_META = "meta.json"  # name of the array that holds the JSON
_DIGEST = 64  # characters of a SHA-256 in hexadecimal
KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """One saved state of training.

    Attributes:
        step: what the toolkit counts, e.g. finished segments.
        arrays: by name.
        meta: JSON values.
    """

    step: int
    arrays: Arrays
    meta: dict[str, Any]


class Checkpoints:
    """The checkpoints of one job in one folder; the two newest are kept.

    Args:
        folder: created at the first save.
        fingerprint: identifies the job's settings. A checkpoint of other settings is refused, since
            resuming it would give a policy that neither of the two settings describes.

    Attributes:
        fingerprint: as given.
    """

    def __init__(self, folder: Path, *, fingerprint: str = "") -> None:
        self._folder = folder
        self.fingerprint = fingerprint

    def save(self, step: int, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> Path:
        """Save a checkpoint and forget all but the two newest up to it.

        Later ones are damaged, or the job would have gone on from them: they must not take the
        place of whole ones, and are written anew when the job comes there.

        Raises:
            UserError: if the file cannot be written; earlier checkpoints are untouched.
        """
        content = _pack(arrays, {**meta, "step": step, "fingerprint": self.fingerprint})
        path = self._folder / f"checkpoint-{step:012d}.npz"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._remove_leftovers()
            write_atomically(path, content)
        except OSError as error:
            raise UserError(
                f"cannot write checkpoint {path}: {error.strerror}; earlier checkpoints are kept,"
                " free some disk space (or use a larger volume) and start the job again"
            ) from error
        saved = [path for number, path in self._newest_first() if number <= step]
        for old in saved[KEPT:]:
            old.unlink(missing_ok=True)
        return path

    def latest(self) -> Checkpoint | None:
        """Return the newest whole checkpoint, or None; damaged ones are skipped with a warning.

        Raises:
            UserError: if the newest whole checkpoint belongs to other settings.
        """
        for checkpoint in self._whole():
            if checkpoint.meta.get("fingerprint") != self.fingerprint:
                raise UserError(
                    f"checkpoints in {self._folder} belong to a job with other settings: use the"
                    " settings, load and files of the environment that they were made with, or an"
                    " empty checkpoint folder"
                )
            return checkpoint
        return None

    def _whole(self) -> Iterator[Checkpoint]:
        for step, path in self._newest_first():
            try:
                yield Checkpoint(step, *_unpack(path.read_bytes()))
            except (OSError, ValueError) as error:
                print(
                    f"warning: checkpoint {path} is skipped: {error}", file=sys.stderr, flush=True
                )

    def _newest_first(self) -> list[tuple[int, Path]]:
        found = []
        for path in self._folder.glob("checkpoint-*.npz"):
            match = _NAME.fullmatch(path.name)
            if match:
                found.append((int(match[1]), path))
        return sorted(found, reverse=True)

    def _remove_leftovers(self) -> None:
        """Remove what a killed process left half written."""
        for path in self._folder.glob(".checkpoint-*.tmp"):
            path.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content`: whoever reads it sees the old file or the new one, both whole.

    Raises:
        OSError: if it cannot be written; `path` is then unchanged.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    # The rename is durable only once the folder is on the disk as well.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _pack(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> bytes:
    if _META in arrays:
        raise ValueError(f"{_META!r} is reserved")
    text = json.dumps(meta, allow_nan=False).encode()
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{**arrays, _META: np.frombuffer(text, np.uint8)})
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"0" * _DIGEST
    content = buffer.getvalue()[:-_DIGEST]
    return content + hashlib.sha256(content).hexdigest().encode()


def _unpack(content: bytes) -> tuple[Arrays, dict[str, Any]]:
    """Return arrays and meta; ValueError if the checksum does not hold."""
    digest = hashlib.sha256(content[:-_DIGEST]).hexdigest().encode()
    if digest != content[-_DIGEST:]:
        raise ValueError("its checksum does not hold, the file is damaged")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return arrays, json.loads(arrays.pop(_META).tobytes())
