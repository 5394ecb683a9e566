"""Deploying: create or update, never twice, and always with a way back."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from lambdas.deploy import handler
from lambdas.errors import EndpointBusy, InvalidInput, ServiceRefused
from lambdas.slots import PREVIOUS_TAG
from tests.lambdas.samples import MODEL, SOURCE, VARIABLES

ENDPOINT = VARIABLES["ENDPOINT_NAME"]
NAME, OTHER = f"{ENDPOINT}-a", f"{ENDPOINT}-b"
CONFIG_ARN = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/{NAME}"
ENDPOINT_ARN = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{ENDPOINT}"
EVENT = {
    "execution_id": "0123456789ab",
    "source_s3_uri": SOURCE,
    "model_s3_uri": MODEL,
}
CHANGE = {"EndpointName": ENDPOINT, "EndpointConfigName": NAME}


def described(status: str, config: str, **more: Any) -> dict[str, Any]:
    return {
        "EndpointName": ENDPOINT,
        "EndpointArn": ENDPOINT_ARN,
        "EndpointConfigName": config,
        "EndpointStatus": status,
        "CreationTime": 0,
        "LastModifiedTime": 0,
        **more,
    }


@pytest.fixture
def stubber(account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    sagemaker = boto3.client("sagemaker")
    clients = {"s3": boto3.client("s3"), "sagemaker": sagemaker}
    monkeypatch.setattr("lambdas.deploy.client", clients.__getitem__)
    with Stubber(sagemaker) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def missing(stubber: Stubber, times: int = 2) -> None:
    for _ in range(times):
        stubber.add_client_error(
            "describe_endpoint", "ValidationException", f'Could not find endpoint "{ENDPOINT_ARN}".'
        )


def looks(stubber: Stubber, state: dict[str, Any]) -> None:
    """Expect that the endpoint is looked at, before the turn is taken and after."""
    for _ in range(2):
        stubber.add_response("describe_endpoint", state)


def vacant(stubber: Stubber, name: str = NAME) -> None:
    """Expect that a place is looked at, and emptied though there is nothing in it."""
    gone = "Could not find endpoint configuration or model"
    for call in ("describe_endpoint_config", "delete_endpoint_config", "delete_model"):
        member = "ModelName" if call == "delete_model" else "EndpointConfigName"
        stubber.add_client_error(call, "ValidationException", gone, expected_params={member: name})


def creations(stubber: Stubber) -> None:
    vacant(stubber)
    stubber.add_response("create_model", {"ModelArn": "x" * 20})
    stubber.add_response("create_endpoint_config", {"EndpointConfigArn": CONFIG_ARN})
    made(stubber, NAME, execution="0123456789ab")


def made(
    stubber: Stubber, name: str, *, execution: str, previous: str = "", at: object = 0
) -> None:
    """Expect that a configuration is looked at, and answer what is known of it."""
    arn = CONFIG_ARN.replace(NAME, name)
    config = {
        "EndpointConfigName": name,
        "EndpointConfigArn": arn,
        "ProductionVariants": [{"VariantName": "AllTraffic"}],
        "CreationTime": at,
    }
    stubber.add_response("describe_endpoint_config", config, {"EndpointConfigName": name})
    tags = [{"Key": "stage", "Value": "dev"}, {"Key": "execution", "Value": execution}]
    if previous:
        tags.append({"Key": PREVIOUS_TAG, "Value": previous})
    stubber.add_response("list_tags", {"Tags": tags}, {"ResourceArn": arn})


def test_the_first_deployment_creates_the_endpoint(sagemaker: Any) -> None:
    result = handler(EVENT, None)
    assert result == {
        "endpoint_name": ENDPOINT,
        "config_name": NAME,
        "previous_config_name": None,
    }
    model = sagemaker.describe_model(ModelName=NAME)
    assert model["PrimaryContainer"]["ModelDataUrl"] == MODEL
    assert model["PrimaryContainer"]["Environment"] == {
        "SAGEMAKER_PROGRAM": "serve.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": SOURCE,
    }
    assert model["ExecutionRoleArn"] == VARIABLES["TRAINING_ROLE_ARN"]
    [variant] = sagemaker.describe_endpoint_config(EndpointConfigName=NAME)["ProductionVariants"]
    assert variant["VariantName"] == "AllTraffic"
    assert variant["InstanceType"] == "ml.m5.large"
    assert sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"] == NAME


def test_the_guard_rails_of_the_stage_are_the_containers(
    sagemaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting(monkeypatch, GUARD_SETTINGS='{"most_removed": 2}')
    handler(EVENT, None)
    variables = sagemaker.describe_model(ModelName=NAME)["PrimaryContainer"]["Environment"]
    assert variables["GUARD_SETTINGS"] == '{"most_removed": 2}'
    assert variables["SAGEMAKER_PROGRAM"] == "serve.py"


def test_a_repeated_call_changes_nothing(sagemaker: Any) -> None:
    first = handler(EVENT, None)
    before = sagemaker.describe_endpoint(EndpointName=ENDPOINT)["CreationTime"]
    assert handler(EVENT, None) == first
    assert sagemaker.describe_endpoint(EndpointName=ENDPOINT)["CreationTime"] == before


def test_a_later_deployment_updates_and_names_the_way_back(
    stubber: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KMS_KEY_ARN", "arn:aws:kms:us-east-1:123456789012:key/1")
    looks(stubber, described("InService", OTHER))
    for _ in range(2):  # whether it is one's own, and what it replaced
        made(stubber, OTHER, execution="ba9876543210", previous=f"{ENDPOINT}-c")
    vacant(stubber)
    stubber.add_response("create_model", {"ModelArn": "x" * 20})
    stubber.add_response(
        "create_endpoint_config",
        {"EndpointConfigArn": CONFIG_ARN},
        {
            "EndpointConfigName": NAME,
            "ProductionVariants": ANY,
            "KmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/1",
            "Tags": [
                {"Key": "sagemaker:project-name", "Value": "rl"},
                {"Key": "stage", "Value": "dev"},
                {"Key": "execution", "Value": "0123456789ab"},
                {"Key": PREVIOUS_TAG, "Value": OTHER},
            ],
        },
    )
    made(stubber, NAME, execution="0123456789ab")
    stubber.add_response("update_endpoint", {"EndpointArn": ENDPOINT_ARN}, CHANGE)
    assert handler(EVENT, None)["previous_config_name"] == OTHER


@pytest.mark.parametrize(
    "state",
    [
        described("Creating", NAME),
        described("InService", NAME),
        described("Updating", "old", PendingDeploymentSummary={"EndpointConfigName": NAME}),
    ],
)
def test_a_repeated_update_still_knows_the_way_back(
    stubber: Stubber, state: dict[str, Any]
) -> None:
    looks(stubber, state)
    made(stubber, NAME, execution="0123456789ab", previous="old")
    assert handler(EVENT, None) == {
        "endpoint_name": ENDPOINT,
        "config_name": NAME,
        "previous_config_name": "old",
    }


ALARMS = "rl-dev-endpoint-errors, rl-dev-endpoint-latency"
ROLE = "arn:aws:iam::123456789012:role/rl-dev-serving"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1"


def replacing(stubber: Stubber, **expected: dict[str, Any]) -> None:
    """Expect an update, with what the requests must hold; the stubber checks them in any case."""
    looks(stubber, described("InService", "old"))
    vacant(stubber)
    model = {"ModelName": NAME, "ExecutionRoleArn": ANY, "PrimaryContainer": ANY, "Tags": ANY}
    config = {"EndpointConfigName": NAME, "ProductionVariants": ANY, "Tags": ANY}
    stubber.add_response(
        "create_model", {"ModelArn": "x" * 20}, model | expected.get("create_model", {})
    )
    stubber.add_response(
        "create_endpoint_config",
        {"EndpointConfigArn": CONFIG_ARN},
        config | expected.get("create_endpoint_config", {}),
    )
    made(stubber, NAME, execution="0123456789ab")
    stubber.add_response(
        "update_endpoint",
        {"EndpointArn": ENDPOINT_ARN},
        CHANGE | expected.get("update_endpoint", {}),
    )


def setting(monkeypatch: pytest.MonkeyPatch, **variables: object) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))


def rollout(first: int | None, bake: int) -> dict[str, Any]:
    canary = {
        "Type": "CANARY",
        "WaitIntervalInSeconds": bake,
        "CanarySize": {"Type": "INSTANCE_COUNT", "Value": first},
    }
    at_once = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": canary if first else at_once,
            "TerminationWaitInSeconds": bake,
            "MaximumExecutionTimeoutInSeconds": 3600 + 2 * bake,
        },
        "AutoRollbackConfiguration": {
            "Alarms": [
                {"AlarmName": "rl-dev-endpoint-errors"},
                {"AlarmName": "rl-dev-endpoint-latency"},
            ]
        },
    }


@pytest.mark.parametrize(
    ("count", "percent", "first"),
    [(1, 50, None), (2, 10, 1), (2, 50, 1), (3, 50, 1), (10, 25, 2), (4, 0, None)],
)
def test_a_part_of_the_new_fleet_goes_first_and_alarms_take_it_back(
    stubber: Stubber,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    percent: int,
    first: int | None,
) -> None:
    setting(
        monkeypatch,
        ENDPOINT_INSTANCE_COUNT=count,
        CANARY_PERCENT=percent,
        BAKE_SECONDS=600,
        ROLLBACK_ALARMS=ALARMS,
    )
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": NAME,
        "InitialInstanceCount": count,
        "InstanceType": "ml.m5.large",
        "InitialVariantWeight": 1.0,
    }
    replacing(
        stubber,
        create_endpoint_config={"ProductionVariants": [variant]},
        update_endpoint={"DeploymentConfig": rollout(first, 600)},
    )
    handler(EVENT, None)


def test_without_alarms_nobody_waits_for_any(
    stubber: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting(monkeypatch, ENDPOINT_INSTANCE_COUNT=4, CANARY_PERCENT=50, BAKE_SECONDS=600)
    replacing(stubber)
    handler(EVENT, None)


def test_the_longest_wait_is_one_that_sagemaker_takes(
    stubber: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting(
        monkeypatch,
        ENDPOINT_INSTANCE_COUNT=2,
        CANARY_PERCENT=50,
        BAKE_SECONDS=3600,
        ROLLBACK_ALARMS=ALARMS,
    )
    replacing(stubber, update_endpoint={"DeploymentConfig": rollout(1, 3600)})
    handler(EVENT, None)


def test_a_serverless_endpoint_is_replaced_at_once_and_captures_nothing(
    stubber: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting(
        monkeypatch,
        ENDPOINT_SERVERLESS_MEMORY_MB=2048,
        ENDPOINT_SERVERLESS_CONCURRENCY=7,
        ENDPOINT_INSTANCE_COUNT=2,
        CANARY_PERCENT=50,
        BAKE_SECONDS=600,
        ROLLBACK_ALARMS=ALARMS,
        CAPTURE_PERCENT=10,
    )
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": NAME,
        "InitialVariantWeight": 1.0,
        "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 7},
    }
    replacing(stubber, create_endpoint_config={"ProductionVariants": [variant]})
    handler(EVENT, None)


def test_requests_are_captured_in_the_bucket_under_the_key(
    stubber: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting(monkeypatch, CAPTURE_PERCENT=10, KMS_KEY_ARN=KEY)
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 10,
        "DestinationS3Uri": f"s3://{VARIABLES['ARTIFACT_BUCKET']}/captured",
        "KmsKeyId": KEY,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
    }
    replacing(stubber, create_endpoint_config={"KmsKeyId": KEY, "DataCaptureConfig": capture})
    handler(EVENT, None)


def test_a_model_has_a_role_and_a_network_of_its_own(
    stubber: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting(
        monkeypatch,
        SERVING_ROLE_ARN=ROLE,
        SUBNET_IDS="subnet-1,subnet-2",
        SECURITY_GROUP_IDS="sg-1",
    )
    network = {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    replacing(stubber, create_model={"ExecutionRoleArn": ROLE, "VpcConfig": network})
    handler(EVENT, None)


def test_the_first_deployment_has_nothing_to_go_back_to(
    stubber: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting(monkeypatch, BAKE_SECONDS=600, ROLLBACK_ALARMS=ALARMS)
    missing(stubber)
    creations(stubber)
    stubber.add_response("create_endpoint", {"EndpointArn": ENDPOINT_ARN}, {**CHANGE, "Tags": ANY})
    assert handler(EVENT, None)["previous_config_name"] is None


@pytest.mark.parametrize("call", ["create_model", "create_endpoint_config"])
def test_other_refusals_are_told(stubber: Stubber, call: str) -> None:
    missing(stubber)
    vacant(stubber)
    if call == "create_endpoint_config":
        stubber.add_response("create_model", {"ModelArn": "x" * 20})
    stubber.add_client_error(call, "ValidationException", "1 validation error")
    with pytest.raises(ServiceRefused, match="1 validation error"):
        handler(EVENT, None)


def test_a_refused_description_is_told(stubber: Stubber) -> None:
    stubber.add_client_error("describe_endpoint", "AccessDeniedException", "not allowed")
    with pytest.raises(ServiceRefused, match="not allowed"):
        handler(EVENT, None)


@pytest.mark.parametrize("status", ["Failed", "UpdateRollbackFailed"])
def test_a_dead_endpoint_is_made_anew(stubber: Stubber, status: str) -> None:
    looks(stubber, described(status, "old"))
    stubber.add_response("delete_endpoint", {}, {"EndpointName": ENDPOINT})
    missing(stubber, times=1)
    creations(stubber)
    stubber.add_response("create_endpoint", {"EndpointArn": ENDPOINT_ARN}, {**CHANGE, "Tags": ANY})
    assert handler(EVENT, None)["previous_config_name"] is None


def test_a_dead_endpoint_takes_its_time_to_go(stubber: Stubber) -> None:
    looks(stubber, described("Failed", "old"))
    stubber.add_response("delete_endpoint", {}, {"EndpointName": ENDPOINT})
    stubber.add_response("describe_endpoint", described("Deleting", "old"))
    with pytest.raises(EndpointBusy, match=f"The endpoint {ENDPOINT} is Deleting"):
        handler(EVENT, None)


@pytest.mark.parametrize("status", ["Creating", "Updating", "RollingBack"])
def test_a_change_by_somebody_else_is_waited_for(stubber: Stubber, status: str) -> None:
    looks(stubber, described(status, "old"))
    with pytest.raises(EndpointBusy, match="another change is in progress"):
        handler(EVENT, None)


@pytest.mark.usefixtures("variables")
def test_a_request_must_be_whole() -> None:
    with pytest.raises(InvalidInput, match=r"model_s3_uri: must be the address of a model\.tar"):
        handler({**EVENT, "model_s3_uri": "s3://bucket/model.zip"}, None)
