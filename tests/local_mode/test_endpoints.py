"""Endpoints: a real `serve` process behind InvokeEndpoint, from its creation to its end."""

import json
import os
import threading
from collections import Counter

import pytest

from tests.local_mode.endpoints import ask, delete, settled
from tests.local_mode.support import BUCKET, IMAGE, ROLE, archive, log_lines, wait_for


def test_an_endpoint_lives_from_creation_to_deletion(aws, sagemaker, endpoint):
    name = endpoint("life")
    answer = ask(aws, name)
    assert (answer["version"], answer["kind"]) == ("life-1", "application/json")
    assert answer["variant"] == "AllTraffic"
    found = sagemaker.describe_endpoint(EndpointName=name)
    assert found["EndpointConfigName"] == "life-1"
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    listed = sagemaker.list_endpoints(NameContains="life")["Endpoints"]
    assert [one["EndpointStatus"] for one in listed] == ["InService"]
    wait_for(lambda: "serving life-1" in log_lines(aws, "/aws/sagemaker/Endpoints/life"))
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name)


def test_deletion_ends_the_process(aws, sagemaker, config):
    sagemaker.create_endpoint(EndpointName="short", EndpointConfigName=config("short-1"))
    assert settled(aws, "short")["EndpointStatus"] == "InService"
    pid = ask(aws, "short")["pid"]
    delete(aws, "short")
    assert not os.path.exists(f"/proc/{pid}")
    runtime = aws.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ClientError, match="not found") as caught:
        ask(aws, "short")
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_an_update_loses_no_request(aws, sagemaker, endpoint, config):
    name = endpoint("busy")
    config("busy-2")
    versions: Counter[str] = Counter()
    done = threading.Event()

    def keep_asking() -> None:
        while not done.is_set():
            versions[ask(aws, name, seconds=0.02)["version"]] += 1

    threads = [threading.Thread(target=keep_asking) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_for(lambda: versions["busy-1"] > 5)
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName="busy-2")
    pending = sagemaker.describe_endpoint(EndpointName=name)
    assert settled(aws, name)["EndpointConfigName"] == "busy-2"
    wait_for(lambda: versions["busy-2"] > 20)
    done.set()
    for thread in threads:
        thread.join()
    # A thread that met an error would have ended and warned, which pytest turns into a failure.
    assert set(versions) == {"busy-1", "busy-2"}
    if pending["EndpointStatus"] == "Updating":
        assert pending["PendingDeploymentSummary"]["EndpointConfigName"] == "busy-2"


def test_what_the_workflow_asks_for_on_aws_is_accepted(aws, sagemaker, endpoint, config):
    # One process serves, whatever the request says of fleets, capture and waiting.
    name = endpoint("guarded")
    config("guarded-model")
    kept = {
        "DataCaptureConfig": {
            "EnableCapture": True,
            "InitialSamplingPercentage": 10,
            "DestinationS3Uri": f"s3://{BUCKET}/captured",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        }
    }
    size = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    variant = {"VariantName": "AllTraffic", "ModelName": "guarded-model"}
    sagemaker.create_endpoint_config(
        EndpointConfigName="guarded-2",
        ProductionVariants=[{**variant, "ServerlessConfig": size}],
        **kept,
    )
    found = sagemaker.describe_endpoint_config(EndpointConfigName="guarded-2")
    assert found["DataCaptureConfig"] == kept["DataCaptureConfig"]
    sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName="guarded-2",
        DeploymentConfig={
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
                "TerminationWaitInSeconds": 600,
            },
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "guarded-errors"}]},
        },
    )
    found = settled(aws, name)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "guarded-2")
    [serving] = found["ProductionVariants"]
    assert serving["CurrentServerlessConfig"] == size
    assert "CurrentInstanceCount" not in serving
    assert ask(aws, name)["version"] == "guarded-model"


def test_a_wrong_answer_is_a_model_error(aws, endpoint):
    name = endpoint("picky")
    runtime = aws.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        ask(aws, name, do="bad")
    assert caught.value.response["OriginalStatusCode"] == 400
    message = json.loads(caught.value.response["OriginalMessage"])
    assert message == {"error": {"code": "bad", "message": "no", "field": "do"}}
    assert ask(aws, name)["version"] == "picky-1"


