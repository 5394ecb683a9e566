"""Executions of the definition: real handlers, moto's interpreter, its S3 and its SageMaker."""

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest

from tests.lambdas.samples import BUCKET, VARIABLES, artifact_files, make_artifact, manifest, pack
from tests.stacks.devices import edge_bundle, emulated_greengrass
from tests.stacks.interpreter import Cloud, Machine, failure

ENDPOINT = VARIABLES["ENDPOINT_NAME"]
LOAD = f"s3://{BUCKET}/load.csv"
CHECKPOINT = f"s3://{BUCKET}/old/model.tar.gz"
NO_ENDPOINT = {"endpoint": {"run": False}}


def put(uri: str, body: bytes) -> None:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=body)


def channels(request: Mapping[str, Any]) -> dict[str, str]:
    return {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in request.get("InputDataConfig", ())
    }


def test_an_empty_input_trains_judges_registers_and_deploys(machine: Machine, cloud: Cloud) -> None:
    ended = machine.run({})
    assert ended.status == "SUCCEEDED", (ended.error, ended.cause)
    assert ended.states == (
        "Prepare",
        "TrainingRequested?",
        "Train",
        "EvaluationRequested?",
        "CheckpointChannel",
        "Evaluate",
        "Gate",
        "GatePassed?",
        "Register",
        "EndpointRequested?",
        "Deploy",
        "WaitForEndpoint",
        "DescribeEndpoint",
        "EndpointReady?",
        "SmokeTest",
        "EdgeRequested?",
        "Deployed",
    )
    identity = ended.outputs["Prepare"]["execution"]["id"]
    [training, evaluation] = cloud.requests.values()
    assert training["TrainingJobName"] == f"rl-training-cem-autoscaling-{identity}-0"
    assert channels(training) == {}
    assert channels(evaluation) == {
        "checkpoint": f"s3://{BUCKET}/jobs/{training['TrainingJobName']}/output/model.tar.gz"
    }
    [package] = boto3.client("sagemaker").list_model_packages(
        ModelPackageGroupName=VARIABLES["MODEL_PACKAGE_GROUP"]
    )["ModelPackageSummaryList"]
    assert ended.output == {
        "status": "Deployed",
        "model_package_arn": package["ModelPackageArn"],
        "endpoint_name": ENDPOINT,
        "component_version": None,
        "scorecard_s3_uri": f"s3://{BUCKET}/executions/{identity}/scorecard.json",
        "reason": ended.outputs["Gate"]["verdict"]["reason"],
    }
    assert ended.outputs["SmokeTest"]["decision"]["answer"]["action"] in (0, 1)
    model = boto3.client("sagemaker").describe_model(
        ModelName=ended.outputs["Deploy"]["deployment"]["config_name"]
    )
    # What was evaluated is deployed: its manifest carries the figures.
    evaluated = f"s3://{BUCKET}/jobs/{evaluation['TrainingJobName']}/output/model.tar.gz"
    assert model["PrimaryContainer"]["ModelDataUrl"] == evaluated


def test_a_load_file_is_a_channel_of_both_jobs(machine: Machine, cloud: Cloud) -> None:
    put(LOAD, b"timestamp,requests\n")
    ended = machine.run({"load": {"s3_uri": LOAD}, "training": {"use_spot": False}} | NO_ENDPOINT)
    assert (ended.status, ended.output["status"]) == ("SUCCEEDED", "Registered")
    assert "TrainWithChannels" in ended.states
    [training, evaluation] = cloud.requests.values()
    assert channels(training) == {"load": LOAD}
    assert channels(evaluation).keys() == {"checkpoint", "load"}
    assert "MaxWaitTimeInSeconds" not in training["StoppingCondition"]


def test_an_old_artifact_is_judged_without_training(machine: Machine, cloud: Cloud) -> None:
    put(CHECKPOINT, b"model")
    old = {"training": {"run": False}, "evaluation": {"checkpoint_s3_uri": CHECKPOINT}}
    ended = machine.run(old | NO_ENDPOINT)
    assert ended.status == "SUCCEEDED"
    [evaluation] = cloud.requests.values()
    assert channels(evaluation) == {"checkpoint": CHECKPOINT}


