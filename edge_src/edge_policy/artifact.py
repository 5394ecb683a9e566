"""Model artifacts on the device: unpacked without trust, checked, and decided with.

The same checks as wherever else the artifact goes: no path leads out of the folder, no link or
pickle, sizes capped while they are read, every file as its checksum says, and the golden actions
reproduced by the artifact's own code on this machine.
"""

import gzip
import hashlib
import importlib.util
import io
import json
import re
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from . import files

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
REQUIRED = ("policy.npz", "golden.npz", "code/controller/inference.py", "code/controller/policy.py")
MOST_BYTES = 64 << 20  # unpacked; a policy and its code take less than 1 MB
MOST_MEMBERS = 1000
LEAST_GOLDEN = 64
SUFFIXES = (".json", ".onnx", ".npz", ".py", ".csv", ".html", ".txt", ".md")

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class BadModel(Exception):
    """A model that cannot be decided with; the text is one line that says why."""


def identity(path: Path) -> str:
    """Return what an artifact is known by: 16 hexadecimal digits of its SHA-256.

    Raises:
        BadModel: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise BadModel(f"model.tar.gz cannot be read: {error.strerror}") from error
    return digest.hexdigest()[:16]


def unpack(path: Path, folder: Path) -> None:
    """Unpack a model.tar.gz that nobody vouches for into an empty folder, durably.

    Raises:
        BadModel: for anything but plain files with harmless names within the caps.
        OSError: the disk refuses.
    """
    try:
        with (
            gzip.open(path) as stream,
            tarfile.open(fileobj=_Capped(stream), mode="r|") as archive,
        ):
            for member, name in _members(archive):
                if member.isdir():
                    (folder / name).mkdir(parents=True, exist_ok=True)
                    continue
                content = archive.extractfile(member)
                assert content is not None  # it is a regular file
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                files.write_atomically(target, content.read())
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadModel(f"model.tar.gz is damaged: {str(error)[:200]}") from error


class _Capped(io.RawIOBase):
    """A stream that refuses to give more than the cap, whatever its headers promise."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream, self._left = stream, MOST_BYTES

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes."""
        content = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(content)
        if self._left < 0:
            raise BadModel(f"model.tar.gz unpacks to more than {MOST_BYTES >> 20} MB")
        return content


def _members(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, PurePosixPath]]:
    """Yield the members with their names, each checked."""
    seen: set[PurePosixPath] = set()
    for count, member in enumerate(archive, start=1):
        name = PurePosixPath(member.name)
        reason = ""
        if count > MOST_MEMBERS:
            reason = f"is one of more than {MOST_MEMBERS}"
        elif name.is_absolute() or not all(_PART.fullmatch(part) for part in name.parts):
            reason = "has a name that is not allowed"
        elif name in seen:
            reason = "appears twice"
        elif not member.isdir() and (not member.isreg() or member.issparse()):
            reason = "is a link, a device or another special file"
        elif not member.isdir() and name.suffix.lower() not in SUFFIXES:
            reason = "is no kind of file that a model artifact has"
        if reason:
            raise BadModel(f"model.tar.gz: member {member.name[:80]!r} {reason}")
        seen.add(name)
        yield member, name


def check(folder: Path) -> dict[str, Any]:
    """Return the manifest after checking that every file is there and as it was written.

    Raises:
        BadModel: naming the file that is missing, unlisted, changed, or holds pickled objects.
    """
    manifest = _manifest(folder)
    listed = manifest["files"]
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } - {MANIFEST}
    for name in sorted({*listed, *REQUIRED, *found}):
        if name not in found:
            raise BadModel(f"the model's file {name!r} is missing")
        content = files.read(folder / name)
        if name not in listed:
            raise BadModel(f"the model's file {name!r} is not listed in {MANIFEST}")
        if content is None or hashlib.sha256(content).hexdigest() != listed[name]:
            raise BadModel(f"the model's file {name!r} is not what its checksum says")
        if name.endswith(".npz"):
            _check_arrays(folder / name, name)
    return manifest


def _manifest(folder: Path) -> dict[str, Any]:
    content = files.read(folder / MANIFEST)
    try:
        manifest = json.loads(content or b"")
    except (ValueError, RecursionError):
        raise BadModel(f"the model has no readable {MANIFEST}") from None
    if not isinstance(manifest, dict) or manifest.get("schema_version") != SCHEMA_VERSION:
        raise BadModel(f"the model's {MANIFEST} is not of schema version {SCHEMA_VERSION}")
    kinds = {"files": dict, "action": dict, "environment": dict, "observation": dict, "input": str}
    for name, kind in kinds.items():
        if not isinstance(manifest.get(name), kind):
            raise BadModel(f"the model's {MANIFEST} has no valid {name!r}")
    return manifest


def _check_arrays(path: Path, name: str) -> None:
    """Refuse a file of arrays that is none, too large, or would be unpickled."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(each.file_size for each in archive.infolist()) > MOST_BYTES:
                raise BadModel(f"the model's file {name!r} unpacks to more than it may")
            for each in archive.infolist():
                with archive.open(each) as member:
                    if _holds_objects(member):
                        raise BadModel(f"the model's file {name!r} holds Python objects")
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError) as error:
        raise BadModel(f"the model's file {name!r} holds no arrays") from error


def _holds_objects(member: IO[bytes]) -> bool:
    first = np.lib.format.read_magic(member) == (1, 0)
    read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
    return bool(read(member)[2].hasobject)


def load_code(folder: Path) -> ModuleType:
    """Return the package in the artifact's code/controller, under a name that no other has.

    Raises:
        BadModel: it cannot be imported.
    """
    code = folder / "code" / "controller"
    name = f"model_{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.spec_from_file_location(
        name, code / "__init__.py", submodule_search_locations=[str(code)]
    )
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        specification.loader.exec_module(module)
        for path in sorted(code.glob("[!_]*.py")):
            importlib.import_module(f"{name}.{path.stem}")
    except BaseException as error:  # it may want to end the process
        forget_code(name)
        raise BadModel(f"the model's code cannot be imported: {error!r}"[:300]) from error
    finally:
        sys.dont_write_bytecode = before
    return module


def forget_code(name: str) -> None:
    """Let go of a package of `load_code`."""
    for each in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
        del sys.modules[each]


def golden(folder: Path) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Return the golden observations and actions.

    Raises:
        BadModel: there are too few.
    """
    try:
        with np.load(folder / "golden.npz", allow_pickle=False) as arrays:
            observations, actions = arrays["observations"], arrays["actions"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BadModel(f"the model's golden actions cannot be read: {error}"[:300]) from error
    if len(observations) < LEAST_GOLDEN or len(actions) != len(observations):
        raise BadModel(f"the model has fewer than {LEAST_GOLDEN} golden observations")
    return observations, actions


def reproduces(policy: Any, observations: NDArray[np.float32], expected: NDArray[Any]) -> bool:  # noqa: ANN401
    """Return whether a policy acts on the golden observations as it did when it was written."""
    actions = np.asarray(policy.act(observations))
    if actions.shape != expected.shape:
        return False
    if expected.dtype.kind == "f":
        return bool(np.allclose(actions, expected, rtol=1e-4, atol=1e-5))
    return bool((actions == expected).all())


def summary(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what telemetry says of a model beside its version."""
    return {
        "input": manifest["input"],
        "environment": manifest["environment"].get("id"),
        "source_revision": manifest.get("source_revision"),
        "seed": manifest.get("seed"),
    }
