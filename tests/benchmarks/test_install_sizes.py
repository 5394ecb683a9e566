"""The measurement of installations: what it takes, and what it counts."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.install_sizes import ROOT, SETS, disk_usage


def test_every_set_is_a_lock_with_hashes():
    assert {"run", "estimator", "sdk_v2", "sdk_v3", "training_toolkit"} <= set(SETS)
    for name in SETS:
        assert "--hash=sha256:" in (ROOT / "requirements" / f"{name}.txt").read_text()


def test_an_unknown_set_is_refused():
    command = [sys.executable, ROOT / "benchmarks/install_sizes.py", "sdk_v4"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no set sdk_v4: choose of " in done.stderr


def test_the_size_is_that_of_the_files(tmp_path: Path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "a.py").write_bytes(b"x" * 1000)
    (tmp_path / "b").write_bytes(b"y" * 24)
    os.symlink(tmp_path / "b", tmp_path / "link")
    assert disk_usage(tmp_path) == 1024
