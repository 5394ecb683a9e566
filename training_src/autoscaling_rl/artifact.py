"""The model artifact: the same model.tar.gz serves endpoint, Lambda function, edge and back-test.

manifest.json           what the policy is, and the SHA-256 of every other file
policy.onnx             observation -> raw outputs, the artifact of record
policy.npz              the same weights for NumPy
golden.npz              observations with the outputs and actions that belong to them
code/controller/*.py    what turns states into observations and outputs into actions
"""

import importlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl import archive
from autoscaling_rl.artifact_code import copy_code, load_code
from autoscaling_rl.checkpoints import write_atomically
from autoscaling_rl.controller.guard import GuardSettings
from autoscaling_rl.controller.inference import observed_names, observed_version
from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.environment_factory import AUTOSCALING, environment_version
from autoscaling_rl.errors import UserError
from autoscaling_rl.manifest import MANIFEST, SCHEMA_VERSION, check_files, hashes, source_revision
from autoscaling_rl.onnx_export import export_onnx

GOLDEN = 64  # least number of golden observations
_MOST_GOLDEN = 256
BANK_RANGE_LIMIT = 20.0
# Golden actions must not hang on the last bit: another processor adds up in another order.
_DISTURBANCE = 1e-4


def write_artifact(
    folder: Path,
    *,
    policy: Policy,
    environment: Mapping[str, Any],
    preset: Mapping[str, Any],
    seed: int,
    golden_observations: NDArray[np.float32],
    figures: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the files of the artifact into `folder` and return its manifest.

    Args:
        folder: created if need be; SageMaker makes model.tar.gz of it, or `pack` does.
        policy: what decides.
        environment: "id" and every setting.
        preset: all effective settings of the job.
        seed: seed of the training.
        golden_observations: shape (n, observations), n >= 64, float32, as met in the environment.
        figures: JSON values by phase: {"training": {...}, "evaluation": {...}}.

    Raises:
        ValueError: for fewer than 64 golden observations.
    """
    folder.mkdir(parents=True, exist_ok=True)
    golden = golden_rows(policy, np.asarray(golden_observations, np.float32))
    policy.save(folder / "policy.npz")
    export_onnx(policy, folder / "policy.onnx", golden)
    outputs, actions = policy.outputs(golden), policy.act(golden)
    np.savez(folder / "golden.npz", observations=golden, outputs=outputs, actions=actions)
    copy_code(folder)
    settings = {key: value for key, value in environment.items() if key != "id"}
    states = environment["id"] == AUTOSCALING and settings.get("profile") == "default"
    version = environment_version(environment["id"])
    observation: dict[str, Any] = {"shape": [policy.inputs]}
    if states:
        observation |= {"names": list(observed_names(policy)), "version": observed_version(policy)}
    return _write_manifest(
        folder,
        {
            "schema_version": SCHEMA_VERSION,
            "files": {},
            "input": "states" if states else "observations",
            "environment": {"id": environment["id"], "version": version, "settings": settings},
            "observation": observation,
            "action": policy.specification(),
            "guard": guard_settings(policy, preset.get("guard", {})).specification(),
            "preset": dict(preset),
            "seed": seed,
            "source_revision": source_revision(),
            "figures": dict(figures),
        },
    )


def guard_settings(policy: Policy, chosen: Mapping[str, Any]) -> GuardSettings:
    """Return the settings of the guard rails for a policy, changed by the chosen ones.

    Raises:
        UserError: a chosen one is unknown, mistyped or out of range.
    """
    # A bank finds out by itself whether its network can be followed: it scores it every minute.
    # Bursts that are rare in training are no reason to leave it, only what nothing like was seen.
    own = {"range_limit": BANK_RANGE_LIMIT} if policy.bank is not None else {}
    try:
        return GuardSettings.of({**own, **chosen})
    except ValueError as error:
        raise UserError(str(error)) from error


def add_figures(folder: Path, phase: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Put figures of a phase, e.g. "evaluation", into the manifest of an artifact and return it."""
    manifest = check_files(folder)
    manifest["figures"] = {**manifest["figures"], phase: dict(figures)}
    return _write_manifest(folder, manifest)


def pack(folder: Path, tar_path: Path) -> None:
    """Pack an artifact as model.tar.gz; equal files give equal bytes."""
    archive.pack(folder, tar_path)


def unpack(tar_path: Path, folder: Path) -> dict[str, Any]:
    """Unpack a model.tar.gz that nobody vouches for and return its manifest.

    `folder` must not exist or be empty, and is not there afterwards if anything is wrong. The code
    in the artifact is not run: see `verify`.

    Raises:
        UserError: for path traversal, links, devices, pickles, sizes above the caps, files that are
            missing, not listed or not what their checksum says; the text names the member.
    """
    archive.extract(tar_path, folder)
    try:
        return check_files(folder, place=str(tar_path))
    except UserError:
        shutil.rmtree(folder)
        raise


def verify(folder: Path) -> dict[str, Any]:
    """Check files and golden actions of an unpacked artifact and return its manifest.

    The actions are computed by the artifact's own code.

    Raises:
        UserError: if a file is not what its checksum says, or the actions differ.
    """
    manifest = check_files(folder)
    policy = load_policy(folder)
    with np.load(folder / "golden.npz", allow_pickle=False) as golden:
        observations, expected = golden["observations"], golden["actions"]
    if len(observations) < GOLDEN:
        raise UserError(f"{folder}: golden.npz holds fewer than {GOLDEN} observations")
    actions = policy.act(observations)
    if not _equal(actions, expected):
        raise UserError(
            f"{folder}: the policy does not reproduce its golden actions: train it again, or run it"
            " with the NumPy version that it was trained with"
        )
    return manifest


def load_policy(folder: Path) -> Policy:
    """Return the policy of an unpacked artifact, an instance of the artifact's own class.

    Raises:
        UserError: if its code or its weights cannot be loaded.
    """
    manifest = check_files(folder)
    try:
        module = importlib.import_module(f"{load_code(folder).__name__}.policy")
        policy: Policy = module.Policy.load(folder / "policy.npz", manifest["action"])
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{folder}: the artifact's policy cannot be loaded: {error!r}") from error
    return policy


def find_artifact(channel: Path, workspace: Path) -> Path:
    """Return the folder of the artifact in a channel: unpacked already, or one model.tar.gz.

    Args:
        channel: folder of the channel `checkpoint`.
        workspace: where a model.tar.gz is unpacked to.

    Raises:
        UserError: if the channel holds neither, or the artifact is not whole.
    """
    if (channel / MANIFEST).is_file():
        check_files(channel)
        return channel
    found = sorted(channel.rglob("*.tar.gz"))
    # An evaluation leaves its output beside the artifact.
    found = [path for path in found if path.name == "model.tar.gz"] or found
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:3]) or "none"
        raise UserError(
            f"channel `{channel.name}` must hold one model.tar.gz of a training job, found: {names}"
        )
    unpack(found[0], workspace)
    return workspace


