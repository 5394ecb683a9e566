"""The folder for the results of a run."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_mode import output_folder
from local_mode.errors import UserError
from local_mode.output_folder import taken

ROOT = Path(__file__).resolve().parents[2]
# Takes the folder that it is told, and keeps it.
HOLDER = """
import pathlib, sys, time
from local_mode.output_folder import taken
with taken(pathlib.Path(sys.argv[1])):
    print("taken", flush=True)
    time.sleep(600)
"""


def test_a_folder_is_taken_at_once_and_by_one_run(tmp_path):
    with taken(tmp_path / "new" / "results") as folder:
        with pytest.raises(UserError, match="another run writes there; choose a new folder"):
            taken(folder).__enter__()
        (folder / "report.html").touch()
    assert [path.name for path in folder.iterdir()] == ["report.html"]
    with pytest.raises(UserError, match="already holds something; choose a new folder"):
        taken(folder).__enter__()
    assert [path.name for path in folder.iterdir()] == ["report.html"]


def test_runs_of_the_same_second_get_folders_of_their_own(tmp_path, monkeypatch):
    class Stopped(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    monkeypatch.setattr(output_folder, "datetime", Stopped)
    monkeypatch.chdir(tmp_path)
    with taken(None) as first, taken(None) as second, taken(None) as third:
        names = [folder.name for folder in (first, second, third)]
    assert names == ["20260102-030405", "20260102-030405-2", "20260102-030405-3"]


def test_the_claim_of_a_run_that_was_killed_refuses_nobody(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"taken\n"
        with pytest.raises(UserError, match="another run writes there"):
            taken(tmp_path).__enter__()
        holder.kill()
    assert list(tmp_path.iterdir())
    with taken(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_or_written_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match=rf"--output {folder}: .*; choose another folder"):
            taken(folder).__enter__()
    # Linux's own file that is always full.
    (tmp_path / output_folder._CLAIM).symlink_to("/dev/full")
    (tmp_path / "file").unlink()
    with pytest.raises(UserError, match="No space left on device; choose another folder"):
        taken(tmp_path).__enter__()
