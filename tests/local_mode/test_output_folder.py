"""The folder for the results of a run."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_mode import output_folder
from local_mode.errors import UserError
from local_mode.output_folder import OutputError, taken, write

ROOT = Path(__file__).resolve().parents[2]
# Takes the folder that it is told, and keeps it; a draft is begun.
HOLDER = """
import pathlib, sys, tempfile, time
from local_mode.output_folder import taken
with taken(pathlib.Path(sys.argv[1])) as folder:
    tempfile.mkdtemp(prefix=".results-", dir=folder)
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


def test_what_a_run_that_was_killed_left_refuses_nobody(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"taken\n"
        with pytest.raises(UserError, match="another run writes there"):
            taken(tmp_path).__enter__()
        holder.kill()
    assert len(list(tmp_path.iterdir())) == 2
    with taken(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_the_logs_of_a_failed_run_refuse_nobody_and_its_models_do(tmp_path):
    logs = tmp_path / "logs" / "server.log"
    with taken(tmp_path):
        write(logs.parent, {logs.name: b"it failed"})
    assert logs.is_file()
    with taken(tmp_path) as folder:
        assert not logs.parent.exists()
        write(logs.parent, {logs.name: b"it failed again"})
        write(folder / "train-1", {"model.tar.gz": b"a model"})
    with pytest.raises(UserError, match="already holds something"):
        taken(tmp_path).__enter__()
    assert {path.name for path in tmp_path.iterdir()} == {"logs", "train-1"}


def test_a_folder_of_the_users_with_such_a_name_is_not_touched(tmp_path):
    (tmp_path / "logs").mkdir()
    with pytest.raises(UserError, match="already holds something"):
        taken(tmp_path).__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]
    (tmp_path / "logs").rename(tmp_path.with_name("elsewhere"))
    (tmp_path / "logs").symlink_to(tmp_path.with_name("elsewhere"))
    (tmp_path / output_folder._CLAIM).touch()
    with pytest.raises(UserError, match="already holds something"):
        taken(tmp_path).__enter__()


def test_an_output_folder_that_leads_nowhere_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("output").symlink_to(tmp_path / "not mounted" / "disk")
    with pytest.raises(UserError, match=r"--output output/.*: File exists; choose another folder"):
        taken(None).__enter__()


def test_files_are_written_whole_or_not_at_all(tmp_path):
    class Interrupted(dict):
        def items(self):
            yield "scorecard.json", b"{}"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, Interrupted())
    assert not list(tmp_path.iterdir())
    with pytest.raises(OutputError, match=r"cannot be written \(Is a directory\)"):
        write(tmp_path, {"scorecard.json": b"{}", os.curdir: b""})
    assert not list(tmp_path.iterdir())
    write(tmp_path, {"scorecard.json": b"{}"})
    assert [path.name for path in tmp_path.iterdir()] == ["scorecard.json"]


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