def golden_rows(policy: Policy, observations: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return up to 256 observations spread over the given ones, first those that decide clearly.

    Raises:
        ValueError: for fewer than 64 observations.
    """
    if len(observations) < GOLDEN:
        raise ValueError(f"{len(observations)} golden observations, at least {GOLDEN} are needed")
    noise = np.random.default_rng(0).uniform(-1, 1, observations.shape)
    disturbed = (observations + _DISTURBANCE * noise * policy.scale).astype(np.float32)
    clear = np.ones(len(observations), bool)
    if policy.head != "continuous":
        clear = policy.act(disturbed) == policy.act(observations)
    order = np.argsort(~clear, kind="stable")[: max(GOLDEN, int(clear.sum()))]
    order.sort()
    chosen = order[np.linspace(0, len(order) - 1, min(len(order), _MOST_GOLDEN)).astype(int)]
    return np.ascontiguousarray(observations[chosen])


def _equal(actions: NDArray[Any], expected: NDArray[Any]) -> bool:
    if actions.shape != expected.shape:
        return False
    if expected.dtype.kind == "f":
        return bool(np.allclose(actions, expected, rtol=1e-4, atol=1e-5))
    return bool((actions == expected).all())


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    manifest["files"] = {name: value for name, value in hashes(folder).items() if name != MANIFEST}
    text = json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False) + "\n"
    write_atomically(folder / MANIFEST, text.encode())
    plain: dict[str, Any] = json.loads(text)
    return plain
