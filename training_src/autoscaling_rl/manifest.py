"""The manifest of a model artifact: what is in it, and whether that is still what was written."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoscaling_rl import archive
from autoscaling_rl.errors import UserError

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
REQUIRED = ("policy.onnx", "policy.npz", "golden.npz", "code/controller/policy.py")
INPUTS = ("observations", "states")
REVISION_VARIABLE = "SOURCE_REVISION"

_MAX_BYTES = 1024 * 1024
_TYPES: Mapping[str, type] = {
    "files": dict,
    "input": str,
    "environment": dict,
    "observation": dict,
    "action": dict,
    "preset": dict,
    "seed": int,
    "source_revision": str,
    "figures": dict,
}


def read_manifest(folder: Path, *, place: str = "") -> dict[str, Any]:
    """Return the manifest of the artifact in `folder`, checked for its form.

    Args:
        folder: of the unpacked artifact.
        place: what an error names instead of the folder, e.g. the archive.

    Raises:
        UserError: if it is missing or not of schema version 1.
    """
    where = f"{place or folder}: {MANIFEST}"
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(f"{where} is missing: that is no model artifact of this project")
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("larger than 1 MB")
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{where} cannot be read: {str(error)[:200]}") from error
    if not isinstance(manifest, dict) or manifest.get("schema_version") != SCHEMA_VERSION:
        version = manifest.get("schema_version") if isinstance(manifest, dict) else None
        raise UserError(
            f"{where} has schema version {version!r}, this code reads {SCHEMA_VERSION}: use the"
            " version of the code that wrote it, or train again"
        )
    for name, kind in _TYPES.items():
        if not isinstance(manifest.get(name), kind):
            raise UserError(f"{where} has no valid {name!r}: train again")
    if manifest["input"] not in INPUTS or "id" not in manifest["environment"]:
        raise UserError(f"{where} has no valid input or environment: train again")
    return manifest


def check_files(folder: Path, *, place: str = "") -> dict[str, Any]:
    """Return the manifest after checking that every file is there and as it was written.

    Raises:
        UserError: naming the file that is missing, unlisted, changed, or holds pickled objects.
    """
    manifest = read_manifest(folder, place=place)
    where = place or str(folder)
    listed = manifest["files"]
    found = hashes(folder)
    found.pop(MANIFEST)
    for name in sorted({*listed, *REQUIRED}):
        if name not in found:
            raise UserError(f"{where}: {name!r} is missing from the artifact: copy it again")
        if name not in listed:
            raise UserError(f"{where}: {name!r} has no checksum in {MANIFEST}: train again")
        if listed[name] != found[name]:
            raise UserError(
                f"{where}: {name!r} is not what its checksum in {MANIFEST} says, the file was"
                " damaged or changed: copy the artifact again"
            )
    for name in found:
        if name not in listed:
            raise UserError(f"{where}: {name!r} is not listed in {MANIFEST}: remove it")
        if name.endswith(".npz"):
            archive.check_npz(folder / name, f"{where}: {name}")
    return manifest


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below `folder` by its name; bytecode excepted."""
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in archive.file_names(folder)
    }


def source_revision() -> str:
    """Return the revision in the variable SOURCE_REVISION, else a hash of the bundle's sources."""
    if revision := os.environ.get(REVISION_VARIABLE):
        return revision
    bundle = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for name in archive.file_names(bundle):
        if name.endswith((".py", ".toml", ".json", ".txt")):
            digest.update(name.encode() + (bundle / name).read_bytes())
    return digest.hexdigest()[:12]
