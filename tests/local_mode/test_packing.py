"""The same files give the same archive, whatever ran in the folder before."""

import gzip
import io
import os
import tarfile
import zipfile

import pytest

from local_mode.packing import tar_gz, zip_package


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "package"
    (folder / "deep").mkdir(parents=True)
    (folder / "run.py").write_text("print(1)\n")
    (folder / "deep/data.toml").write_text("a = 1\n")
    (folder / "deep/tool.sh").write_text("true\n")
    (folder / "deep/tool.sh").chmod(0o755)
    return folder


@pytest.mark.parametrize("make", [tar_gz, zip_package])
def test_caches_and_times_change_nothing(package, make):
    before = make(package)
    (package / "deep/__pycache__").mkdir()
    (package / "deep/__pycache__/x.pyc").write_bytes(b"x")
    os.utime(package / "run.py", (1, 1))
    assert make(package) == before
    (package / "run.py").write_text("print(2)\n")
    assert make(package) != before


def test_the_tar_has_no_times_and_no_owners(package):
    content = tar_gz(package)
    assert content[4:8] == b"\0" * 4
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as opened:
        members = opened.getmembers()
    assert [one.name for one in members] == ["deep/data.toml", "deep/tool.sh", "run.py"]
    assert {(one.mtime, one.uid, one.gid, one.uname) for one in members} == {(0, 0, 0, "")}
    assert [one.mode for one in members] == [0o644, 0o755, 0o644]


def test_the_zip_keeps_the_name_of_the_package(package):
    with zipfile.ZipFile(io.BytesIO(zip_package(package))) as opened:
        names = opened.namelist()
    assert names == ["package/deep/data.toml", "package/deep/tool.sh", "package/run.py"]
