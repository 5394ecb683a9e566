"""Archives are unpacked with suspicion."""

import gzip
import io
import os
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_mode.aws.archives import ArchiveError, extract, pack

NAMES = st.text("abc/", min_size=1, max_size=12)


def member(name: str, **members: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in members.items():
        setattr(info, key, value)
    return info


def write(path, members: list[tarfile.TarInfo]) -> None:
    with tarfile.open(path, "w:gz") as opened:
        for one in members:
            opened.addfile(one, io.BytesIO(b"x" * one.size))


def test_what_is_packed_is_what_is_unpacked(tmp_path):
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep/a").write_bytes(b"1")
    (source / "b").write_bytes(b"2")
    (source / "link").symlink_to(source / "b")
    pack(source, tmp_path / "one.tar.gz")
    os.utime(source / "b")
    pack(source, tmp_path / "two.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    extract(tmp_path / "one.tar.gz", tmp_path / "target")
    found = {
        p.relative_to(tmp_path / "target").as_posix() for p in (tmp_path / "target").rglob("*")
    }
    assert found == {"deep", "deep/a", "b"}
    assert (tmp_path / "target/b").stat().st_mtime == 0


@pytest.mark.parametrize(
    "bad",
    [
        member("/etc/absolute", size=1),
        member("../outside", size=1),
        member("a/../../outside", size=1),
        member("a\\..\\b", size=1),
        member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("hard", type=tarfile.LNKTYPE, linkname="good"),
        member("device", type=tarfile.CHRTYPE),
        member("pipe", type=tarfile.FIFOTYPE),
    ],
    ids=lambda bad: bad.name,
)
def test_what_does_not_fill_its_folder_is_refused(tmp_path, bad):
    write(tmp_path / "a.tar.gz", [member("good", size=1), bad])
    with pytest.raises(ArchiveError):
        extract(tmp_path / "a.tar.gz", tmp_path / "target")
    assert {path.name for path in tmp_path.iterdir()} <= {"a.tar.gz", "target"}


def test_too_many_members_are_refused(tmp_path):
    write(tmp_path / "a.tar.gz", [member("x", type=tarfile.DIRTYPE)] * 5_001)
    with pytest.raises(ArchiveError, match="members"):
        extract(tmp_path / "a.tar.gz", tmp_path / "target")


def test_too_many_bytes_are_refused_before_they_are_written(tmp_path):
    header = member("big", size=3 * 1024**3).tobuf()
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(header))
    with pytest.raises(ArchiveError, match="bytes"):
        extract(tmp_path / "a.tar.gz", tmp_path / "target")
    assert not (tmp_path / "target/big").exists()


@given(content=st.binary(max_size=200), cut=st.integers(0, 100), valid=st.booleans())
def test_any_bytes_are_an_archive_or_an_error(tmp_path_factory, content, cut, valid):
    folder = tmp_path_factory.mktemp("any")
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as opened:
        info = member("file", size=len(content))
        opened.addfile(info, io.BytesIO(content))
    data = raw.getvalue()[: len(raw.getvalue()) - cut] if valid else content
    (folder / "a.tar.gz").write_bytes(data)
    try:
        extract(folder / "a.tar.gz", folder / "target")
    except ArchiveError:
        return
    assert (folder / "target/file").read_bytes() == content


@given(names=st.lists(NAMES, min_size=1, max_size=4))
def test_no_name_leaves_the_folder(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("names")
    write(folder / "a.tar.gz", [member(name, size=1) for name in names])
    try:
        extract(folder / "a.tar.gz", folder / "target")
    except ArchiveError:
        pass
    assert {path.name for path in folder.iterdir()} == {"a.tar.gz", "target"}
