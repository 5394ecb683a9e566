"""What the tests of the local AWS have in common."""

import io
import json
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local_mode.local_aws import LocalAws

BUCKET = "local-mode-tests"
SOURCE = f"s3://{BUCKET}/source/sourcedir.tar.gz"
ROLE = "arn:aws:iam::123456789012:role/tests"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tests:local-process"
METRICS = [
    {"Name": "reward-training", "Regex": "^Training>.*Total reward=(.*?),"},
    {"Name": "loss", "Regex": "^loss: ([-+]?[0-9]*[.]?[0-9]+([eE][-+]?[0-9]+)?)"},
]


def wait_for(condition: Callable[[], Any], *, seconds: float = 20.0) -> Any:
    """Return the first true value of `condition`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {condition}")


def descendants(pid: int) -> set[int]:
    """Return the processes that a process has started, and theirs."""
    found = set()
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(file.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            child = int(file.parent.name)
            found |= {child} | descendants(child)
    return found


def archive(files: dict[str, str]) -> bytes:
    """Return a gzip tar of text files."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as opened:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            opened.addfile(member, io.BytesIO(text.encode()))
    return raw.getvalue()


def unpack(content: bytes) -> dict[str, str]:
    """Return the files of a gzip tar."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as opened:
        return {one.name: opened.extractfile(one).read().decode() for one in opened}


def job_request(name: str, task: str, **members: Any) -> dict[str, Any]:
    """Return a CreateTrainingJob request for the test bundle."""
    hyperparameters = {
        "sagemaker_program": "work.py",
        "sagemaker_submit_directory": SOURCE,
        "task": task,
        **members.pop("hyperparameters", {}),
    }
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": METRICS,
        },
        "HyperParameters": hyperparameters,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/jobs"},
        "ResourceConfig": {
            "InstanceType": "ml.c7i.2xlarge",
            "InstanceCount": 1,
            "VolumeSizeInGB": 30,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **members,
    }


def channel(name: str, uri: str, distribution: str = "FullyReplicated") -> dict[str, Any]:
    """Return an input channel."""
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": uri,
        "S3DataDistributionType": distribution,
    }
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def end_of_job(aws: LocalAws, name: str) -> dict[str, Any]:
    """Wait for the end of a training job and return its description."""

    def ended() -> dict[str, Any] | None:
        job = aws.client("sagemaker").describe_training_job(TrainingJobName=name)
        return None if job["TrainingJobStatus"] in ("InProgress", "Stopping") else job

    return wait_for(ended, seconds=40.0)


def secondary(job: dict[str, Any]) -> list[str]:
    """Return the secondary statuses that a job went through."""
    return [one["Status"] for one in job["SecondaryStatusTransitions"]]


def read_object(aws: LocalAws, uri: str) -> bytes:
    """Return the content of an object."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def log_lines(aws: LocalAws, group: str, prefix: str = "") -> list[str]:
    """Return the lines of a log group."""
    logs = aws.client("logs")
    named = {"logStreamNamePrefix": prefix} if prefix else {}
    streams = logs.describe_log_streams(logGroupName=group, **named)
    lines = []
    for stream in streams["logStreams"]:
        events = logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )
        lines += [event["message"] for event in events["events"]]
    return lines


def end_of_execution(aws: LocalAws, arn: str, *, seconds: float = 40.0) -> dict[str, Any]:
    """Wait for the end of an execution and return its description."""

    def ended() -> dict[str, Any] | None:
        execution = aws.client("stepfunctions").describe_execution(executionArn=arn)
        return None if execution["status"] == "RUNNING" else execution

    return wait_for(ended, seconds=seconds)


def start(aws: LocalAws, name: str, states: dict[str, Any], **members: Any) -> str:
    """Create a state machine that starts with its first state and execute it."""
    document = members.pop("input", {})
    execution_name = members.pop("execution_name", None)
    definition = {"StartAt": next(iter(states)), "States": states, **members}
    machine = aws.client("stepfunctions").create_state_machine(
        name=name, definition=json.dumps(definition), roleArn=ROLE
    )
    named = {"name": execution_name} if execution_name else {}
    execution = aws.client("stepfunctions").start_execution(
        stateMachineArn=machine["stateMachineArn"], input=json.dumps(document), **named
    )
    return execution["executionArn"]


def history(aws: LocalAws, arn: str) -> list[str]:
    """Return the types of an execution's events."""
    events = aws.client("stepfunctions").get_execution_history(executionArn=arn)["events"]
    return [event["type"] for event in events]
