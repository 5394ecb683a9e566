"""The model artifact: what is written can be verified anywhere, and nothing else is let in."""

import json
import subprocess
import sys

import numpy as np
import pytest

from autoscaling_rl.artifact import (
    add_figures,
    find_artifact,
    golden_rows,
    load_policy,
    pack,
    verify,
)
from autoscaling_rl.artifact_code import load_code
from autoscaling_rl.controller.observation import NAMES, SIZE, VERSION
from autoscaling_rl.errors import UserError
from autoscaling_rl.manifest import source_revision
from autoscaling_rl.onnx_export import export_onnx, run_onnx
from tests.training_src.artifacts import refused, relist, write
from tests.training_src.jobs import observations, small_policy

HEADS = {
    "discrete": {},
    "levels": {"levels": (-1, 0, 1)},
    "continuous": {"low": (-1.0,) * 3, "high": (1.0,) * 3},
}


@pytest.fixture
def artifact(tmp_path):
    write(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("head", HEADS)
def test_an_artifact_is_verified_by_its_own_code(tmp_path, head):
    policy = small_policy(head, **HEADS[head])
    manifest = write(tmp_path / "model", policy)
    assert verify(tmp_path / "model") == manifest
    loaded = load_policy(tmp_path / "model")
    assert type(loaded) is not type(policy)
    assert type(loaded).__module__.startswith("artifact_controller_")
    np.testing.assert_array_equal(loaded.act(observations()), policy.act(observations()))
    assert not list((tmp_path / "model").rglob("*.pyc"))


def test_the_manifest_says_what_the_contract_names(artifact, monkeypatch):
    manifest = json.loads((artifact / "manifest.json").read_text())
    assert manifest["schema_version"] == 1
    assert manifest["input"] == "observations"
    assert manifest["environment"]["id"] == "CartPole-v1"
    assert manifest["observation"] == {"shape": [4]}
    assert manifest["action"] == {"head": "discrete", "activation": "tanh", "n": 3}
    assert manifest["seed"] == 3
    assert manifest["source_revision"] == source_revision()
    assert manifest["figures"] == {"training": {"steps": 100}}
    listed = set(manifest["files"])
    assert {"policy.onnx", "policy.npz", "golden.npz", "code/controller/policy.py"} <= listed
    monkeypatch.setenv("SOURCE_REVISION", "abc123")
    assert source_revision() == "abc123"
    del manifest["files"]["golden.npz"]
    (artifact / "manifest.json").write_text(json.dumps(manifest))
    assert "'golden.npz' has no checksum" in refused(verify, artifact)


def test_the_default_profile_takes_states(tmp_path):
    environment = {"id": "AutoScaling-v0", "profile": "default"}
    policy = small_policy("levels", levels=(-1, 0, 1))
    assert write(tmp_path / "a", policy, environment=environment)["input"] == "states"
    environment["profile"] = "sample"
    assert write(tmp_path / "b", policy, environment=environment)["input"] == "observations"


def test_observations_of_the_default_profile_have_names(tmp_path):
    environment = {"id": "AutoScaling-v0", "profile": "default"}
    parts = {"environment": environment, "golden_observations": observations(inputs=SIZE)}
    manifest = write(tmp_path / "model", small_policy(inputs=SIZE), **parts)
    assert manifest["observation"] == {"shape": [SIZE], "names": list(NAMES), "version": VERSION}
    assert manifest["environment"]["version"] == f"observation {VERSION}"


def test_figures_can_be_added_later(artifact):
    add_figures(artifact, "evaluation", {"J": 12.5})
    assert verify(artifact)["figures"] == {"training": {"steps": 100}, "evaluation": {"J": 12.5}}


def test_golden_vectors_are_many_and_decide_clearly():
    policy = small_policy()
    rows = golden_rows(policy, observations(5000))
    assert 64 <= len(rows) <= 256
    outputs = np.sort(policy.outputs(rows), axis=1)
    assert (outputs[:, -1] - outputs[:, -2]).min() > 1e-4
    with pytest.raises(ValueError, match="63 golden observations, at least 64"):
        golden_rows(policy, observations(63))


@pytest.mark.parametrize("activation", ["tanh", "silu", "relu"])
@pytest.mark.parametrize("skip", [False, True])
def test_onnx_computes_what_numpy_does(tmp_path, activation, skip):
    rng = np.random.default_rng(5)
    extra = {"skip": rng.normal(size=(4, 3)).astype(np.float32)} if skip else {}
    policy = small_policy(
        activation=activation,
        mean=rng.normal(size=4).astype(np.float32),
        scale=rng.uniform(0.1, 3, 4).astype(np.float32),
        **extra,
    )
    rows = observations(100) * 20  # far enough to be clipped
    export_onnx(policy, tmp_path / "policy.onnx", rows)
    outputs = run_onnx((tmp_path / "policy.onnx").read_bytes(), rows)
    np.testing.assert_allclose(outputs, policy.outputs(rows), rtol=1e-5, atol=1e-5)


def test_onnx_has_an_independent_reader(tmp_path, monkeypatch):
    policy, rows = small_policy(), observations(8)
    export_onnx(policy, tmp_path / "policy.onnx", rows)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    outputs = run_onnx((tmp_path / "policy.onnx").read_bytes(), rows)
    np.testing.assert_allclose(outputs, policy.outputs(rows), rtol=1e-5, atol=1e-6)


def test_a_missing_onnx_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "run `make setup`" in refused(
        export_onnx, small_policy(), tmp_path / "x", observations(2)
    )


def test_an_export_that_computes_something_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("autoscaling_rl.onnx_export.TOLERANCE", -1.0)
    with pytest.raises(ValueError, match="ONNX and NumPy outputs differ by"):
        export_onnx(small_policy(), tmp_path / "policy.onnx", observations())
    assert not (tmp_path / "policy.onnx").exists()


def test_the_same_policy_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name)
        pack(tmp_path / name, tmp_path / f"{name}.tar.gz")
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()


