"""One version of a component on a device: artifacts fetched and unpacked, its script made."""

import base64
import hashlib
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from local_mode.aws.storage import S3Location, Storage, StorageError

Recipe = Mapping[str, Any]


class InstallationError(Exception):
    """A version that cannot be installed; the text is what the device reports."""


class Installation:
    """Where one version lies below the device's folder.

    Args:
        root: The device's folder.
        recipe: The version's recipe, with the digests that the control plane has computed.
    """

    def __init__(self, root: Path, recipe: Recipe) -> None:
        self.recipe = recipe
        self.name, self.version = recipe["ComponentName"], recipe["ComponentVersion"]
        packages = root / "packages"
        self.artifacts = packages / "artifacts" / self.name / self.version
        self.unarchived = packages / "artifacts-unarchived" / self.name / self.version
        self.work = root / "work" / self.name
        self._root = root

    def install(self, storage: Storage) -> None:
        """Fetch and unpack every artifact; what is there already and right is left.

        Raises:
            InstallationError: No manifest is for this device, or an artifact is not what it was.
        """
        self.work.mkdir(parents=True, exist_ok=True)
        for artifact in self._manifest().get("Artifacts", ()):
            name = PurePosixPath(artifact["Uri"]).name
            file = self.artifacts / name
            try:
                storage.download(S3Location.parse(artifact["Uri"]), file)
            except StorageError as error:
                raise InstallationError(f"{artifact['Uri']}: {error}") from error
            _check_digest(file, artifact)
            if artifact.get("Unarchive") == "ZIP":
                _unzip(file, self.unarchived / PurePosixPath(name).stem)

    def script(self, configuration: Mapping[str, Any], thing: str) -> str:
        """Return the script that runs the component, its variables replaced.

        Raises:
            InstallationError: The recipe has none, or names something that is not there.
        """
        lifecycle = self._manifest()["Lifecycle"]
        step = lifecycle.get("run") or lifecycle.get("startup")
        if not step:
            raise InstallationError("the recipe has neither run nor startup")
        values = {
            "artifacts:path": str(self.artifacts),
            "artifacts:decompressedPath": str(self.unarchived),
            "kernel:rootPath": str(self._root),
            "iot:thingName": thing,
            "work:path": str(self.work),
        }

        def value(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("configuration:/"):
                return _at(configuration, name.removeprefix("configuration:/"))
            if name not in values:
                raise InstallationError(f"{{{name}}} is no variable of a recipe")
            return values[name]

        return re.sub(r"\{([a-zA-Z]+:[^{}]*)\}", value, step["Script"])

    def defaults(self) -> dict[str, Any]:
        """Return the recipe's DefaultConfiguration."""
        found = self.recipe.get("ComponentConfiguration", {}).get("DefaultConfiguration", {})
        return dict(found)

    def remove_others(self) -> None:
        """Delete every other version of the component, as nucleus lite does after a success."""
        for own in (self.artifacts, self.unarchived):
            for other in own.parent.glob("*"):
                if other != own:
                    shutil.rmtree(other, ignore_errors=True)

    def _manifest(self) -> dict[str, Any]:
        for manifest in self.recipe["Manifests"]:
            platform = manifest.get("Platform", {})
            if platform.get("os", "*") in ("*", "linux"):
                return dict(manifest)
        raise InstallationError("no manifest of the recipe is for linux")


def _check_digest(file: Path, artifact: Mapping[str, Any]) -> None:
    wanted = artifact.get("Digest")
    with file.open("rb") as opened:
        found = base64.b64encode(hashlib.file_digest(opened, "sha256").digest()).decode()
    if wanted and wanted != found:
        raise InstallationError(f"{artifact['Uri']}: is not what was published (SHA-256 differs)")


def _unzip(file: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                path = PurePosixPath(name)
                if path.is_absolute() or ".." in path.parts:
                    raise InstallationError(f"{file.name}: {name} leaves its folder")
            archive.extractall(folder)
    except zipfile.BadZipFile as error:
        raise InstallationError(f"{file.name}: {error}") from error


def _at(configuration: Mapping[str, Any], pointer: str) -> str:
    value: Any = configuration
    for key in _keys(pointer):
        if not isinstance(value, dict) or key not in value:
            raise InstallationError(f"{{configuration:/{pointer}}} is not there")
        value = value[key]
    return str(value)


def _keys(pointer: str) -> Iterator[str]:
    return (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/") if part)


def without(configuration: dict[str, Any], pointers: list[str]) -> None:
    """Take values out of a configuration, as `reset` of a deployment says."""
    for pointer in pointers:
        *path, last = [*_keys(pointer)] or [""]
        at: Any = configuration
        for key in path:
            at = at.get(key, {}) if isinstance(at, dict) else {}
        if not last:
            configuration.clear()
        elif isinstance(at, dict):
            at.pop(last, None)
