"""The local AWS behind `instance_type="local"`: found where it runs already, else started.

It is started by its published command, `python -m local_mode up`, and ends with this process.
"""

import atexit
import contextlib
import importlib.util
import os
import re
import select
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from estimator.errors import EstimatorError
from estimator.session import PROCESS, Session, as_session, names_a_region, names_local_aws

if TYPE_CHECKING:
    import boto3

_ROOT = Path(__file__).resolve().parent.parent
_EXPORT = re.compile(r"^export (AWS_\w+|NO_PROXY)=(.*)$", re.MULTILINE)
_READY = b"aws logs tail"
_START_SECONDS = 150.0
_STOP_SECONDS = 20.0
# Ends the command as soon as its own input does: even a Python that is killed leaves nothing.
_KEEPER = '"$@" </dev/null & child=$!; exec >/dev/null; read -r _; kill $child 2>&1; wait $child'


class LocalAws:
    """The local AWS that this process started."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self.variables: dict[str, str] = {}
        self._boto_session: boto3.Session | None = None

    @property
    def boto_session(self) -> "boto3.Session":
        """A session that talks to it alone, the same one each time."""
        if self._boto_session is None:
            self._boto_session = _make_session(self.variables, self._process)
        return self._boto_session

    @property
    def running(self) -> bool:
        """Whether it runs and has said where it answers."""
        process = self._process
        return bool(self.variables) and process is not None and process.poll() is None

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers.

        Raises:
            EstimatorError: If there is no checkout to start it from, or it does not come up.
        """
        with self._starting:  # a second thread waits for the same one
            if not self.running:
                self.stop()  # what is left of one that somebody ended
                self._start_and_wait()

    def _start_and_wait(self) -> None:
        command = checkout_command("up")
        self.variables = {}
        with tempfile.TemporaryFile() as errors:
            text = self._start(command, errors)
            variables = dict(_EXPORT.findall(text))
            if "AWS_ENDPOINT_URL" in variables:
                self.variables = variables
            else:
                self.stop()
                errors.seek(0)
                said = errors.read().decode("utf-8", "replace").strip().splitlines()
                raise EstimatorError(
                    f"the local AWS did not start: {said[-1] if said else text.strip()} "
                    f"(try `{' '.join(command)}` in {_ROOT})"
                )

    def _start(self, command: list[str], errors: IO[bytes]) -> str:
        """Start the command; return what it prints until it answers."""
        self._process = subprocess.Popen(
            ["sh", "-c", _KEEPER, "sh", *command],
            cwd=_ROOT,
            # A profile or an endpoint of the user's is not meant for it.
            env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            # Ctrl-C in a terminal or notebook interrupts the wait for a job, not the job.
            start_new_session=True,
        )
        atexit.register(self.stop)
        return self._read_welcome(self._process)

    def stop(self) -> None:
        """End it and everything that it started."""
        process, self._process, self._boto_session = self._process, None, None
        if process is None:
            return
        atexit.unregister(self.stop)
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        process.stdout.close()

    @staticmethod
    def _read_welcome(process: "subprocess.Popen[bytes]") -> str:
        assert process.stdout is not None
        text, deadline = b"", time.monotonic() + _START_SECONDS
        ready = select.poll()  # select() takes no descriptor above 1023
        ready.register(process.stdout, select.POLLIN)
        while _READY not in text and time.monotonic() < deadline:
            if ready.poll(200):
                block = os.read(process.stdout.fileno(), 4096)
                if not block:
                    break
                text += block
        return text.decode("utf-8", "replace")


_started = LocalAws()


def local_session(*, project: str | None = None, stage: str | None = None) -> Session:
    """Return a session of the local AWS, which is started unless one runs.

    Raises:
        EstimatorError: If it cannot be started.
    """
    if not _started.running and names_local_aws(os.environ.get("AWS_ENDPOINT_URL", "")):
        return Session(is_local=True, project=project, stage=stage)
    _started.start()
    return Session(_started.boto_session, is_local=True, project=project, stage=stage)


def session_of_job(job_name: str, given: object = None) -> Session:
    """Return the session of the place where a job is.

    Args:
        job_name: Name of the job.
        given: What the user says; None: the local AWS of this process if it is there, else AWS.

    Raises:
        EstimatorError: If what is given is no session.
    """
    running = running_session() if given is None else None
    if running is not None:
        pages = running.sagemaker_client.get_paginator("list_training_jobs")
        found = pages.paginate(NameContains=job_name).search("TrainingJobSummaries[]")
        if any(one["TrainingJobName"] == job_name for one in found):
            return running
        if not names_a_region():
            raise EstimatorError(
                f"the local AWS of this process has no training job {job_name}: correct the name; "
                "for a job on SageMaker set AWS_REGION, or pass sagemaker_session="
            )
    return as_session(given, project=None, stage=None)


def running_session() -> Session | None:
    """Return a session of the local AWS that this process started, if it runs."""
    return local_session() if _started.running else None


def stop_local_aws() -> None:
    """End the local AWS that this process started; its jobs and endpoints end with it."""
    _started.stop()


def checkout_command(command: str) -> list[str]:
    """Return what runs a command of this project's local mode, in its checkout.

    Raises:
        EstimatorError: If this is no checkout.
    """
    return [_interpreter(), "-m", "local_mode", command]


def _interpreter() -> str:
    if not (_ROOT / "local_mode" / "__main__.py").is_file():
        raise EstimatorError(
            f"this starts this project's local mode, and {_ROOT} is no checkout of it: import "
            "estimator from a checkout, or set AWS_ENDPOINT_URL to a local AWS that runs"
        )
    own = _ROOT / ".venv" / "bin" / "python"
    # The local AWS needs packages that an environment of the estimator alone does not have.
    if importlib.util.find_spec("moto") is None and own.is_file():
        return str(own)
    return sys.executable


def _make_session(
    variables: dict[str, str], process: "subprocess.Popen[bytes] | None"
) -> "boto3.Session":
    """Return a session that talks to the local AWS alone, whatever the environment says.

    It knows the process that answers, so that the end of it can be told.
    """
    import boto3
    import botocore.session
    from botocore.config import Config

    local = Config(
        proxies={},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )

    class LocalSession(boto3.Session):  # type: ignore[misc]  # boto3 has no types
        def client(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - boto3's own
            asked = options.get("config")
            options["config"] = asked.merge(local) if asked else local
            options["endpoint_url"] = variables["AWS_ENDPOINT_URL"]
            return super().client(*arguments, **options)

    unset = (None, None, None, None)
    nothing = (None, None, os.devnull, None)
    core = botocore.session.Session(
        session_vars={"profile": unset, "config_file": nothing, "credentials_file": nothing}
    )
    session = LocalSession(
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=variables["AWS_REGION"],
        botocore_session=core,
    )
    setattr(session, PROCESS, process)
    return session
