"""The archive of a job: complete, without what only this machine needs, the same every time."""

import io
import os
from pathlib import Path

import pytest

from estimator import EstimatorError
from estimator.bundle import find_bundle
from tests.estimator.support import bundled, members


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    for name in (
        "train.py",
        "run.sh",
        "package/a.py",
        "package/__pycache__/a.pyc",
        ".git/HEAD",
        ".ipynb_checkpoints/x",
        f"deep/{'long-' * 25}/name.txt",
    ):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    return made


def packed(*arguments: object, **options: object) -> bytes:
    archive = io.BytesIO()
    find_bundle(*arguments, **options).pack(archive)
    return archive.getvalue()


def test_the_archive_holds_the_files_and_no_caches(folder: Path) -> None:
    found = members(packed("train.py", str(folder)))
    names = {"train.py", "run.sh", "package/a.py", f"deep/{'long-' * 25}/name.txt"}
    assert found == {name: name.encode() for name in names}


def test_the_same_files_give_the_same_bytes(folder: Path) -> None:
    first = packed("train.py", str(folder))
    os.utime(folder / "train.py", (1, 1))
    (folder / "package" / "__pycache__" / "b.pyc").touch()
    assert packed("train.py", str(folder)) == first
    (folder / "train.py").write_text("other")
    assert packed("train.py", str(folder)) != first


def test_one_file_is_a_bundle_too(folder: Path) -> None:
    assert members(packed(str(folder / "train.py"), None)) == {"train.py": b"train.py"}


def test_dependencies_lie_beside_the_program(folder: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "x.py").write_text("x")
    archive = packed("train.py", str(folder), [str(library), str(folder / "package" / "a.py")])
    found = members(archive)
    assert found["library/x.py"] == b"x"
    assert found["a.py"] == b"package/a.py"


def test_a_bundle_in_s3_is_not_looked_into(folder: Path) -> None:
    bundle = find_bundle("train.py", "s3://bucket/asset.gz")
    assert bundle.s3_uri == "s3://bucket/asset.gz"
    assert bundle.has("serve.py") is None
    assert find_bundle("train.py", str(folder)).has("serve.py") is False


def test_links_to_folders_are_followed_but_not_in_circles(folder: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "x.py").write_text("x")
    (folder / "lib").symlink_to(library)
    (library / "again").symlink_to(library)
    (folder / "package" / "up").symlink_to(folder)
    (folder / "gone").symlink_to(tmp_path / "nowhere")
    found = members(packed("train.py", str(folder)))
    assert found["lib/x.py"] == b"x"
    assert {name for name in found if "gone" in name or "again" in name or "up" in name} == set()


def test_the_working_folder_may_change_after_the_estimator_was_made(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for bundle in (
        find_bundle("train.py", "."),
        find_bundle("./train.py", "../source"),
        find_bundle("run.sh", None, ["."]),
        find_bundle("package/a.py", None, ["../source/train.py"]),
    ):
        monkeypatch.chdir(tmp_path)
        archive = io.BytesIO()
        bundle.pack(archive)
        found = members(archive.getvalue())
        assert found["source/train.py" if not bundle.has("train.py") else "train.py"] == b"train.py"
        assert all(not name.startswith(("/", "..")) for name in found)
        monkeypatch.chdir(folder)


@pytest.mark.parametrize("program", ["train.py", "./train.py", Path("train.py")])
def test_the_program_is_named_by_its_place_in_the_bundle(folder: Path, program: object) -> None:
    for entry_point, source in ((program, folder), (folder / program, folder)):
        estimator = bundled(entry_point=entry_point, source_dir=source, hyperparameters={})
        assert estimator.bundle.program == "train.py"
    alone = bundled(entry_point=folder / "package" / "a.py", source_dir=None, hyperparameters={})
    assert alone.bundle.program == "a.py"


def test_a_file_that_went_away_is_named(folder: Path) -> None:
    bundle = find_bundle(str(folder / "train.py"), None)
    (folder / "train.py").unlink()
    with pytest.raises(EstimatorError, match=r"cannot be packed.*No such file.*train\.py"):
        bundle.pack(io.BytesIO())
