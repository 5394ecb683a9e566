"""Checks a model.tar.gz before anything is registered or deployed from it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from lambdas.archive import Limits, Readable, read_files
from lambdas.aws import Client
from lambdas.errors import UnsafeArtifact
from lambdas.npy import open_arrays, read_array
from lambdas.s3 import open_existing
from lambdas.validation import shown

MANIFEST = "manifest.json"
GOLDEN = "golden.npz"
REQUIRED = ("policy.onnx", "policy.npz", GOLDEN)
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")
"""Formats that run code when they are loaded."""

LIMITS = Limits(members=500, file_bytes=64 << 20, total_bytes=256 << 20)


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """What the later states need of a checked artifact.

    `takes` is the input that the policy was made for: `observations`, or `states` when it
    computes the observations itself. `golden_actions[i]` answers `golden_observations[i]`.
    """

    takes: str
    environment: str
    seed: str
    source_revision: str
    golden_observations: list[object]
    golden_actions: list[object]


def open_model(s3: Client, uri: str) -> Readable:
    """Return a job's model.tar.gz as a stream.

    Raises:
        UnsafeArtifact: It is not there.
    """
    absent = UnsafeArtifact(
        f"There is no model at {uri}: see the log of the job that was to write it"
    )
    return open_existing(s3, uri, absent=absent)


def load_artifact(s3: Client, uri: str) -> Artifact:
    """Fetch and check a model.tar.gz.

    Raises:
        UnsafeArtifact: It is not there, or not what its manifest says.
    """
    return check_artifact(open_model(s3, uri))


def check_artifact(
    stream: Readable, keep: Callable[[str, bytes], object] = lambda name, data: None
) -> Artifact:
    """Read an artifact in one pass and refuse it unless all of it is as its manifest says.

    Args:
        stream: The model.tar.gz.
        keep: Gets name and content of each file, before anything is known to be right.

    Raises:
        UnsafeArtifact: Names the file and what is wrong with it.
    """
    sums: dict[str, str] = {}
    manifest: object = None
    golden: dict[str, bytes] = {}
    for name, data in read_files(stream, limits=LIMITS, wanted=lambda _: True):
        if PurePosixPath(name).suffix.lower() in PICKLES:
            raise UnsafeArtifact(f"{name!a} is a pickle: artifacts hold arrays and ONNX alone.")
        keep(name, data)
        if name == MANIFEST:
            manifest = _json(data)
            continue
        sums[name] = hashlib.sha256(data).hexdigest()
        if name.lower().endswith(".npz"):
            arrays = open_arrays(data, most_bytes=LIMITS.file_bytes)
            golden = arrays if name == GOLDEN else golden
    if not isinstance(manifest, dict) or manifest.get("schema_version") != 1:
        raise UnsafeArtifact(f"{MANIFEST} with schema_version 1 is missing from the artifact.")
    _check_sums(manifest.get("files"), sums)
    return _artifact(manifest, golden)


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UnsafeArtifact(f"{MANIFEST} is not JSON ({error}).") from error


def _check_sums(listed: object, sums: dict[str, str]) -> None:
    if not isinstance(listed, dict):
        raise UnsafeArtifact(f"{MANIFEST} lists no files.")
    for name in sorted({*listed, *sums, *REQUIRED}):
        if name not in sums:
            raise UnsafeArtifact(f"{name!a} is missing from the artifact.")
        if name not in listed:
            raise UnsafeArtifact(f"{name!a} is not listed in {MANIFEST}.")
        if listed[name] != sums[name]:
            raise UnsafeArtifact(
                f"{name!a} is not the file that {MANIFEST} lists (sha256 differs)."
            )


def _artifact(manifest: dict[str, object], golden: dict[str, bytes]) -> Artifact:
    takes, environment = manifest.get("input"), manifest.get("environment")
    if takes not in ("observations", "states"):
        raise UnsafeArtifact(
            f'{MANIFEST}: input must be "observations" or "states", not {shown(takes)}.'
        )
    if not isinstance(environment, dict):
        raise UnsafeArtifact(f"{MANIFEST}: environment must have id and version.")
    if not {"observations", "actions"} <= golden.keys():
        raise UnsafeArtifact(f"{GOLDEN} must hold observations and actions.")
    observations, actions = read_array(golden["observations"]), read_array(golden["actions"])
    if len(observations) != len(actions) or len(actions) < 64:
        raise UnsafeArtifact(f"{GOLDEN} must hold at least 64 observations, each with its action.")
    return Artifact(
        takes=str(takes),
        environment=f"{environment.get('id')} {environment.get('version')}",
        seed=str(manifest.get("seed", "")),
        source_revision=str(manifest.get("source_revision", "")),
        golden_observations=list(observations),
        golden_actions=list(actions),
    )
