"""A checked model artifact whose own code decides in this process."""

import hashlib
import importlib
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from lambdas.archive import Readable
from lambdas.artifact import Artifact, check_artifact
from lambdas.errors import ConfigurationError, SmokeTestFailed, UnsafeArtifact
from lambdas.probes import check_golden

CODE = Path("code") / "controller"
Explain = Callable[[dict[str, Any]], None]


class Inference(Protocol):
    """What the artifact's code offers; see `controller.inference` in `training_src`."""

    version: str

    def respond(self, body: object) -> tuple[int, dict[str, Any]]:
        """Return HTTP status and answer to a body."""


def load_model(stream: Readable, *, guard: Mapping[str, Any], explain: Explain) -> Inference:
    """Return what decides for an artifact, after its golden actions were reproduced.

    The artifact's code is run: only artifacts of the registry may come here.

    Args:
        stream: The model.tar.gz.
        guard: Settings of the guard rails in place of the artifact's.
        explain: Is called with each decision for a state and how it came about.

    Raises:
        ConfigurationError: A setting of the guard rails is unknown or wrong.
        UnsafeArtifact: The artifact is damaged, or its code does not do what it did in training.
    """
    folder = Path(tempfile.mkdtemp(prefix="model-"))

    def keep(name: str, data: bytes) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    try:
        artifact = check_artifact(stream, keep)
        inference = _load(folder, guard, explain)
        _check(inference, artifact)
    finally:
        # The code is in memory by now, and the weights, too.
        shutil.rmtree(folder, ignore_errors=True)
    return inference


def _load(folder: Path, guard: Mapping[str, Any], explain: Explain) -> Inference:
    try:
        code = importlib.import_module(f"{_package(folder / CODE).__name__}.inference")
        inference: Inference = code.Inference.load(folder, guard, explain)
    except Exception as error:
        if str(error).startswith("guard: "):
            raise ConfigurationError(f"GUARD_SETTINGS, {error}: correct it.") from error
        line = " ".join(f"{type(error).__name__}: {error}".split())
        raise UnsafeArtifact(f"The artifact's code cannot serve it ({line}).") from error
    return inference


def _package(code: Path) -> ModuleType:
    """Import the artifact's package under a name that no other artifact's has."""
    digest = hashlib.sha256()
    for path in sorted(code.rglob("*.py")):
        digest.update(path.relative_to(code).as_posix().encode() + path.read_bytes())
    name = f"artifact_controller_{digest.hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.spec_from_file_location(
        name, code / "__init__.py", submodule_search_locations=[str(code)]
    )
    if specification is None or specification.loader is None:
        raise UnsafeArtifact(f"The artifact holds no {CODE.as_posix()}.")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
        for path in sorted(code.glob("[!_]*.py")):
            importlib.import_module(f"{name}.{path.stem}")
    except BaseException:
        for loaded in [each for each in sys.modules if each.split(".")[0] == name]:
            del sys.modules[loaded]
        raise
    return module


def _check(inference: Inference, artifact: Artifact) -> None:
    status, answer = inference.respond({"observations": artifact.golden_observations})
    if status != 200:
        raise UnsafeArtifact(f"The artifact's code refuses its golden observations: {answer}")
    try:
        check_golden(answer, artifact.golden_actions)
    except SmokeTestFailed as error:
        raise UnsafeArtifact(f"The artifact is not what it was in training: {error}.") from error
