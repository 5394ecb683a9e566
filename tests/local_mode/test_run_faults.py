"""What commands do when something goes wrong, without a whole execution."""

import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from local_mode import execution, results
from local_mode.__main__ import main
from local_mode.commands import run, up
from local_mode.deployment import Deployment
from local_mode.errors import ServerEndedError, UserError
from local_mode.execution import Finished
from local_mode.local_aws import LocalAws
from local_mode.output_folder import OutputError
from tests.local_mode.support import archive, descendants, wait_for

ROOT = Path(__file__).resolve().parents[2]
MODEL = "s3://bucket/jobs/train-1/output/model.tar.gz"
CARD = {"metric": "return", "policies": {"policy": {"values": [1.0], "mean_return": 1.0}}}
REJECTED = Finished("Rejected", {"scorecard_s3_uri": "s3://bucket/scores/scorecard.json"})
OBJECTS = {
    "scores/scorecard.json": json.dumps(CARD).encode(),
    "scores/report.html": b"<svg",
    "jobs/train-1/output/model.tar.gz": b"the model",
    "jobs/train-1/output/output.tar.gz": archive({"trajectories.csv": "minute\n"}),
}


class Client:
    """What is asked of S3 and SageMaker after an execution with one job."""

    exceptions = SimpleNamespace(ClientError=KeyError)

    def list_training_jobs(self, **_):
        return {"TrainingJobSummaries": [{"TrainingJobName": "train-1"}]}

    def describe_training_job(self, **_):
        return {"ModelArtifacts": {"S3ModelArtifacts": MODEL}}

    def get_object(self, Bucket, Key):
        return {"Body": io.BytesIO(OBJECTS[Key])}

    def close(self):
        pass


class IdleAws(LocalAws):
    """A local AWS without a server."""

    def start(self):
        self.state_dir.mkdir(parents=True)
        (self.state_dir / "server.log").write_text("all is well\n")
        return self

    def client(self, service):
        return Client()


@pytest.fixture
def state(tmp_path, monkeypatch):
    """Let executions end at once; return where the local AWS keeps its state."""
    monkeypatch.setattr("local_mode.runs.RUNS", tmp_path / "runs")
    monkeypatch.setattr("local_mode.local_aws.LocalAws", IdleAws)
    monkeypatch.setattr("local_mode.provision.provision", lambda *_, **__: Deployment())
    monkeypatch.setattr(execution, "follow", lambda *_: REJECTED)
    return tmp_path / "runs"


@pytest.fixture
def output(tmp_path):
    folder = tmp_path / "output"
    folder.mkdir()
    return folder


def test_results_are_written_and_the_state_is_removed(state, output):
    assert run._run("smoke", None, output, edge=False) == run.EXIT_REJECTED
    assert {path.name for path in output.iterdir()} == {
        "execution.json",
        "model.tar.gz",
        "report.html",
        "scorecard.json",
        "trajectories.csv",
    }
    assert not list(state.iterdir())


def test_a_policy_is_kept_where_the_results_cannot_be_written(state, output):
    (output / "report.html").mkdir()
    with pytest.raises(UserError, match="cannot be written") as caught:
        run._run("smoke", None, output, edge=False)
    (folder,) = state.iterdir()
    assert f"is kept in {folder / 'jobs'}: copy it" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (folder / "jobs/train-1/model.tar.gz").read_bytes() == b"the model"


def test_what_cannot_be_kept_either_is_told(state, output, monkeypatch):
    def full(*_):
        raise OutputError("disk full")

    (output / "report.html").mkdir()
    monkeypatch.setattr(results, "rescue", full)
    with pytest.raises(
        UserError, match=r"what the jobs made cannot be kept in .* either: make room"
    ):
        run._run("smoke", None, output, edge=False)
    assert list(state.iterdir())


