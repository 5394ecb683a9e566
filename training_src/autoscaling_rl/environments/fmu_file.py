"""An FMU as a file: what its description says, whether it can run here, and where it is unpacked.

What is in an FMU is native code that nobody checked: running one is running a program.
"""

import contextlib
import functools
import hashlib
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.util import Finalize
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

from autoscaling_rl.errors import UserError
from autoscaling_rl.settings import unknown

DESCRIPTION = "modelDescription.xml"
_INTEGERS = tuple(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))
_KINDS = {  # types of variables that are one number, by FMI's version
    "2": frozenset({"Real", "Integer", "Boolean", "Enumeration"}),
    "3": frozenset({"Float32", "Float64", *_INTEGERS, "Boolean", "Enumeration"}),
}


def fmpy() -> Any:  # noqa: ANN401 - published without types
    """Return the package FMPy.

    Raises:
        UserError: if it is not installed.
    """
    try:
        import fmpy as package
    except ImportError as error:
        raise UserError(
            'FMU-v0 needs the package fmpy: write requirements = ["fmpy==0.3.32"] at the top of the'
            " preset"
        ) from error
    return package


@dataclass
class FmuFile:
    """A described FMU that can run on this machine.

    Attributes:
        path: the file.
        description: what FMPy read of it.
        version: "2" or "3", of FMI.
        variables: by name.
    """

    path: Path
    description: Any
    version: str
    variables: dict[str, Any] = field(repr=False)

    @classmethod
    def read(cls, path: Path, sha256: str = "") -> "FmuFile":
        """Read the description.

        Args:
            path: the file.
            sha256: what its SHA-256 must be; empty: not checked.

        Raises:
            UserError: if it is no FMU for co-simulation of version 2 or 3 that can run here, or
                another one than wanted.
        """
        if sha256 and (found := file_hash(path)) != sha256.lower():
            raise UserError(
                f"environment.sha256: {path} is another simulator, its SHA-256 is {found}, not"
                f" {sha256}: bring the file that is meant, or set sha256 to an empty text"
            )
        return _described(path, *_stamp(path))

    @property
    def only_once(self) -> bool:
        """Whether a process can hold no second instance."""
        return bool(self.description.coSimulation.canBeInstantiatedOnlyOncePerProcess)

    def default(self, name: str) -> float | None:
        """Return startTime, stopTime or stepSize as the FMU suggests it."""
        value = getattr(self.description.defaultExperiment, name, None)
        return None if value is None else float(value)

    def variable(self, name: str, setting: str, causalities: Iterable[str]) -> Any:  # noqa: ANN401
        """Return a variable that a setting names.

        Raises:
            UserError: if there is none of that name, or it is of another kind.
        """
        place = f"environment.{setting}"
        found = self.variables.get(name)
        if found is None:
            raise UserError(unknown(f"{place}: {self.path.name} has no variable", name, self._near))
        allowed = tuple(causalities)
        if (found.causality or "local") not in allowed:
            raise UserError(
                f"{place}: {name} is of causality {found.causality} in {self.path.name}, it must be"
                f" {' or '.join(allowed)}"
            )
        if found.type not in _KINDS[self.version] or found.dimensions:
            what = "an array" if found.dimensions else f"of type {found.type}"
            raise UserError(f"{place}: {name} is {what}: only single numbers can be used")
        return found

    @property
    def _near(self) -> list[str]:
        """Names that a message may list: those of inputs, outputs and parameters come first."""
        public = [n for n, each in self.variables.items() if (each.causality or "") != "local"]
        return public if 0 < len(public) <= 50 else list(self.variables)[:1000]


class Unpacked:
    """The folder of an unpacked FMU, one per process, there while somebody holds it."""

    _held: dict[tuple[Path, int], "Unpacked"] = {}  # noqa: RUF012 - shared on purpose

    def __init__(self, key: tuple[Path, int]) -> None:
        self._key = key
        self._holders = 0
        temporary = tempfile.TemporaryDirectory(prefix="fmu-")
        self.folder = Path(temporary.name)
        # Also where multiprocessing ends a process, which runs no handlers of atexit.
        self._clean = Finalize(None, temporary.cleanup, exitpriority=1)

    @classmethod
    def hold(cls, file: FmuFile) -> "Unpacked":
        """Return the folder of this file; `release` it in the end.

        Raises:
            UserError: if the file cannot be unpacked, or a second instance cannot be.
        """
        key = (file.path, file.path.stat().st_mtime_ns)
        if key not in cls._held:
            made = cls(key)
            try:
                with _refusal(file.path):
                    fmpy().extract(str(file.path), unzipdir=str(made.folder))
            except BaseException:
                made._clean()
                raise
            cls._held[key] = made
        held = cls._held[key]
        if held._holders and file.only_once:
            raise UserError(
                f"{file.path.name} runs once in a process: step several with"
                ' gymnasium.make_vec(..., vectorization_mode="async")'
            )
        held._holders += 1
        return held

    def release(self) -> None:
        """Let go; the last one removes the folder."""
        self._holders -= 1
        if self._holders == 0:
            del self._held[self._key]
            self._clean()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of an FMU, computed once as long as the file does not change.

    Raises:
        UserError: if it cannot be read.
    """
    return _hashed(path, *_stamp(path))


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes with a file: every environment of a job asks for the same one."""
    with _refusal(path):
        found = path.stat()
    return found.st_mtime_ns, found.st_size


@functools.lru_cache(maxsize=8)
def _hashed(path: Path, changed: int, size: int) -> str:
    with _refusal(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.lru_cache(maxsize=8)
def _described(path: Path, changed: int, size: int) -> FmuFile:
    with _refusal(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            version = _version(path, archive)
        description = fmpy().read_model_description(str(path), validate=False)
    if description.coSimulation is None:
        raise UserError(
            f"{path} is for model exchange alone, without a solver: export it for co-simulation"
        )
    _check_binary(path, names, version, description.coSimulation.modelIdentifier)
    variables = {each.name: each for each in description.modelVariables}
    return FmuFile(path, description, version, variables)


def _version(path: Path, archive: zipfile.ZipFile) -> str:
    """Return "2" or "3" by the description in an archive."""
    with archive.open(DESCRIPTION) as file:
        text = ElementTree.parse(file).getroot().get("fmiVersion") or ""
    if text.startswith("1"):
        raise UserError(f"{path} is of FMI version {text}: export it as version 2 or 3")
    if text[:2] not in ("2.", "3."):
        raise UserError(f"{path} is of FMI version {text!r}: versions 2 and 3 are supported")
    return text[0]


def _check_binary(path: Path, names: list[str], version: str, identifier: str) -> None:
    platform = fmpy().platform if version == "2" else fmpy().platform_tuple
    wanted = f"binaries/{platform}/{identifier}{fmpy().sharedLibraryExtension}"
    if wanted in names:
        return
    parts = [PurePosixPath(name).parts for name in names]
    found = sorted({each[1] for each in parts if each[0] == "binaries" and len(each) > 2})
    raise UserError(
        f"{path} has no binary for {platform}, it holds {', '.join(found) or 'none'}: export it for"
        f" this platform ({wanted})"
    )


@contextlib.contextmanager
def _refusal(path: Path) -> Iterator[None]:
    """Turn whatever reading a foreign file raises into one line."""
    try:
        yield
    except UserError:
        raise
    except zipfile.BadZipFile as error:
        raise UserError(f"{path} is no FMU: an FMU is a zip archive") from error
    except KeyError as error:
        raise UserError(f"{path} is no FMU: it holds no {DESCRIPTION}") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} cannot be read as an FMU: {reason}") from error