def test_without_evaluation_the_trained_package_waits(machine: Machine, cloud: Cloud) -> None:
    parts = {"evaluation": {"run": False}, "registry": {"approval": "manual"}}
    ended = machine.run(parts | NO_ENDPOINT)
    assert len(cloud.requests) == 1
    assert ended.output == {
        "status": "Registered",
        "model_package_arn": ended.output["model_package_arn"],
        "endpoint_name": None,
        "component_version": None,
        "scorecard_s3_uri": None,
        "reason": "The policy was not evaluated: evaluation.run is false. "
        "The package waits for a person's approval, and no endpoint was touched.",
    }
    [package] = boto3.client("sagemaker").list_model_packages(
        ModelPackageGroupName=VARIABLES["MODEL_PACKAGE_GROUP"]
    )["ModelPackageSummaryList"]
    assert package["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_rejected_policy_ends_well_and_leaves_nothing(machine: Machine) -> None:
    ended = machine.run({"gate": {"baseline": "static_best"}})
    assert (ended.status, ended.output["status"]) == ("SUCCEEDED", "Rejected")
    assert ended.output["model_package_arn"] is None
    assert ended.output["endpoint_name"] is None
    assert ended.output["scorecard_s3_uri"].endswith("/scorecard.json")
    assert "higher than that of static_best" in ended.output["reason"]
    assert boto3.client("sagemaker").list_endpoints()["Endpoints"] == []


@pytest.mark.parametrize("document", [{"trainig": {}}, [], None, "x", {"preset": "ppo"}])
def test_a_mistake_ends_the_execution_before_anything_begins(
    machine: Machine, cloud: Cloud, document: object
) -> None:
    ended = machine.run(document)
    assert (ended.status, ended.error) == ("FAILED", "InvalidInput")
    assert json.loads(ended.cause)["errorType"] == "InvalidInput"
    assert ended.states == ("Prepare", "Failed")
    assert cloud.requests == {}


@pytest.mark.parametrize(("failing", "begun"), [("train.py", 0), ("evaluate.py", 1)])
def test_a_failed_job_ends_the_execution_with_its_cause(
    machine: Machine, cloud: Cloud, failing: str, begun: int
) -> None:
    succeed = cloud.outputs

    def outputs(request: Mapping[str, Any]) -> Mapping[str, bytes]:
        if request["HyperParameters"]["sagemaker_program"] == failing:
            del cloud.requests[request["TrainingJobName"]]
            raise failure("States.TaskFailed", "AlgorithmError: no load, exit code: 1")
        return succeed(dict(request))

    cloud.outputs = outputs
    ended = machine.run({})
    assert (ended.status, ended.error) == ("FAILED", "States.TaskFailed")
    assert ended.cause == "AlgorithmError: no load, exit code: 1"
    assert len(cloud.requests) == begun
    assert cloud.waits == []


@pytest.mark.parametrize(
    ("error", "longest"),
    [
        ("SageMaker.ResourceLimitExceededException", 120),
        ("SageMaker.AmazonSageMakerException", 3),
    ],
)
def test_a_job_that_could_not_begin_is_tried_again_under_another_name(
    machine: Machine, cloud: Cloud, error: str, longest: float
) -> None:
    cloud.faults = [failure(error), failure(error)]
    assert machine.run(NO_ENDPOINT).status == "SUCCEEDED"
    assert [name[-2:] for name in cloud.requests] == ["-2", "-0"]
    assert len(cloud.waits) == 2
    assert cloud.waits[0] <= longest
    assert cloud.waits[1] <= 2 * longest


def test_a_job_that_never_begins_ends_the_execution(machine: Machine, cloud: Cloud) -> None:
    cloud.faults = [failure("SageMaker.AmazonSageMakerException", "Rate exceeded")] * 9
    ended = machine.run({})
    assert (ended.status, ended.error) == ("FAILED", "SageMaker.AmazonSageMakerException")
    assert ended.cause == "Rate exceeded"
    assert len(cloud.waits) == 3


def test_a_job_without_output_is_a_fault(machine: Machine, cloud: Cloud) -> None:
    cloud.outputs = lambda request: {"model.tar.gz": b""}
    ended = machine.run({})
    assert (ended.status, ended.error) == ("FAILED", "GateError")
    assert "left no output" in json.loads(ended.cause)["errorMessage"]


def test_an_unsafe_artifact_is_neither_registered_nor_deployed(
    machine: Machine, cloud: Cloud
) -> None:
    succeed = cloud.outputs
    unsafe = make_artifact({**artifact_files(), "x.pkl": b""}, manifest())
    cloud.outputs = lambda request: {**succeed(request), "model.tar.gz": unsafe}
    ended = machine.run({})
    assert (ended.status, ended.error) == ("FAILED", "UnsafeArtifact")
    assert ended.states[-2:] == ("Register", "Failed")


def test_a_malformed_scorecard_is_a_fault(machine: Machine, cloud: Cloud) -> None:
    succeed = cloud.outputs
    output = pack({"scorecard.json": b"{}"})
    cloud.outputs = lambda request: {**succeed(request), "output.tar.gz": output}
    ended = machine.run({})
    assert (ended.status, ended.error) == ("FAILED", "GateError")


def test_a_wrong_answer_takes_the_endpoint_back(machine: Machine, cloud: Cloud) -> None:
    cloud.answer = lambda body: {"actions": [7] * 64}
    ended = machine.run({})
    assert (ended.status, ended.error) == ("FAILED", "SmokeTestFailed")
    assert "was deleted, there was none before" in json.loads(ended.cause)["errorMessage"]
    assert boto3.client("sagemaker").list_endpoints()["Endpoints"] == []
    # Nobody else shall take it for the newest approved one.
    [package] = boto3.client("sagemaker").list_model_packages(
        ModelPackageGroupName=VARIABLES["MODEL_PACKAGE_GROUP"]
    )["ModelPackageSummaryList"]
    assert package["ModelApprovalStatus"] == "Rejected"


def test_a_refusal_is_not_tried_again(
    machine: Machine, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDPOINT_INSTANCE_TYPE", "ml.none.large")
    ended = machine.run({})
    assert (ended.status, ended.error) == ("FAILED", "ServiceRefused")
    assert ended.states[-2:] == ("Deploy", "Failed")
    assert cloud.waits == []


EDGE = {"edge": {"run": True}}
PLACE = "arn:aws:{}:us-east-1:123456789012"


@pytest.fixture
def devices(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the stage a group of devices, and the component's program."""
    given = {
        "EDGE_SOURCE_S3_URI": f"s3://{BUCKET}/source/edge_src.zip",
        "COMPONENT_ARN": f"{PLACE.format('greengrass')}:components:com.example.rl.Policy",
        "COMPONENT_VERSIONS": "1.0",
        "THING_GROUP_ARN": f"{PLACE.format('iot')}:thinggroup/rl-dev-devices",
        "EDGE_FOLLOW_SECONDS": "600",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    put(given["EDGE_SOURCE_S3_URI"], edge_bundle())
    boto3.client("iot").create_thing_group(thingGroupName="rl-dev-devices")
    with emulated_greengrass(monkeypatch):
        yield


@pytest.mark.usefixtures("devices")
def test_a_policy_goes_on_to_devices(machine: Machine) -> None:
    ended = machine.run(EDGE)
    assert ended.status == "SUCCEEDED", (ended.error, ended.cause)
    assert ended.states[-6:] == (
        *("EdgeRequested?", "EdgePublish", "EdgeDeploy", "EdgeFollow"),
        *("DevicesReady?", "DeployedToDevices"),
    )
    assert ended.output["status"] == "Deployed"
    assert ended.output["component_version"] == "1.0.0"
    assert ended.output["endpoint_name"] == ENDPOINT
    note = "No device is in rl-dev-devices yet; those that join get com.example.rl.Policy 1.0.0."
    assert ended.output["reason"] == f"{ended.outputs['Gate']['verdict']['reason']} {note}"
    # The same policy again: no version, no deployment.
    again = machine.run(EDGE | NO_ENDPOINT, "run-2")
    assert again.output["component_version"] == "1.0.0"
    assert again.outputs["EdgePublish"]["component"]["published"] is False
    first, second = (it.outputs["EdgeDeploy"]["rollout"]["deployment_id"] for it in (ended, again))
    assert first == second
    assert (again.output["status"], again.output["endpoint_name"]) == ("Deployed", None)
    assert "Deploy" not in again.states


@pytest.mark.usefixtures("devices")
def test_a_device_that_fails_ends_the_execution_and_gets_back_what_it_had(
    machine: Machine, cloud: Cloud
) -> None:
    registry = boto3.client("iot", endpoint_url="https://iot.us-east-1.amazonaws.com")
    registry.create_thing(thingName="device")
    registry.add_thing_to_thing_group(thingName="device", thingGroupName="rl-dev-devices")
    ended: list[Any] = []
    waiting = threading.Thread(target=lambda: ended.append(machine.run(EDGE)))
    waiting.start()
    jobs = boto3.client("iot-jobs-data", endpoint_url=os.environ["AWS_ENDPOINT_URL_IOT"])
    while not (job := jobs.start_next_pending_job_execution(thingName="device").get("execution")):
        time.sleep(0.05)
    time.sleep(1)  # the execution looks again and again meanwhile
    jobs.update_job_execution(thingName="device", jobId=job["jobId"], status="FAILED")
    waiting.join(60)
    assert (ended[0].status, ended[0].error) == ("FAILED", "EdgeDeploymentFailed")
    assert "WaitForDevices" in ended[0].states
    assert "1 of 1 devices that tried it failed" in json.loads(ended[0].cause)["errorMessage"]


def test_a_stage_without_devices_refuses_them_before_anything_begins(
    machine: Machine, cloud: Cloud
) -> None:
    ended = machine.run(EDGE)
    assert (ended.status, ended.error) == ("FAILED", "ConfigurationError")
    assert cloud.requests == {}