def test_the_logs_of_a_failure_stay_where_they_cannot_be_copied(state, output, monkeypatch, capsys):
    (output / "logs").touch()
    monkeypatch.setattr(execution, "follow", lambda *_: Finished("", {}, "Train: it failed"))
    assert run._run("smoke", None, output, edge=False) == 1
    (folder,) = state.iterdir()
    assert f"Logs of the local processes are in {folder}\n" in capsys.readouterr().out
    assert (folder / "server.log").is_file()


def test_the_death_of_the_server_is_one_line_and_a_fault(monkeypatch, capsys):
    def die(options):
        raise ServerEndedError(Path("server.log"))

    monkeypatch.setattr(run, "execute", die)
    assert main(["run"]) == 1
    assert capsys.readouterr().err == "The local AWS ended by itself; its log is server.log\n"


def test_up_ends_with_its_server(state):
    with pytest.raises(ServerEndedError, match="ended by itself; its log is"):
        up._stay_up(0)


def test_a_back_test_is_the_process_that_was_started(tmp_path):
    (tmp_path / "backtest.py").write_text("import os, sys; print(os.getpid(), *sys.argv[1:])")
    program = f"""
import pathlib
from local_mode import bundle
from local_mode.__main__ import main
bundle.BUNDLE = pathlib.Path({str(tmp_path)!r})
main(["backtest", "model", "--days", "1"])
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.read() == f"{process.pid} model --days 1\n"
    assert process.returncode == 0


def test_an_early_signal_ends_a_run_as_a_late_one_does_and_later_ones_change_nothing(tmp_path):
    command = [sys.executable, "-m", "local_mode", "run", "--output", str(tmp_path / "output")]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        # The check of the preset, before anything else.
        wait_for(lambda: descendants(process.pid))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (1, "")
    assert out == "\nStopped. Every process that was started has ended.\n"
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(("state", "number"), [("Evaluate", signal.SIGINT), ("Gate", 15)])
def test_what_the_jobs_made_is_kept_when_a_run_is_interrupted(tmp_path, state, number):
    program = f"""
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's `&` ignores
sys.argv = ["local_mode", "run", "--preset", "smoke", "--output", {str(tmp_path / "output")!r}]
runpy.run_module("local_mode", run_name="__main__", alter_sys=True)
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.rstrip().endswith(state):
                break
        process.send_signal(number)
        rest = process.stdout.read().splitlines()
    assert process.returncode == 1
    assert rest[-1] == "Stopped. Every process that was started has ended."
    kept = {Path(line.removeprefix("Kept: ")) for line in rest if line.startswith("Kept: ")}
    assert kept == {path for path in tmp_path.rglob("*") if path.is_file()}
    [model] = tmp_path.glob("output/rl-training-smoke-*/model.tar.gz")
    scores = set(tmp_path.glob("output/rl-evaluation-smoke-*/output.tar.gz"))
    assert {model} | scores <= kept
    assert len(scores) == (state == "Gate")


def test_a_signal_at_the_very_end_does_not_change_the_status():
    program = """
import os, runpy, signal, sys
from local_mode.commands import run
from local_mode.signals import interrupt_once

class Late:
    def __del__(self, kill=os.kill, pid=os.getpid()):
        kill(pid, 15)

sys.late = Late()
def execute(options):
    interrupt_once()
    return 3
run.execute = execute
sys.argv = ["local_mode", "run"]
runpy.run_module("local_mode", run_name="__main__", alter_sys=True)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.parametrize("wish", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_run_heeds_one_signal_but_no_hangup_under_nohup(wish):
    program = f"""
import signal
from local_mode.signals import interrupt_once
signal.signal(signal.SIGHUP, signal.{wish.name})
signal.signal(signal.SIGINT, signal.SIG_IGN)
interrupt_once()
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    try:
        signal.raise_signal(number)
    except KeyboardInterrupt:
        print(number.name)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    heeded = "SIGHUP" if wish is signal.SIG_DFL else "SIGTERM"
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{heeded}\n", "")