def test_attributes_travel_both_ways_and_variants_are_checked(aws, endpoint):
    name = endpoint("polite")
    runtime = aws.client("sagemaker-runtime")
    question = {"EndpointName": name, "ContentType": "application/json", "Body": b"{}"}
    answer = runtime.invoke_endpoint(
        **question, CustomAttributes="trace=1", TargetVariant="AllTraffic"
    )
    assert answer["CustomAttributes"] == "trace=1"
    with pytest.raises(runtime.exceptions.ClientError, match="Variant Other of polite not found"):
        runtime.invoke_endpoint(**question, TargetVariant="Other")


def test_variants_share_the_traffic_by_weight(aws, sagemaker, config):
    config("blue")
    config("green")
    variants = [
        {
            "VariantName": name,
            "ModelName": name,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.c7i.large",
            "InitialVariantWeight": 0.0,
        }
        for name in ("blue", "green")
    ]
    for name, weights in (("even", (0.0, 0.0)), ("uneven", (1.0, 0.0))):
        for variant, weight in zip(variants, weights, strict=True):
            variant["InitialVariantWeight"] = weight
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    sagemaker.create_endpoint(EndpointName="shared", EndpointConfigName="even")
    assert settled(aws, "shared")["EndpointStatus"] == "InService"
    assert {ask(aws, "shared")["variant"] for _ in range(30)} == {"blue", "green"}
    sagemaker.update_endpoint(EndpointName="shared", EndpointConfigName="uneven")
    settled(aws, "shared")
    assert {ask(aws, "shared")["variant"] for _ in range(30)} == {"blue"}
    delete(aws, "shared")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (archive({"../behaviour.json": "{}"}), "would leave the folder"),
        (b"no archive", "cannot be read"),
    ],
)
def test_an_unsafe_model_is_not_unpacked(aws, sagemaker, config, content, reason):
    name = f"unsafe-{len(content)}"
    config(name)
    key = f"models/{name}/model.tar.gz"
    aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    found = settled(aws, name)
    assert found["EndpointStatus"] == "Failed"
    assert reason in found["FailureReason"]
    delete(aws, name)


def test_wrong_requests_are_refused(sagemaker, config):
    config("taken")
    refused = sagemaker.exceptions.ClientError
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/models/nothing.tar.gz"}
    with pytest.raises(refused, match="Could not access model data"):
        sagemaker.create_model(ModelName="x", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    container["ModelDataUrl"] = f"s3://{BUCKET}/models/taken/model.tar.gz"
    with pytest.raises(refused, match="Cannot create already existing model"):
        sagemaker.create_model(ModelName="taken", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    with pytest.raises(refused, match="Could not find endpoint configuration"):
        sagemaker.create_endpoint(EndpointName="x", EndpointConfigName="no-such")
    variant = {"VariantName": "A", "ModelName": "no-such", "InstanceType": "ml.m5.large"}
    with pytest.raises(refused, match="Could not find model"):
        sagemaker.create_endpoint_config(EndpointConfigName="x", ProductionVariants=[variant])
    variant["ModelName"] = "taken"
    with pytest.raises(refused, match="must be unique"):
        sagemaker.create_endpoint_config(
            EndpointConfigName="x", ProductionVariants=[variant, variant]
        )
    with pytest.raises(refused, match="not available locally"):
        sagemaker.create_endpoint_config(
            EndpointConfigName="x",
            ProductionVariants=[variant],
            ShadowProductionVariants=[variant | {"VariantName": "B"}],
        )


def test_models_and_configurations_are_listed_and_deleted(sagemaker, config):
    config("listed")
    assert sagemaker.describe_model(ModelName="listed")["ExecutionRoleArn"] == ROLE
    assert sagemaker.list_models(NameContains="listed")["Models"][0]["ModelName"] == "listed"
    configs = sagemaker.list_endpoint_configs(NameContains="listed")["EndpointConfigs"]
    assert [one["EndpointConfigName"] for one in configs] == ["listed"]
    sagemaker.delete_endpoint_config(EndpointConfigName="listed")
    sagemaker.delete_model(ModelName="listed")
    with pytest.raises(sagemaker.exceptions.ClientError, match="Could not find model"):
        sagemaker.delete_model(ModelName="listed")
