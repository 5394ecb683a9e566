"""Start an execution of a deployed workflow, wait for its end, and say how it ended.

    python tools/run_execution.py --stage dev [--preset NAME | --input FILE]

The pipeline and GitHub's workflows check a deployment with it. It finds the state machine by the
SSM parameter `/<project>/<stage>/state-machine-arn`. A policy that the gate rejects is a result,
so the execution succeeded; only a fault is a failure.

Exit status: 0 the workflow ended with a result; 2 a mistake in the call; 1 anything else.
"""

import argparse
import json
import math
import os
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.json_object import read_object  # noqa: E402

RESULTS = ("Deployed", "Registered", "Rejected")
CDK_JSON = ROOT / "cdk.json"
CONFIG = Config(retries={"mode": "standard", "max_attempts": 10})

Client = Any  # boto3 has no types


class ExecutionError(Exception):
    """The execution did not end with a result; the message says why."""


@dataclass(frozen=True)
class Clock:
    """How often to look, and how long.

    Attributes:
        poll_seconds: Between two looks.
        timeout_minutes: After which the execution is left alone, and counts as failed.
    """

    poll_seconds: float
    timeout_minutes: float


def main(argv: Sequence[str] | None = None) -> int:
    """Run an execution; return the exit status."""
    arguments = _arguments(argv)
    try:
        request = _request(arguments)
    except ValueError as error:
        print(f"error: --input: {error}", file=sys.stderr)
        return 2
    clock = Clock(arguments.poll_seconds, arguments.timeout_minutes)
    try:
        machine = find_state_machine(
            boto3.client("ssm", config=CONFIG), arguments.project, arguments.stage
        )
        output = execute(
            boto3.client("stepfunctions", config=CONFIG), machine, request, clock=clock
        )
        _keep(arguments, output)
    except (ExecutionError, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{output['status']}: {output.get('reason')}")
    print(f"Scorecard: {output.get('scorecard_s3_uri')}")
    return 0


def _keep(arguments: argparse.Namespace, output: dict[str, Any]) -> None:
    """Write the files that are asked for.

    Raises:
        ExecutionError: One cannot be written; the output is printed then, for hours went into it.
    """
    text = json.dumps(output, indent=2) + "\n"
    try:
        if arguments.output:
            arguments.output.write_text(text)
        if arguments.scorecard:
            arguments.scorecard.write_bytes(
                read_scorecard(boto3.client("s3", config=CONFIG), output)
            )
    except OSError as error:
        print(text, end="", flush=True)
        raise ExecutionError(
            f"{error}: the execution's output is printed instead, and names the scorecard"
        ) from error


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    context = json.loads(CDK_JSON.read_text())["context"]
    parser.add_argument("--project", default=context["project"], help="default: %(default)s")
    parser.add_argument("--stage", required=True, help="such as dev")
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--preset", help="name of a preset that is deployed")
    given.add_argument("--input", type=Path, help="file with the execution's input")
    parser.add_argument("--output", type=_new_file, help="file for the execution's output")
    parser.add_argument("--scorecard", type=_new_file, help="file for the scorecard")
    parser.add_argument("--timeout-minutes", type=_time, default=240, help="default: %(default)s")
    parser.add_argument("--poll-seconds", type=_time, default=15, help="default: %(default)s")
    return parser.parse_args(argv)


def _new_file(text: str) -> Path:
    """Return the path of a file that can be written, as far as that is known before."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder: give the name of a file")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent}: make it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written: give another file")
    return path


def _time(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a finite number from 0 on, not {text}")
    return number


def _request(arguments: argparse.Namespace) -> dict[str, object]:
    if arguments.preset:
        return {"preset": arguments.preset}
    if not arguments.input:
        return {}
    return read_object(arguments.input)


def find_state_machine(ssm: Client, project: str, stage: str) -> str:
    """Return the ARN of a stage's state machine.

    Raises:
        ExecutionError: The stage is not deployed.
    """
    name = f"/{project}/{stage}/state-machine-arn"
    try:
        return str(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound as error:
        raise ExecutionError(f"There is no SSM parameter {name}: deploy {stage} first") from error


def execute(
    states: Client, machine: str, request: dict[str, object], *, clock: Clock
) -> dict[str, Any]:
    """Return the output of an execution, once it has ended with a result.

    Args:
        states: The client of Step Functions.
        machine: ARN of the state machine.
        request: The execution's input.
        clock: How often to look, and how long.

    Raises:
        ExecutionError: It ended otherwise, or has not ended in time.
    """
    # With a name of its own, a call that is repeated for a lost answer starts nothing anew.
    arn = states.start_execution(
        stateMachineArn=machine, name=f"check-{uuid.uuid4().hex[:12]}", input=json.dumps(request)
    )["executionArn"]
    print(f"Started {arn}", flush=True)
    deadline = time.monotonic() + clock.timeout_minutes * 60
    while True:
        found = states.describe_execution(executionArn=arn)
        if found["status"] not in ("RUNNING", "PENDING_REDRIVE"):
            return _result(found)
        if time.monotonic() > deadline:
            raise ExecutionError(
                f"{arn} has not ended in {clock.timeout_minutes:g} minutes, and goes on"
            )
        time.sleep(clock.poll_seconds)


def _result(found: dict[str, Any]) -> dict[str, Any]:
    arn, status = found["executionArn"], found["status"]
    if status != "SUCCEEDED":
        reason = f"{found.get('error', 'no error')}: {found.get('cause', 'no cause')}"
        raise ExecutionError(f"{arn} ended as {status}: {reason}")
    text = str(found.get("output"))
    try:
        output = json.loads(text)
    except ValueError:
        output = None
    if not isinstance(output, dict) or output.get("status") not in RESULTS:
        raise ExecutionError(f"{arn} says neither of {', '.join(RESULTS)}, but {text[:500]}")
    return output


def read_scorecard(s3: Client, output: dict[str, Any]) -> bytes:
    """Return the scorecard that an execution's output names.

    Raises:
        ExecutionError: It names none.
    """
    scheme, _, place = str(output.get("scorecard_s3_uri")).partition("://")
    bucket, _, key = place.partition("/")
    if scheme != "s3" or not key:
        raise ExecutionError(f"The output names no scorecard: {output.get('scorecard_s3_uri')}")
    return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


if __name__ == "__main__":
    sys.exit(main())
