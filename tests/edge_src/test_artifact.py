"""Artifacts that nobody vouches for: unpacked without harm, or refused in one line."""

import hashlib
import io
import shutil
import sys
import tarfile
import tracemalloc

import numpy as np
import pytest

from edge_policy import artifact
from edge_policy.artifact import BadModel, check, identity, unpack
from edge_policy.model import Model
from edge_policy.runtimes import with_onnx
from tests.edge_src.support import bank_artifact, packed, relist
from tests.training_src.endpoints import autoscaling_artifact, cartpole_artifact


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return bank_artifact(tmp_path_factory.mktemp("artifact") / "model")


@pytest.fixture
def model(tmp_path, whole):
    """A copy to spoil."""
    return shutil.copytree(whole, tmp_path / "0123456789abcdef")


def archive(path, members):
    """Write a model.tar.gz of members: name, content, and attributes of the member."""
    with tarfile.open(path, "w:gz") as file:
        for name, content, *changes in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for key, value in (changes[0] if changes else {}).items():
                setattr(member, key, value)
            file.addfile(member, io.BytesIO(content))
    return path


def refused(call, *arguments, **named):
    with pytest.raises(BadModel) as caught:
        call(*arguments, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def load(folder, runtime="numpy", **guard):
    return Model(folder, guard=guard, runtime=runtime)


def test_what_was_packed_is_unpacked(tmp_path, whole):
    path = packed(whole)
    folder = tmp_path / "model"
    folder.mkdir()
    unpack(path, folder)
    assert check(folder) == check(whole)
    assert identity(path) == hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (("/etc/file.json", b""), "not allowed"),
        (("../file.json", b""), "not allowed"),
        (("code/../../file.json", b""), "not allowed"),
        ((".hidden.json", b""), "not allowed"),
        (("a b.json", b""), "not allowed"),
        (("weights.pkl", b""), "no kind of file"),
        (("program.so", b""), "no kind of file"),
        (("link.json", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}), "a link"),
        (("link.json", b"", {"type": tarfile.LNKTYPE, "linkname": "x.json"}), "a link"),
        (("pipe.json", b"", {"type": tarfile.FIFOTYPE}), "a link, a device"),
        (("manifest.json", b""), "appears twice"),
    ],
)
def test_a_harmful_member_is_refused(tmp_path, member, reason):
    path = archive(tmp_path / "model.tar.gz", [("manifest.json", b"{}"), member])
    folder = tmp_path / "inner" / "model"
    folder.mkdir(parents=True)
    text = refused(unpack, path, folder)
    assert reason in text
    assert repr(member[0]) in text
    outside = [
        each for each in tmp_path.rglob("*") if each.is_file() and folder not in each.parents
    ]
    assert outside == [path]


def test_what_unpacks_to_too_much_is_refused_before_it_fills_memory(tmp_path):
    path = archive(tmp_path / "model.tar.gz", [("bomb.json", bytes(200 << 20))])
    assert path.stat().st_size < 1 << 20
    folder = tmp_path / "model"
    folder.mkdir()
    tracemalloc.start()
    assert "64 MB" in refused(unpack, path, folder)
    assert tracemalloc.get_traced_memory()[1] < 150 << 20
    tracemalloc.stop()


def test_too_many_members_are_refused(tmp_path):
    path = archive(tmp_path / "model.tar.gz", [(f"{n}.json", b"") for n in range(1001)])
    folder = tmp_path / "model"
    folder.mkdir()
    assert "more than 1000" in refused(unpack, path, folder)


def test_an_archive_cut_or_changed_anywhere_is_no_fault(tmp_path, whole):
    content = packed(whole).read_bytes()
    rng = np.random.default_rng(0)
    for number in range(24):
        changed = bytearray(content)
        if number % 2:
            changed[int(rng.integers(0, len(content)))] ^= int(rng.integers(1, 256))
        else:
            del changed[int(rng.integers(0, len(content))) :]
        path, folder = tmp_path / "model.tar.gz", tmp_path / "model"
        path.write_bytes(changed)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            unpack(path, folder)
            found = check(folder)
        except BadModel:
            continue
        # What only the header of the compression says may change.
        assert found == check(whole)