def test_the_artifact_needs_numpy_alone(artifact):
    code = (
        "import sys\n"
        "for name in ('torch', 'gymnasium', 'numba', 'onnx', 'autoscaling_rl'):\n"
        "    sys.modules[name] = None\n"
        "sys.path.insert(0, 'code')\n"
        "import json, numpy\n"
        "from pathlib import Path\n"
        "from controller.policy import Policy\n"
        "action = json.loads(Path('manifest.json').read_text())['action']\n"
        "golden = numpy.load('golden.npz', allow_pickle=False)\n"
        "policy = Policy.load(Path('policy.npz'), action)\n"
        "assert (policy.act(golden['observations']) == golden['actions']).all()\n"
    )
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=artifact, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_two_versions_of_the_code_live_side_by_side(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name)
    source = tmp_path / "b" / "code" / "controller" / "policy.py"
    source.write_text(source.read_text().replace("argmax", "argmin"))
    first, second = load_code(tmp_path / "a"), load_code(tmp_path / "b")
    assert first is not second
    assert first is load_code(tmp_path / "a")
    relist(tmp_path / "b")
    policies = [load_policy(tmp_path / name) for name in ("a", "b")]
    rows = np.load(tmp_path / "a" / "golden.npz")["observations"]
    assert not np.array_equal(*(policy.act(rows) for policy in policies))


@pytest.mark.parametrize("name", ["policy.npz", "policy.onnx", "code/controller/policy.py"])
def test_a_changed_file_is_refused_by_its_checksum(artifact, name):
    path = artifact / name
    path.write_bytes(path.read_bytes()[:-1] + b"#")
    message = refused(verify, artifact)
    assert f"{name!r} is not what its checksum" in message
    assert "copy the artifact again" in message


def test_missing_and_unlisted_files_are_refused(artifact):
    (artifact / "extra.txt").write_text("mine")
    assert "'extra.txt' is not listed" in refused(verify, artifact)
    (artifact / "extra.txt").unlink()
    (artifact / "golden.npz").unlink()
    assert "'golden.npz' is missing" in refused(verify, artifact)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema_version": 2}, "schema version 2, this code reads 1"),
        ({"files": []}, "no valid 'files'"),
        ({"input": "pictures"}, "no valid input"),
        ({"environment": {}}, "no valid input or environment"),
    ],
)
def test_a_manifest_of_another_form_is_refused(artifact, change, reason):
    path = artifact / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert reason in refused(verify, artifact)


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, '{"a": "' + "x" * 2**20 + '"}'])
def test_a_broken_manifest_is_refused(artifact, content):
    (artifact / "manifest.json").write_text(content)
    assert "manifest.json" in refused(verify, artifact)


def test_golden_actions_that_differ_are_refused(artifact):
    golden = dict(np.load(artifact / "golden.npz"))
    golden["actions"] = (golden["actions"] + 1) % 3
    np.savez(artifact / "golden.npz", **golden)
    relist(artifact)
    assert "does not reproduce its golden actions" in refused(verify, artifact)
    np.savez(artifact / "golden.npz", **{**golden, "actions": golden["actions"][:, None]})
    relist(artifact)
    assert "does not reproduce its golden actions" in refused(verify, artifact)
    np.savez(artifact / "golden.npz", **{key: value[:9] for key, value in golden.items()})
    relist(artifact)
    assert "fewer than 64" in refused(verify, artifact)


def test_code_that_fails_is_a_refusal_not_a_traceback(artifact):
    (artifact / "code" / "controller" / "policy.py").write_text("raise RuntimeError('no')\n")
    relist(artifact)
    assert "policy cannot be loaded: RuntimeError" in refused(verify, artifact)
    with pytest.raises(UserError, match="there is no code"):
        load_code(artifact / "code")


def test_the_checkpoint_channel_holds_an_archive_or_a_folder(artifact, tmp_path):
    assert find_artifact(artifact, tmp_path / "unused") == artifact
    channel = tmp_path / "checkpoint"
    channel.mkdir()
    assert "one model.tar.gz of a training job, found: none" in refused(
        find_artifact, channel, tmp_path / "w"
    )
    pack(artifact, channel / "model.tar.gz")
    (channel / "output.tar.gz").write_bytes(b"what an evaluation leaves beside it")
    found = find_artifact(channel, tmp_path / "workspace")
    assert verify(found) == verify(artifact)
