"""Faults that no request can provoke on purpose: met in process, with stand-ins."""

import io
import os
import signal
import socket
import sys
import threading
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest

from local_mode.aws import reaper
from local_mode.aws.functions.runtime_api import RuntimeApi
from local_mode.aws.hosting import invoke
from local_mode.aws.protocol import AwsError
from local_mode.aws.states.interpreter import find_class
from local_mode.aws.states.repairs import end_every_execution, stop_at_once
from local_mode.aws.storage import S3Location, StorageError
from local_mode.aws.training.checkpoints import CheckpointSync
from local_mode.aws.training.job import TrainingJob
from local_mode.aws.training.runner import JobRunner
from tests.local_mode.support import job_request


class BrokenStorage:
    """Storage that fails as no storage should, or stops the job first."""

    def __init__(self, job: TrainingJob | None = None) -> None:
        self._job = job

    def require_bucket(self, location: S3Location) -> None:
        if self._job is None:
            raise ZeroDivisionError("a fault of ours")
        self._job.request_stop()


def run_job(tmp_path, job: TrainingJob, storage: BrokenStorage) -> dict:
    settings = SimpleNamespace(state_dir=tmp_path)
    bundles = SimpleNamespace(fetch=lambda location, program: tmp_path, kernel_cache=tmp_path)
    JobRunner(settings, None, storage, bundles).run(job)
    assert job.ended.is_set()
    return job.describe()


def test_a_fault_ends_the_job(tmp_path, caplog):
    described = run_job(tmp_path, TrainingJob(job_request("x", "learn")), BrokenStorage())
    assert described["TrainingJobStatus"] == "Failed"
    assert described["FailureReason"] == "InternalServerError: ZeroDivisionError: a fault of ours"
    assert "a fault of ours" in caplog.text


def test_a_job_can_be_stopped_before_its_process_starts(tmp_path):
    job = TrainingJob(job_request("x", "learn"))
    described = run_job(tmp_path, job, BrokenStorage(job))
    assert described["TrainingJobStatus"] == described["SecondaryStatus"] == "Stopped"
    assert not (tmp_path / "training/x").exists()
    assert not job.request_stop()


def test_a_job_ends_once():
    job = TrainingJob(job_request("x", "learn"))
    job.finish("Failed", "Failed", "first", reason="first")
    job.finish("Completed", "Completed", "second")
    assert (job.status, job.describe()["FailureReason"]) == ("Failed", "first")


def test_the_message_of_a_status_can_change():
    job = TrainingJob(job_request("x", "learn"))
    job.enter("Starting", "still")
    (only,) = job.describe()["SecondaryStatusTransitions"]
    assert only["StatusMessage"] == "still"


class UploadLog:
    """Storage that notes uploads, and loses the file or the bucket on demand."""

    def __init__(self) -> None:
        self.uploaded: list[str] = []
        self.trouble = ""

    def upload(self, path, target: S3Location) -> None:
        if self.trouble:
            if self.trouble == "file":
                path.unlink()
            raise StorageError("gone")
        self.uploaded.append(target.uri)


def test_only_changed_checkpoints_are_uploaded(tmp_path):
    storage = UploadLog()
    sync = CheckpointSync(storage, tmp_path, S3Location("b", "run"))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a").write_text("1")
    sync.push()
    sync.push()
    assert storage.uploaded == ["s3://b/run/deep/a"]
    (tmp_path / "deep/a").write_text("22")
    sync.push()
    assert len(storage.uploaded) == 2


def test_a_checkpoint_may_vanish_but_its_bucket_may_not(tmp_path):
    storage = UploadLog()
    sync = CheckpointSync(storage, tmp_path, S3Location("b", ""))
    (tmp_path / "temporary").write_text("1")
    storage.trouble = "file"
    sync.push()
    (tmp_path / "lasting").write_text("1")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    storage.trouble = "bucket"
    with pytest.raises(StorageError):
        sync.push()


def test_the_reaper_kills_the_groups_that_are_left(monkeypatch):
    killed = []
    monkeypatch.setattr(sys, "stdin", io.StringIO("+11\n+12\n-11\n+13\n"))
    monkeypatch.setattr(os, "killpg", lambda group, number: killed.append((group, number)))
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        reaper.main()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert sorted(killed) == [(12, signal.SIGKILL), (13, signal.SIGKILL)]


def test_an_execution_whose_thread_dies_has_failed(caplog):
    execution = SimpleNamespace(exec_status=None)
    worker = SimpleNamespace(_execution_communication=SimpleNamespace(execution=execution))

    def logic(worker) -> None:
        raise RuntimeWarning("unsupported")

    end_every_execution(logic, worker)
    assert execution.exec_status == find_class("ExecutionStatus").FAILED
    assert (execution.error, execution.cause) == ("States.Runtime", "RuntimeWarning('unsupported')")
    assert execution.stop_date is not None


def test_an_execution_that_never_began_cannot_be_stopped(monkeypatch):
    monkeypatch.setattr("local_mode.aws.states.repairs._START_SECONDS", 0.05)
    execution = SimpleNamespace(
        exec_status=find_class("ExecutionStatus").RUNNING, exec_worker=SimpleNamespace(env=None)
    )
    stop_at_once(None, execution, stop_date=None, error="", cause="")
    assert execution.exec_status == find_class("ExecutionStatus").RUNNING


def test_a_model_that_does_not_answer_in_time_is_a_model_error(monkeypatch):
    monkeypatch.setattr(invoke, "_TIMEOUT_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        model = SimpleNamespace(endpoint="slow")
        process = SimpleNamespace(model=model, port=silent.getsockname()[1])
        with pytest.raises(AwsError, match="invocation timed out") as caught:
            invoke._ask(process, {}, b"{}")
    assert (caught.value.code, caught.value.details["OriginalStatusCode"]) == ("ModelError", 0)


def test_the_runtime_api_answers_nothing_else():
    api = RuntimeApi()
    root = f"http://{api.address}/2018-06-01/runtime"
    codes = []

    def ask(path: str, body: bytes | None = None) -> None:
        try:
            urllib.request.urlopen(f"{root}{path}", body)
        except urllib.error.HTTPError as error:
            codes.append(error.code)
            error.close()

    ask("/restore/next")
    ask("/invocation/1/nonsense", b"{}")
    waiting = threading.Thread(target=ask, args=("/invocation/next",))
    waiting.start()
    assert api.ready.wait(5)
    # Closing lets the runtime client go, which is waiting for the next invocation.
    api.close()
    waiting.join(5)
    assert codes == [404, 404, 410]
