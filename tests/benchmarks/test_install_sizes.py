"""The measurement of installations knows every set of dependencies."""

import os
from pathlib import Path

from benchmarks.install_sizes import ROOT, SETS, disk_usage

# uv installs the others, and PyTorch's lock has no hashes.
ALONE = {"uv", "torch"}


def test_every_lock_is_a_set():
    locks = {path.stem for path in (ROOT / "requirements").glob("*.txt")}
    assert {*SETS, *ALONE} == {name for name in locks if not name.endswith("-overrides")}


def test_the_size_is_that_of_the_files(tmp_path: Path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "a.py").write_bytes(b"x" * 1000)
    (tmp_path / "b").write_bytes(b"y" * 24)
    os.symlink(tmp_path / "b", tmp_path / "link")
    assert disk_usage(tmp_path) == 1024
