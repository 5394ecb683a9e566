"""The check of a model.tar.gz: what the training jobs write passes, everything else does not."""

import io
import json
import tarfile
from typing import Any

import numpy as np
import pytest

from lambdas.artifact import check_artifact
from lambdas.errors import UnsafeArtifact
from tests.lambdas.samples import Files, golden_actions, make_artifact, npz, pack


def refusal(data: bytes) -> str:
    with pytest.raises(UnsafeArtifact) as caught:
        check_artifact(io.BytesIO(data))
    return str(caught.value)


def test_a_good_artifact_gives_its_facts_and_golden_vectors(
    artifact_files: Files, manifest: dict[str, Any]
) -> None:
    artifact = check_artifact(io.BytesIO(make_artifact(artifact_files, manifest)))
    assert artifact.takes == "observations"
    assert artifact.environment == "AutoScaling-v0 1"
    assert (artifact.seed, artifact.source_revision) == ("1", "0123abc")
    observations = np.array(artifact.golden_observations, np.float32)
    assert observations.shape == (70, 5)
    assert artifact.golden_actions == golden_actions(observations).tolist()


@pytest.mark.parametrize("name", ["policy.onnx", "policy.npz", "golden.npz"])
def test_a_missing_file_is_named(
    artifact_files: Files, manifest: dict[str, Any], name: str
) -> None:
    del artifact_files[name]
    assert f"'{name}' is missing" in refusal(make_artifact(artifact_files, manifest))


def test_a_listed_file_that_is_missing_is_named(
    artifact_files: Files, manifest: dict[str, Any]
) -> None:
    manifest["files"] = {"code/gone.py": "0" * 64}
    assert "'code/controller/__init__.py' is not listed" in refusal(
        make_artifact(artifact_files, manifest)
    )
    del artifact_files["code/controller/__init__.py"]
    assert "'code/gone.py' is missing" in refusal(make_artifact(artifact_files, manifest))


def test_a_changed_file_is_named(artifact_files: Files,
                                 manifest: dict[str, Any]) -> None:  # fmt: skip
    manifest["files"] = dict.fromkeys(artifact_files, "0" * 64)
    assert "(sha256 differs)" in refusal(make_artifact(artifact_files, manifest))


@pytest.mark.parametrize("name", ["code/x.pkl", "x.PT", "weights.pth", "a.joblib", "b.pickle"])
def test_pickles_are_refused_by_name(
    artifact_files: Files, manifest: dict[str, Any], name: str
) -> None:
    message = refusal(make_artifact({**artifact_files, name: b"x"}, manifest))
    assert message == f"'{name}' is a pickle: artifacts hold arrays and ONNX alone."


@pytest.mark.parametrize("name", ["policy.npz", "extra.NPZ"])
def test_pickles_within_arrays_are_refused(
    artifact_files: Files, manifest: dict[str, Any], name: str
) -> None:
    files = {**artifact_files, name: npz(a=np.array([print], object))}
    assert "'a' holds Python objects" in refusal(make_artifact(files, manifest))


@pytest.mark.parametrize("body", [b"[]", b'{"schema_version": 2}', b"{", b"[" * 100_000, b"\xff"])
def test_another_manifest_is_refused(artifact_files: Files, body: bytes) -> None:
    assert "manifest.json" in refusal(pack({**artifact_files, "manifest.json": body}))


def test_an_archive_without_manifest_is_refused(artifact_files: Files) -> None:
    assert "manifest.json with schema_version 1 is missing" in refusal(pack(artifact_files))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": []}, "manifest.json lists no files"),
        ({"input": None}, 'input must be "observations" or "states", not null'),
        ({"environment": "AutoScaling-v0"}, "environment must have id and version"),
    ],
)
def test_a_manifest_without_what_is_needed_is_refused(
    artifact_files: Files,
    manifest: dict[str, Any],
    change: dict[str, Any],
    message: str,
) -> None:
    assert message in refusal(make_artifact(artifact_files, manifest | change))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"observations": np.ones((70, 5))}, "must hold observations and actions"),
        ({"observations": np.ones((70, 5)), "actions": np.ones(69)}, "at least 64 observations"),
        ({"observations": np.ones((63, 5)), "actions": np.ones(63)}, "at least 64 observations"),
        ({"observations": np.ones((70, 5), np.int8), "actions": np.ones(70)}, "must be float32"),
    ],
)
def test_golden_vectors_must_be_there(
    artifact_files: Files,
    manifest: dict[str, Any],
    arrays: dict[str, np.ndarray],
    message: str,
) -> None:
    files = {**artifact_files, "golden.npz": npz(**arrays)}
    assert message in refusal(make_artifact(files, manifest))


def test_every_flipped_byte_of_a_file_is_noticed(
    artifact_files: Files, manifest: dict[str, Any]
) -> None:
    good = make_artifact(artifact_files, manifest)
    check_artifact(io.BytesIO(good))
    for name, data in artifact_files.items():
        changed = bytes([data[0] ^ 1]) + data[1:]
        listed = json.dumps({**manifest, "files": _sums(good)}).encode()
        assert refusal(pack({**artifact_files, name: changed, "manifest.json": listed}))


def _sums(artifact: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(artifact)) as archive:
        member = archive.extractfile("manifest.json")
        assert member is not None
        sums: dict[str, str] = json.load(member)["files"]
    return sums
