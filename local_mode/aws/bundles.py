"""The training bundle (`sourcedir.tar.gz`), unpacked once for each content."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from local_mode.aws.archives import ArchiveError, extract
from local_mode.aws.storage import S3Location, Storage, StorageError


class BundleError(Exception):
    """A bundle or program that a job or model names and that cannot be had."""


def decode_hyperparameter(text: str) -> object:
    """Read a hyperparameter as every container does: JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def named_program(settings: Mapping[str, str], program: str, submit: str) -> tuple[str, S3Location]:
    """Return the program and the bundle that `settings` name under the given keys.

    Raises:
        BundleError: If a key is missing or its value is of no use.
    """
    values = {}
    for key in (program, submit):
        value = decode_hyperparameter(settings.get(key, ""))
        if not isinstance(value, str) or not value:
            raise BundleError(f"{key} is missing: a local process needs a program and its bundle")
        values[key] = value
    try:
        return values[program], S3Location.parse(values[submit])
    except StorageError as error:
        raise BundleError(f"{submit}: {error}") from error


class Bundles:
    """Folders of code by content, shared by every job and model that names the same content.

    A folder keeps its path and its modification times, so kernels compiled for it stay valid.
    """

    def __init__(self, storage: Storage, cache_dir: Path) -> None:
        self._storage = storage
        self._code = cache_dir / "code"
        kernels = os.environ.get("NUMBA_CACHE_DIR") or cache_dir / "kernels"
        self.kernel_cache = Path(kernels).absolute()  # jobs run in folders of their own

    def fetch(self, location: S3Location, program: str) -> Path:
        """Return the folder that holds the bundle.

        Raises:
            BundleError: If the bundle is missing or broken, or has no such program.
        """
        self._code.mkdir(parents=True, exist_ok=True)
        self.kernel_cache.mkdir(parents=True, exist_ok=True)
        draft = self._code / f"draft-{uuid.uuid4().hex}"
        archive = draft.with_suffix(".tar.gz")
        try:
            self._storage.download(location, archive)
            folder = self._code / hashlib.sha256(archive.read_bytes()).hexdigest()
            if not folder.exists():
                extract(archive, draft)
                _publish(draft, folder)
        except (StorageError, ArchiveError) as error:
            raise BundleError(f"cannot use {location.uri}: {error}") from error
        finally:
            archive.unlink(missing_ok=True)
            shutil.rmtree(draft, ignore_errors=True)
        entry = folder / program
        if not entry.resolve().is_relative_to(folder.resolve()) or not entry.is_file():
            raise BundleError(f"{location.uri} holds no {program}")
        return folder


def _publish(draft: Path, folder: Path) -> None:
    try:
        os.rename(draft, folder)
    except OSError:
        # Another job was first with the same content.
        if not folder.is_dir():
            raise
