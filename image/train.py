"""The command `train`: finds the bundle of a training job and runs its program.

Exit status: the program's own; 2 if the request names no bundle or program that can be had; 1 for
a fault here; 128 + n if signal n ended it. In each case but the first, output/failure says why, and
in the first as well, if the program did not write it itself.
"""

import os
import signal
import sys
import traceback
from pathlib import Path

from image.bundle import Request, find_bundle
from image.errors import CommandError
from image.job import Job
from image.process import SIGNAL_BASE, end_when_asked, run
from image.tree import base_folder, decoded_text

_MISTAKE, _FAULT = 2, 1
_STOPPED = SIGNAL_BASE + signal.SIGTERM
_KILLED = SIGNAL_BASE + signal.SIGKILL


def main() -> int:
    """Run the training job and return the exit status."""
    end_when_asked()
    base = base_folder(os.environ)
    failure = base / "output" / "failure"
    try:
        failure.unlink(missing_ok=True)
        return _train(Job.read(base), failure)
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        _explain(failure, str(error))
        return _MISTAKE
    except Exception as error:
        trace = traceback.format_exc()
        print(trace, file=sys.stderr, flush=True)
        summary = " ".join(f"{type(error).__name__}: {error}".split())
        _explain(failure, f"train failed, see the job's log: {summary}\n\n{trace}")
        return _FAULT


def _train(job: Job, failure: Path) -> int:
    program = decoded_text(job.hyperparameters.get("sagemaker_program"))
    folder = find_bundle(
        Request(
            base=job.base,
            channel=job.channel("code"),
            program=program,
            submitted=decoded_text(job.hyperparameters.get("sagemaker_submit_directory")),
            program_setting="the hyperparameter sagemaker_program",
            submitted_setting="the hyperparameter sagemaker_submit_directory",
            channel_setting="the channel `code`",
            example="train.py",
        )
    )
    for name in ("model", "output/data", "checkpoints"):
        (job.base / name).mkdir(parents=True, exist_ok=True)
    # What the request's Environment sets wins.
    variables = job.variables() | os.environ
    command = [sys.executable, program, *job.arguments()]
    status = run(command, folder=folder, variables=variables)
    # SageMaker calls a job that it stopped Stopped, whatever the status is.
    if status not in (0, _STOPPED) and not failure.exists():
        _explain(failure, _reason(program, status))
    return status


def _reason(program: str, status: int) -> str:
    if status == _KILLED:
        return (
            f"{program} was killed: take an instance type with more memory, if the job did not "
            "run into its time limit"
        )
    how = f"signal {status - SIGNAL_BASE}" if status > SIGNAL_BASE else f"exit status {status}"
    return f"{program} ended with {how}: its last lines in the job's log say why"


def _explain(failure: Path, text: str) -> None:
    try:
        failure.parent.mkdir(parents=True, exist_ok=True)
        failure.write_text(f"{text}\n", "utf-8")
    except OSError as error:
        print(f"cannot write {failure}: {error}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
