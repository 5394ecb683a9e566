"""Executions of the synthesised definition with the synthesised variables, and what they called.

Handlers and interpreter are real; what they ask AWS for is noted with the role that asks.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from moto import mock_aws

from tests.lambdas.samples import CREDENTIALS, KEEP_SESSION
from tests.stacks import interpreter
from tests.stacks.calls import actions
from tests.stacks.contract import definition, steps
from tests.stacks.devices import EMULATED, edge_bundle, emulated_greengrass
from tests.stacks.grants import allowed, roles, statements
from tests.stacks.interpreter import Body, Cloud, Machine, connect
from tests.stacks.intrinsics import ACCOUNT, REGION, Deployed
from tests.stacks.synthesis import Finding

_PLACE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
_DEPLOYMENTS = f"arn:aws:greengrass:{REGION}:{ACCOUNT}:deployments"
# Parameters that name what a request is about, and what IAM compares them with.
_RESOURCES = {
    "EndpointConfigName": f"{_PLACE}:endpoint-config/{{}}",
    "EndpointName": f"{_PLACE}:endpoint/{{}}",
    "FunctionName": "{}",
    "ModelName": f"{_PLACE}:model/{{}}",
    "ModelPackageArn": "{}",
    "ModelPackageGroupName": f"{_PLACE}:model-package-group/{{}}",
    "ResourceArn": "{}",
    "TrainingJobName": f"{_PLACE}:training-job/{{}}",
    "arn": "{}",
    "deploymentId": f"arn:aws:greengrass:{REGION}:{ACCOUNT}:deployments:{{}}",
    "jobId": f"arn:aws:iot:{REGION}:{ACCOUNT}:job/{{}}",
    "targetArn": "{}",
    "thingGroupName": f"arn:aws:iot:{REGION}:{ACCOUNT}:thinggroup/{{}}",
}
LOAD = "loads/load.csv"
"""A load file in the bucket of the stage."""

_HERE = {"POLL_SECONDS": "0", "ENDPOINT_INSTANCE_TYPE": "ml.m5.large"}
_PASSED = ("RoleArn", "ExecutionRoleArn")


@dataclass(frozen=True)
class Request:
    """One thing that IAM is asked: may this step do this to that."""

    step: str
    action: str
    resource: str
    service: str = ""
    approval: str = ""


def requests(step: str, service: str, operation: str, given: Mapping[str, Any]) -> set[Request]:
    """Return what IAM is asked for a call."""
    if "Bucket" in given:
        bucket = f"arn:aws:s3:::{given['Bucket']}"
        about = [f"{bucket}/{given['Key']}" if "Key" in given else bucket]
    else:
        about = [form.format(given[name]) for name, form in _RESOURCES.items() if name in given]
    if operation == "CopyObject":  # it reads there, and writes here
        source = "arn:aws:s3:::{Bucket}/{Key}".format(**given["CopySource"])
        return {Request(step, "s3:GetObject", source), Request(step, "s3:PutObject", about[0])}
    if "inlineRecipe" in given:
        component = json.loads(given["inlineRecipe"])["ComponentName"]
        about = [f"arn:aws:greengrass:{REGION}:{ACCOUNT}:components:{component}"]
    if operation == "ListModelPackages":  # the authorization reference names both
        about.append(f"{_PLACE}:model-package/{given['ModelPackageGroupName']}/1")
    assert about, f"{operation}: tell here which parameter names what it is about"
    approval = given.get("ModelApprovalStatus", "") if operation == "UpdateModelPackage" else ""
    asked = {
        Request(step, act, it, approval=approval)
        for act in actions(service, operation)
        for it in about
    }
    if given.get("tags"):  # a version's are its component's, a deployment has no name yet
        about_tags = about if "inlineRecipe" in given else [f"{_DEPLOYMENTS}:1"]
        asked |= {Request(step, "greengrass:TagResource", it) for it in about_tags}
    if operation == "CreateDeployment":  # whose job Greengrass makes in the caller's name
        asked |= {Request(step, "iot:CreateJob", it) for it in about}
    if given.get("Tags"):
        asked |= {Request(step, "sagemaker:AddTags", it) for it in about}
    passed = {given[name] for name in _PASSED if name in given}
    return asked | {Request(step, "iam:PassRole", it, "sagemaker.amazonaws.com") for it in passed}


def fetches(step: str, bundle: str) -> Request:
    """Return what IAM is asked when a container fetches its bundle, or SageMaker for it."""
    return Request(step, "s3:GetObject", f"arn:aws:s3:::{bundle.removeprefix('s3://')}")


@dataclass
class Recorder(Cloud):
    """The made-up cloud, which notes who asks for what.

    Attributes:
        asked: Everything that IAM was asked.
        jobs: The requests of all training jobs.
        handlers: Names of handlers by the ARNs of their functions.
    """

    asked: set[Request] = field(default_factory=set)
    jobs: list[Body] = field(default_factory=list)
    handlers: dict[str, str] = field(default_factory=dict)
    _running: threading.local = field(default_factory=threading.local)

    @property
    def step(self) -> str:
        """Who is calling: a handler, the interpreter's own thread, test or emulator (nobody)."""
        thread = threading.current_thread()
        own = thread is threading.main_thread() or thread.name.startswith(EMULATED)
        return str(getattr(self._running, "step", "" if own else "state_machine"))

    def create_training_job(self, **request: Any) -> Body:
        """Note the request of a job, and what the job then writes in its own role's name."""
        self.asked |= requests("state_machine", "sagemaker", "CreateTrainingJob", request)
        self.jobs.append(request)
        submitted = request["HyperParameters"]["sagemaker_submit_directory"]
        self.asked.add(fetches("training", submitted))
        with self._as("training"):
            return super().create_training_job(**request)

    def invoke(self, **request: Any) -> Body:
        """Note the call of a handler, and that what follows is called by it."""
        self.asked |= requests("state_machine", "lambda", "Invoke", request)
        handler = self.handlers[request["FunctionName"]]
        with self._as(handler):
            return super().invoke(**request | {"FunctionName": f"function:{handler}"})

    def invoke_endpoint(self, **request: Any) -> Body:
        """Note a question to the endpoint."""
        self.asked |= requests(self.step, "sagemaker-runtime", "InvokeEndpoint", request)
        return super().invoke_endpoint(**request)

    @contextmanager
    def _as(self, step: str) -> Iterator[None]:
        self._running.step = step
        try:
            yield
        finally:
            del self._running.step

    def listen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Note every call that boto3 makes while a handler runs."""
        original = BaseClient._make_api_call

        def call(client: BaseClient, operation: str, given: Body) -> Any:
            if step := self.step:
                service = client.meta.service_model.service_name
                self.asked |= requests(step, service, operation, given)
            if operation == "CreateModel":
                variables = given["PrimaryContainer"]["Environment"]
                self.asked.add(fetches("serving", variables["SAGEMAKER_SUBMIT_DIRECTORY"]))
            if operation == "UpdateEndpoint":  # which moto does not know
                original(client, "DeleteEndpoint", {"EndpointName": given["EndpointName"]})
                operation = "CreateEndpoint"
            return original(client, operation, given)

        monkeypatch.setattr(BaseClient, "_make_api_call", call)


def variables(deployed: Deployed) -> dict[str, str]:
    """Return the environment variables of the handlers, resolved."""
    found: dict[str, str] = {}
    for _, _, properties in deployed.of_type("AWS::Lambda::Function"):
        if properties["Role"] in steps(deployed):
            found |= properties.get("Environment", {}).get("Variables", {})
    return found


def refused(deployed: Deployed, asked: Iterable[Request]) -> Iterator[Finding]:
    """Yield what IAM would refuse of what executions ask for."""
    own = {role.name.replace("-", "_"): statements(deployed, role) for role in roles(deployed)}
    for it in sorted(asked, key=str):
        context = {
            "iam:PassedToService": it.service,
            "sagemaker:ModelApprovalStatus": it.approval,
        }
        if not allowed(own[it.step], it.action, it.resource, context):
            yield Finding("executions", "refused", f"{it.step} {it.action} {it.resource}")


@contextmanager
def machine(deployed: Deployed, cloud: Recorder, folder: Path) -> Iterator[Machine]:
    """Create the synthesised state machine in moto, in an account with bucket, bundle and group."""
    cloud.handlers = {
        deployed.arn(stack, logical_id): steps(deployed)[properties["Role"]]
        for stack, logical_id, properties in deployed.of_type("AWS::Lambda::Function")
        if properties["Role"] in steps(deployed)
    }
    file = folder / "definition.json"
    file.write_text(json.dumps(definition(deployed)))
    given = variables(deployed)
    config = {"core": KEEP_SESSION, "stepfunctions": {"execute_state_machine": True}}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION"):
            patch.delenv(name, raising=False)
        # moto's list of instance types is old.
        for name, value in (CREDENTIALS | given | _HERE).items():
            patch.setenv(name, value)
        patch.setattr(interpreter, "DEFINITION", file)
        with mock_aws(config=config), emulated_greengrass(patch):
            _furnish(given)
            cloud.listen(patch)
            connect(cloud, patch)
            yield Machine(cloud)


def _furnish(given: Mapping[str, str]) -> None:
    s3 = boto3.client("s3")
    bundle, key = given["SOURCE_S3_URI"].removeprefix("s3://").split("/", 1)
    for bucket in {given["ARTIFACT_BUCKET"], bundle}:
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bundle, Key=key, Body=b"bundle")
    s3.put_object(Bucket=given["ARTIFACT_BUCKET"], Key=LOAD, Body=b"timestamp,requests")
    source, key = given["EDGE_SOURCE_S3_URI"].removeprefix("s3://").split("/", 1)
    s3.put_object(Bucket=source, Key=key, Body=edge_bundle())
    group = given["THING_GROUP_ARN"].rpartition("/")[2]
    registry = boto3.client("iot", endpoint_url=f"https://iot.{REGION}.amazonaws.com")
    registry.create_thing_group(thingGroupName=group)
    boto3.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=given["MODEL_PACKAGE_GROUP"], ModelPackageGroupDescription="Policies"
    )
