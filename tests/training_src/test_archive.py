"""Archives of artifacts: packed alike each time, unpacked only if nothing in them can do harm."""

import gzip
import io
import os
import subprocess
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl import archive
from autoscaling_rl.artifact import (
    pack,
    unpack,
    verify,
)
from autoscaling_rl.errors import UserError
from tests.training_src.artifacts import refused, relist, write


@pytest.fixture
def artifact(tmp_path):
    write(tmp_path / "model")
    return tmp_path / "model"


def test_an_archive_made_by_tar_is_read(artifact, tmp_path):
    command = ["tar", "-czf", str(tmp_path / "model.tar.gz"), "-C", str(artifact), "."]
    subprocess.run(command, check=True)
    unpack(tmp_path / "model.tar.gz", tmp_path / "unpacked")
    assert verify(tmp_path / "unpacked") == verify(artifact)


def test_packing_is_deterministic_and_unpacking_gives_the_same_artifact(artifact, tmp_path):
    pack(artifact, tmp_path / "a.tar.gz")
    for path in artifact.rglob("*"):
        os.utime(path, (1, 1))
    (artifact / "code" / "__pycache__").mkdir()
    (artifact / "code" / "__pycache__" / "x.pyc").write_bytes(b"1")
    pack(artifact, tmp_path / "b.tar.gz")
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    unpack(tmp_path / "a.tar.gz", tmp_path / "unpacked")
    assert verify(tmp_path / "unpacked") == verify(artifact)


def tar(path, *members, mode="w:gz"):
    """Write an archive of (TarInfo or name, content) pairs."""
    with tarfile.open(path, mode) as made:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            if content is not None:
                info.size = len(content)
            made.addfile(info, io.BytesIO(content or b""))
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ("../escaped.json", "leads out of the folder"),
        ("code/../../escaped.json", "leads out of the folder"),
        ("/tmp/absolute.json", "absolute path"),
        ("code\\escaped.json", "has a name with other characters"),
        (special("link.json", tarfile.SYMTYPE, "/etc/passwd"), "is a link"),
        (special("hard.json", tarfile.LNKTYPE, "manifest.json"), "is a link"),
        (special("null.json", tarfile.CHRTYPE), "is a link, a device"),
        (special("disk.json", tarfile.BLKTYPE), "is a link, a device"),
        (special("pipe.json", tarfile.FIFOTYPE), "is a link, a device"),
        ("model.pkl", "may be a pickle"),
        ("model.PT", "may be a pickle"),
        ("run.sh", "no kind of file that a model artifact has"),
        ("noname", "no kind of file that a model artifact has"),
    ],
)
def test_members_that_could_do_harm_are_refused(tmp_path, member, reason):
    path = tar(tmp_path / "bad.tar.gz", ("manifest.json", b"{}"), (member, b""))
    message = refused(unpack, path, tmp_path / "inside" / "model")
    assert reason in message
    assert "bad.tar.gz: member '" in message
    assert "use the model.tar.gz as the training" in message
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["bad.tar.gz", "inside"]


def test_a_member_given_twice_is_refused(tmp_path):
    path = tar(tmp_path / "bad.tar.gz", ("a.json", b"{}"), ("./a.json", b"[]"))
    assert "'./a.json' appears twice" in refused(unpack, path, tmp_path / "model")


