"""Endpoints: a real `serve` process behind InvokeEndpoint, and what happens when it misbehaves."""

import contextlib
import json
import os
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.local_mode.support import (
    BUCKET,
    IMAGE,
    ROLE,
    SOURCE,
    archive,
    log_lines,
    wait_for,
)

ENVIRONMENT = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": SOURCE}


@pytest.fixture
def sagemaker(aws):
    return aws.client("sagemaker")


@pytest.fixture
def config(aws, sagemaker):
    """Create an endpoint configuration whose one model has the behaviour named."""

    def config(name: str, mode: str = "ok") -> str:
        behaviour = json.dumps({"mode": mode, "version": name})
        key = f"models/{name}/model.tar.gz"
        content = archive({"behaviour.json": behaviour})
        aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={
                "Image": IMAGE,
                "ModelDataUrl": f"s3://{BUCKET}/{key}",
                "Environment": ENVIRONMENT,
            },
        )
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": name,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.c7i.large",
        }
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        return name

    return config


@pytest.fixture
def endpoint(aws, sagemaker, config):
    """Create an endpoint in service; delete it at the end."""
    created = []

    def endpoint(name: str) -> str:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config(f"{name}-1"))
        created.append(name)
        assert settled(aws, name)["EndpointStatus"] == "InService"
        return name

    yield endpoint
    for name in created:
        delete(aws, name)


def settled(aws, name: str) -> dict:
    def changed() -> dict | None:
        found = aws.client("sagemaker").describe_endpoint(EndpointName=name)
        return None if found["EndpointStatus"] in ("Creating", "Updating") else found

    return wait_for(changed)


def delete(aws, name: str) -> None:
    client = aws.client("sagemaker")
    client.delete_endpoint(EndpointName=name)

    def gone() -> bool:
        try:
            client.describe_endpoint(EndpointName=name)
        except client.exceptions.ClientError as error:
            return "Could not find endpoint" in str(error)
        return False

    wait_for(gone)


def ask(aws, name: str, **question: object) -> dict:
    answer = aws.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, ContentType="application/json", Body=json.dumps(question)
    )
    return json.loads(answer["Body"].read()) | {"variant": answer["InvokedProductionVariant"]}


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


def test_a_bad_update_is_rolled_back(aws, sagemaker, endpoint, config):
    name = endpoint("stable")
    before = ask(aws, name)["pid"]
    for bad, mode in (("stable-dead", "die"), ("stable-sick", "sick")):
        config(bad, mode)
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=bad)
        # Meanwhile the old process answers, and no second change can begin.
        assert ask(aws, name)["pid"] == before
        if mode == "sick":
            with pytest.raises(sagemaker.exceptions.ClientError, match="update in-progress"):
                sagemaker.update_endpoint(EndpointName=name, EndpointConfigName="stable-1")
            with pytest.raises(sagemaker.exceptions.ClientError, match="update in-progress"):
                sagemaker.delete_endpoint(EndpointName=name)
        found = settled(aws, name)
        assert found["EndpointStatus"] == "InService"
        assert found["EndpointConfigName"] == "stable-1"
        assert "did not pass the ping health check" in found["FailureReason"]
        assert ask(aws, name)["pid"] == before


def test_an_endpoint_whose_process_dies_at_start_has_failed(aws, sagemaker, config):
    sagemaker.create_endpoint(EndpointName="dead", EndpointConfigName=config("dead-1", "die"))
    found = settled(aws, "dead")
    assert found["EndpointStatus"] == "Failed"
    assert "exit code 4" in found["FailureReason"]
    assert any("cannot load" in line for line in log_lines(aws, "/aws/sagemaker/Endpoints/dead"))
    with pytest.raises(sagemaker.exceptions.ClientError, match="Cannot update Failed endpoint"):
        sagemaker.update_endpoint(EndpointName="dead", EndpointConfigName="dead-1")
    delete(aws, "dead")


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


def test_a_restart_that_fails_fails_the_endpoint(aws, sagemaker, endpoint):
    name = endpoint("doomed")
    key = f"models/{name}-1/model.tar.gz"
    aws.client("s3").delete_object(Bucket=BUCKET, Key=key)
    kill(aws, name)
    found = wait_for(lambda: failed(sagemaker, name))
    assert "its restart failed: Failed to download model data" in found["FailureReason"]


def test_a_process_that_dies_is_restarted_once(aws, sagemaker, endpoint):
    name = endpoint("mortal")
    first = ask(aws, name)["pid"]
    # boto3 tries again by itself when the service is unavailable, and meets the new process.
    runtime = aws.client("sagemaker-runtime")
    kill(aws, name)
    second = wait_for(lambda: alive(aws, name))
    assert second != first
    kill(aws, name)
    found = wait_for(lambda: failed(sagemaker, name))
    assert "again after one restart" in found["FailureReason"]
    with pytest.raises(runtime.exceptions.ServiceUnavailable, match="is not answering"):
        ask(aws, name)


def test_a_restart_that_is_never_healthy_leaves_no_process(aws, sagemaker, endpoint):
    name = endpoint("sickly")
    behaviour = archive({"behaviour.json": json.dumps({"mode": "sick", "version": "sick"})})
    aws.client("s3").put_object(Bucket=BUCKET, Key=f"models/{name}-1/model.tar.gz", Body=behaviour)
    kill(aws, name)
    found = wait_for(lambda: failed(sagemaker, name))
    assert "its restart failed: The primary container" in found["FailureReason"]
    wait_for(lambda: not processes(name))


def test_a_second_death_during_an_update_is_told_at_its_end(aws, sagemaker, endpoint, config):
    """The endpoint neither serves without a process, nor can it be deleted under the update."""
    name = endpoint("twice")
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config("twice-sick", "sick"))
    kill(aws, name)
    wait_for(lambda: alive(aws, name))
    kill(aws, name)
    with pytest.raises(sagemaker.exceptions.ClientError, match="update in-progress"):
        sagemaker.delete_endpoint(EndpointName=name)
    found = settled(aws, name)
    assert found["EndpointStatus"] == "Failed"
    assert "again after one restart" in found["FailureReason"]
    wait_for(lambda: not processes(name))


def processes(name: str) -> list[str]:
    """Return the processes that serve for an endpoint."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"/endpoints/{name}-".encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


def kill(aws, name: str) -> None:
    os.kill(ask(aws, name)["pid"], 9)


def alive(aws, name: str) -> int | None:
    client = aws.client("sagemaker-runtime")
    try:
        return ask(aws, name)["pid"]
    except client.exceptions.ServiceUnavailable:
        return None


def failed(sagemaker, name: str) -> dict | None:
    found = sagemaker.describe_endpoint(EndpointName=name)
    return found if found["EndpointStatus"] == "Failed" else None


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
