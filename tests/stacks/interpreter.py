"""Runs the definition with moto's interpreter: real handlers, jobs and endpoint answers made up.

What is made up stands in `Cloud`; every CreateTrainingJob request is checked by botocore.
"""

import io
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.response import StreamingBody
from botocore.validate import ParamValidator
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_callback as callback_service,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_unsupported as sagemaker_service,
)
from moto.stepfunctions.parser.asl.component.state.fail import state_fail
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackOutcomeFailure,
    CallbackOutcomeFailureError,
)

DEFINITION = Path(__file__).parents[2] / "stacks" / "workflow.asl.json"
HANDLERS = (
    *("prepare", "gate", "register", "deploy", "smoke_test"),
    *("edge_publish", "edge_deploy", "edge_follow"),
)
ROLE = "arn:aws:iam::123456789012:role/states"

Body = dict[str, Any]


def render(text: str) -> str:
    """Put ARNs in the place of the substitutions, as CloudFormation does."""

    def arn(match: re.Match[str]) -> str:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", match[1]).lower()
        return f"arn:aws:lambda:us-east-1:123456789012:function:{name}"

    return re.sub(r"\$\{(\w+)FunctionArn\}", arn, text.replace("${TrainingRoleArn}", ROLE))


@cache
def job_shape() -> Any:
    """Return what SageMaker's model says of a CreateTrainingJob request."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    return model.operation_model("CreateTrainingJob").input_shape


def failure(error: str, cause: str = "") -> CallbackOutcomeFailureError:
    """Make a fault of a job, under the name that Step Functions gives it."""
    return CallbackOutcomeFailureError(CallbackOutcomeFailure("job", error, cause))


@dataclass
class Cloud:
    """The jobs and the endpoint; tests change what they do.

    Attributes:
        outputs: What a job leaves: file name by file name, made from its request.
        answer: What the endpoint answers to a body.
        faults: Raised by the next training jobs, one each, before they begin.
        requests: The requests of the jobs that were begun, by their names.
        waits: Seconds that the interpreter would have waited before trying again.
    """

    outputs: Callable[[Body], Mapping[str, bytes]]
    answer: Callable[[Body], Body]
    faults: list[Exception] = field(default_factory=list)
    requests: dict[str, Body] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)

    def create_training_job(self, **request: Any) -> Body:
        """Run a job: check its request, leave its output in S3, describe it as `.sync` does."""
        if self.faults:
            raise self.faults.pop(0)
        report = ParamValidator().validate(request, job_shape()).generate_report()
        assert not report, report
        name = request["TrainingJobName"]
        assert re.fullmatch("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name), name
        assert name not in self.requests, f"ResourceInUse: {name}"
        self.requests[name] = request
        bucket, _, prefix = request["OutputDataConfig"]["S3OutputPath"][5:].partition("/")
        for file, data in self.outputs(request).items():
            key = f"{prefix}/{name}/output/{file}"
            boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=data)
        model_uri = f"s3://{bucket}/{prefix}/{name}/output/model.tar.gz"
        return {
            "TrainingJobName": name,
            "TrainingJobStatus": "Completed",
            "ModelArtifacts": {"S3ModelArtifacts": model_uri},
        }

    def invoke(self, **request: Any) -> Body:
        """Run a handler as Lambda does: JSON in, JSON out, a fault as type and message."""
        name = request["FunctionName"].rpartition(":")[2]
        assert name in HANDLERS, name
        handler = import_module(f"lambdas.{name}").handler
        try:
            result, fault = handler(json.loads(request["Payload"]), None), {}
        except Exception as error:
            result = {"errorType": type(error).__name__, "errorMessage": str(error)}
            fault = {"FunctionError": "Unhandled"}
        data = json.dumps(result, allow_nan=False).encode()
        return {"StatusCode": 200, "Payload": io.BytesIO(data), **fault}

    def invoke_endpoint(self, **request: Any) -> Body:
        """Answer as the endpoint."""
        data = json.dumps(self.answer(json.loads(request["Body"]))).encode()
        return {"Body": StreamingBody(io.BytesIO(data), len(data))}


@dataclass(frozen=True)
class Ended:
    """An execution that has ended."""

    status: str
    output: Any
    error: str
    cause: str
    states: tuple[str, ...]
    outputs: dict[str, Any]


class Machine:
    """The definition, ready to be executed."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._client = boto3.client("stepfunctions")
        self._arn = self._client.create_state_machine(
            name="workflow", definition=render(DEFINITION.read_text()), roleArn=ROLE
        )["stateMachineArn"]

    def run(self, document: object, name: str = "run-1") -> Ended:
        """Execute to the end."""
        arn = self._client.start_execution(
            stateMachineArn=self._arn, name=name, input=json.dumps(document)
        )["executionArn"]
        deadline = time.monotonic() + 60
        while (found := self._client.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline, "the execution does not end"
            time.sleep(0.01)
        events = self._client.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        entered = [e["stateEnteredEventDetails"] for e in events if "stateEnteredEventDetails" in e]
        exited = [e["stateExitedEventDetails"] for e in events if "stateExitedEventDetails" in e]
        return Ended(
            status=found["status"],
            output=json.loads(found.get("output") or "null"),
            error=found.get("error", ""),
            cause=found.get("cause", ""),
            states=tuple(details["name"] for details in entered),
            outputs={details["name"]: json.loads(details["output"]) for details in exited},
        )


def connect(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the interpreter's tasks reach the made-up cloud, and not wait between tries."""
    monkeypatch.setattr(lambda_eval_utils, "boto_client_for", lambda **_: cloud)
    monkeypatch.setattr(sagemaker_service, "boto_client_for", lambda **_: cloud)
    # The made-up jobs are over at once, so that there is nothing to wait for.
    task = sagemaker_service.StateTaskServiceUnsupported
    monkeypatch.setattr(task, "_is_integration_pattern", lambda self: False)
    monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=cloud.waits.append))
    # The interpreter refuses to pass on reserved names such as States.TaskFailed; AWS does not.
    for module in (state_fail, callback_service):
        monkeypatch.setattr(module, "CustomErrorName", ErrorName)
    real = boto3.client
    monkeypatch.setattr(
        "lambdas.smoke_test.client",
        lambda service: cloud if service == "sagemaker-runtime" else real(service),
    )