def test_bombs_are_refused_before_they_unfold(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES", 1 << 20)
    large = tar(tmp_path / "large.tar.gz", ("a.json", bytes(2 << 20)))
    assert "'a.json' is larger than 1 MB" in refused(unpack, large, tmp_path / "model")
    parts = [(f"{part}.json", bytes(1 << 18)) for part in range(8)]
    many = tar(tmp_path / "many.tar.gz", *parts)
    assert "unpacks to more than 1 MB" in refused(unpack, many, tmp_path / "model")
    lying = tarfile.TarInfo("a.json")
    lying.pax_headers = {"comment": "x" * (4 << 20)}
    header = tar(tmp_path / "header.tar.gz", (lying, b""))
    assert "unpacks to more than 1 MB" in refused(unpack, header, tmp_path / "model")
    members = [(f"{number}.json", b"") for number in range(1001)]
    crowd = tar(tmp_path / "crowd.tar.gz", *members)
    assert "more than 1000 members" in refused(unpack, crowd, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_arrays_of_objects_and_zip_bombs_are_refused(artifact, tmp_path, monkeypatch):
    np.savez(artifact / "policy.npz", weights=np.array([{}], dtype=object))
    relist(artifact)
    pack(artifact, tmp_path / "model.tar.gz")
    message = refused(unpack, tmp_path / "model.tar.gz", tmp_path / "unpacked")
    assert "policy.npz holds Python objects in 'weights.npy'" in message
    objects = np.array([{}], dtype=object)
    with zipfile.ZipFile(artifact / "policy.npz", "w") as made, made.open("w.npy", "w") as member:
        np.lib.format.write_array(member, objects, version=(2, 0))
    relist(artifact)
    assert "policy.npz holds Python objects in 'w.npy'" in refused(verify, artifact)
    monkeypatch.setattr(archive, "MAX_BYTES", 1 << 18)
    np.savez_compressed(artifact / "policy.npz", weights=np.zeros(1 << 18))
    relist(artifact)
    pack(artifact, tmp_path / "model.tar.gz")
    message = refused(unpack, tmp_path / "model.tar.gz", tmp_path / "unpacked")
    assert "policy.npz unpacks to more than" in message
    (artifact / "policy.npz").write_bytes(b"no zip")
    relist(artifact)
    assert "not a file of NumPy arrays" in refused(verify, artifact)


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", gzip.compress(b"no tar" * 200, mtime=0), b"\x1f\x8b" + bytes(30)],
)
def test_files_that_are_no_archives_are_refused(tmp_path, content):
    path = tmp_path / "model.tar.gz"
    path.write_bytes(content)
    assert "model.tar.gz" in refused(unpack, path, tmp_path / "model")
    assert "cannot unpack" in refused(unpack, tmp_path / "none.tar.gz", tmp_path / "model")


def test_a_truncated_or_altered_archive_is_refused_or_whole(artifact, tmp_path):
    pack(artifact, tmp_path / "good.tar.gz")
    content = (tmp_path / "good.tar.gz").read_bytes()
    expected = verify(artifact)
    rng = np.random.default_rng(0)
    for attempt in range(60):
        changed = bytearray(content)
        place = int(rng.integers(len(content)))
        if attempt % 2:
            changed = changed[:place]
        else:
            changed[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "bad.tar.gz").write_bytes(changed)
        target = tmp_path / f"model-{attempt}"
        try:
            assert unpack(tmp_path / "bad.tar.gz", target) == expected
        except UserError:
            assert not target.exists()


def test_a_target_with_files_in_it_is_left_alone(artifact, tmp_path):
    pack(artifact, tmp_path / "model.tar.gz")
    target = tmp_path / "mine"
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    assert "cannot unpack" in refused(unpack, tmp_path / "model.tar.gz", target)
    assert [each.name for each in target.iterdir()] == ["notes.txt"]


MEMBER_NAMES = st.text("ab./\\\0:~é", min_size=1, max_size=12)


@given(st.lists(st.tuples(MEMBER_NAMES, st.sampled_from([".json", ".npz", ""])), max_size=5))
def test_whatever_the_names_nothing_lands_outside(tmp_path_factory, names):
    place = tmp_path_factory.mktemp("fuzz")
    members = [(name + suffix, b"x") for name, suffix in names]
    path = tar(place / "x.tar.gz", *members)
    with pytest.raises(UserError):
        unpack(path, place / "model")
    assert [each.name for each in place.iterdir()] == ["x.tar.gz"]