def test_every_file_must_be_as_it_was_written(model):
    for name in ("policy.npz", "policy.onnx", "code/controller/bank.py"):
        path = model / name
        content = path.read_bytes()
        path.write_bytes(content + b" ")
        assert f"{name!r} is not what its checksum says" in refused(check, model)
        path.unlink()
        assert f"{name!r} is missing" in refused(check, model)
        path.write_bytes(content)
    (model / "more.py").write_text("")
    assert "'more.py' is not listed" in refused(check, model)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"schema_version": 2}',
        b'{"schema_version": 1, "files": []}',
        b"[" * 9999,
    ],
)
def test_a_wrong_manifest_is_refused(model, content):
    (model / "manifest.json").write_bytes(content)
    assert "manifest.json" in refused(check, model)


def test_pickled_arrays_are_refused(model):
    np.savez(model / "golden.npz", observations=np.array([{}]), actions=np.zeros(1))
    relist(model)
    assert "Python objects" in refused(check, model)
    (model / "golden.npz").write_bytes(b"garbage")
    relist(model)
    assert "holds no arrays" in refused(check, model)


def test_golden_actions_must_be_reproduced(model):
    with np.load(model / "golden.npz") as arrays:
        golden = dict(arrays)
    np.savez(model / "golden.npz", **{**golden, "actions": golden["actions"] + 1})
    relist(model)
    assert "does not reproduce its golden actions" in refused(load, model)
    np.savez(model / "golden.npz", **{key: value[:10] for key, value in golden.items()})
    relist(model)
    assert "fewer than 64" in refused(load, model)
    np.savez(model / "golden.npz", actions=golden["actions"])
    relist(model)
    assert "golden actions cannot be read" in refused(load, model)


@pytest.mark.parametrize(
    "code", ["raise RuntimeError('no')", "import missing_module", "not python", "x = 1"]
)
def test_code_that_cannot_be_used_is_refused(model, code):
    (model / "code/controller/inference.py").write_text(code)
    relist(model)
    text = refused(load, model)
    assert "cannot be imported" in text or "cannot be loaded" in text
    assert not [name for name in sys.modules if name.startswith(artifact.load_code.__name__)]


def test_code_leaves_nothing_in_the_folder(model):
    load(model)
    check(model)
    assert not list(model.rglob("__pycache__"))


def test_settings_that_its_code_does_not_take_stop_no_model(model):
    loaded = load(model, no_such_setting=1, most_added=2)
    assert loaded._inference.guard_settings.most_added == 2
    with pytest.raises(ValueError, match="unknown setting"):
        loaded.check_guard("no_such_setting", 1)


def test_onnx_runtime_computes_what_is_a_plain_function(tmp_path):
    folder = cartpole_artifact(tmp_path / "0123456789abcdef")
    plain, onnx = load(folder), load(folder, "onnx")
    assert (onnx.runtime, onnx.reason) == ("onnx", "")
    rows = np.random.default_rng(0).normal(size=(50, 4)).tolist()
    assert onnx.act(rows) == plain.act(rows)
    assert type(onnx._policy).__name__ == "OnnxPolicy"


def test_onnx_runtime_takes_policies_of_states_too(tmp_path):
    model = load(autoscaling_artifact(tmp_path / "0123456789abcdef"), "onnx")
    assert (model.runtime, model.decides_states) == ("onnx", True)


def test_a_bank_stays_with_numpy(model):
    loaded = load(model, "onnx")
    assert loaded.runtime == "numpy"
    assert "fixed point" in loaded.reason


def test_onnx_runtime_must_act_alike(tmp_path, monkeypatch):
    folder = cartpole_artifact(tmp_path / "0123456789abcdef")
    other = cartpole_artifact(tmp_path / "other")
    with np.load(folder / "policy.npz") as arrays:
        changed = {name: -value for name, value in arrays.items() if name != "scale"}
        changed["scale"] = arrays["scale"]
    np.savez(other / "policy.npz", **changed)
    policy = load(folder)._policy
    negated = type(policy).load(other / "policy.npz", policy.specification())
    observations, _ = artifact.golden(folder)
    assert with_onnx(negated, folder, observations) == (
        negated,
        "ONNX Runtime acts otherwise than NumPy",
    )
    (other / "policy.onnx").write_bytes(b"garbage")
    kept, reason = with_onnx(policy, other, observations)
    assert kept is policy
    assert reason.startswith("ONNX Runtime cannot run the model")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert with_onnx(policy, folder, observations) == (policy, "onnxruntime is not installed")
