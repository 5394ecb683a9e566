"""The steps of the edge against the emulated Greengrass: real handlers, boto3 over HTTP.

The emulator is this project's own; nothing here has spoken to AWS.
"""

import io
import json
import time
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdas import edge_deploy, edge_follow, edge_publish
from lambdas.errors import (
    ComponentFailed,
    ComponentNotReady,
    ConfigurationError,
    EdgeDeploymentFailed,
    InvalidInput,
    ServiceRefused,
    UnsafeArtifact,
)
from lambdas.settings import read_settings
from local_mode.local_aws import LocalAws
from tests.lambdas.samples import artifact_files, make_artifact, manifest

BUCKET = "edge-artifacts"
ROOT = "arn:aws:greengrass:us-east-1:123456789012:components"
GROUPS = "arn:aws:iot:us-east-1:123456789012:thinggroup"
EXECUTION = "0123456789ab"
EVERYTHING = {"accessControl": {"aws.greengrass.ipc.pubsub": {"x": {"operations": ["*"]}}}}
CONFIGURATION = {"Topics": {"telemetry": "dt/{component}/x"}, "limit": 0.5}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    folder = tmp_path_factory.mktemp("edge")
    with LocalAws(state_dir=folder / "state", cache_dir=folder / "cache") as started:
        started.client("s3").create_bucket(Bucket=BUCKET)
        yield started


@pytest.fixture
def component() -> str:
    return f"com.example.{uuid.uuid4().hex}.Policy"


@pytest.fixture
def group(aws: LocalAws) -> str:
    name = f"rl-dev-{uuid.uuid4().hex}"
    aws.client("iot").create_thing_group(thingGroupName=name)
    return name


@pytest.fixture(autouse=True)
def variables(
    aws: LocalAws, component: str, group: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Set the handlers' environment, and put bundle and model where it says."""
    found = {
        "PROJECT": "rl",
        "STAGE": "dev",
        "ARTIFACT_BUCKET": BUCKET,
        "EDGE_SOURCE_S3_URI": f"s3://{BUCKET}/{component}/bundle.zip",
        "COMPONENT_ARN": f"{ROOT}:{component}",
        "COMPONENT_VERSIONS": "1.0",
        "THING_GROUP_ARN": f"{GROUPS}/{group}",
    }
    for name, value in {**aws.environment(), **found}.items():
        monkeypatch.setenv(name, value)
    put(aws, found["EDGE_SOURCE_S3_URI"], bundle())
    put(aws, model_uri(component), model())
    return found


def bundle(configuration: object = CONFIGURATION, moment: int = 1980) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name, text in {
            "edge_src/configuration.json": json.dumps(configuration),
            "edge_src/main.py": "print('here')",
        }.items():
            archive.writestr(zipfile.ZipInfo(name, (moment, 1, 1, 0, 0, 0)), text)
    return raw.getvalue()


def model(seed: int = 1, **figures: object) -> bytes:
    files = {**artifact_files(), "policy.onnx": f"onnx {seed}".encode()}
    return make_artifact(files, {**manifest(), "figures": figures})


def model_uri(component: str) -> str:
    return f"s3://{BUCKET}/{component}/output/model.tar.gz"


def put(aws: LocalAws, uri: str, body: bytes) -> None:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=body)


def publish(component: str) -> dict[str, Any]:
    event = {"execution_id": EXECUTION, "model_s3_uri": model_uri(component)}
    return edge_publish.handler(event, None)


def deploy(version: str, group: str | None = None) -> dict[str, Any]:
    event = {"execution_id": EXECUTION, "component_version": version, "thing_group": group}
    for _ in range(100):
        try:
            return edge_deploy.handler(event, None)
        except ComponentNotReady:
            time.sleep(0.05)
    raise AssertionError("never ready")


def follow(deployed: dict[str, Any]) -> dict[str, Any]:
    return edge_follow.handler(deployed, None)


def join(aws: LocalAws, group: str, *letters: str) -> list[str]:
    iot, things = aws.client("iot"), [f"{group}-{letter}" for letter in letters]
    for thing in things:
        iot.create_thing(thingName=thing)
        iot.add_thing_to_thing_group(thingName=thing, thingGroupName=group)
    return things


def answer(aws: LocalAws, thing: str, status: str) -> None:
    jobs = aws.client("iot-jobs-data")
    job = jobs.start_next_pending_job_execution(thingName=thing)["execution"]["jobId"]
    jobs.update_job_execution(thingName=thing, jobId=job, status=status)


def living(aws: LocalAws, group: str) -> dict[str, Any]:
    client = aws.client("greengrassv2")
    [found] = client.list_deployments(targetArn=f"{GROUPS}/{group}")["deployments"]
    return client.get_deployment(deploymentId=found["deploymentId"])


def test_a_policy_becomes_a_version_with_its_artifacts(aws: LocalAws, component: str) -> None:
    content = model()
    put(aws, model_uri(component), content)
    assert publish(component) == {"component_version": "1.0.0", "published": True}
    client, arn = aws.client("greengrassv2"), f"{ROOT}:{component}:versions:1.0.0"
    deploy("1.0.0")
    found = client.describe_component(arn=arn)
    assert found["status"]["componentState"] == "DEPLOYABLE"
    assert (found["tags"]["stage"], found["tags"]["execution"]) == ("dev", EXECUTION)
    recipe = json.loads(client.get_component(arn=arn)["recipe"])
    uris = [it["Uri"] for it in recipe["Manifests"][0]["Artifacts"]]
    root = f"s3://{BUCKET}/greengrass/{component}/1.0.0"
    assert uris == [f"{root}/edge_src.zip", f"{root}/model.tar.gz"]
    key = f"greengrass/{component}/1.0.0/model.tar.gz"
    assert aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read() == content
    configuration = recipe["ComponentConfiguration"]["DefaultConfiguration"]
    assert configuration == {"Topics": {"telemetry": f"dt/{component}/x"}, "limit": 0.5}


def test_the_same_policy_publishes_nothing(
    aws: LocalAws, component: str, variables: dict[str, str]
) -> None:
    publish(component)
    assert publish(component) == {"component_version": "1.0.0", "published": False}
    # Judged again, and packed again: neither changes what a device would run.
    put(aws, model_uri(component), model(evaluation={"J": 1.5}))
    put(aws, variables["EDGE_SOURCE_S3_URI"], bundle(moment=1999))
    assert publish(component) == {"component_version": "1.0.0", "published": False}


def test_what_changes_makes_a_version_and_an_older_one_comes_back(
    aws: LocalAws, component: str, variables: dict[str, str]
) -> None:
    publish(component)
    put(aws, model_uri(component), model(seed=2))
    assert publish(component) == {"component_version": "1.0.1", "published": True}
    put(aws, variables["EDGE_SOURCE_S3_URI"], bundle({**CONFIGURATION, "limit": 0.6}))
    assert publish(component) == {"component_version": "1.0.2", "published": True}
    put(aws, variables["EDGE_SOURCE_S3_URI"], bundle())
    put(aws, model_uri(component), model())
    assert publish(component) == {"component_version": "1.0.0", "published": False}


def test_another_stage_counts_for_itself(component: str, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(component)
    monkeypatch.setenv("COMPONENT_VERSIONS", "1.1")
    assert publish(component) == {"component_version": "1.1.0", "published": True}


def test_a_version_that_somebody_else_took_is_counted_over(
    aws: LocalAws, component: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = edge_publish._versions
    stale: Iterator[list[str]] = iter([[]])  # the list as it was before the other execution
    publish(component)
    monkeypatch.setattr(edge_publish, "_versions", lambda *given: next(stale, seen(*given)))
    put(aws, model_uri(component), model(seed=6))
    assert publish(component)["component_version"] == "1.0.1"


def test_a_failed_version_is_not_taken_for_the_same(
    aws: LocalAws, component: str, variables: dict[str, str]
) -> None:
    settings = read_settings(edge_publish.Settings, variables)
    request = edge_publish.Request(execution_id=EXECUTION, model_s3_uri=model_uri(component))
    content = edge_publish._content(request, settings, aws.client("s3"))
    recipe = edge_publish._recipe(settings, "1.0.0", CONFIGURATION)  # whose artifacts are missing
    aws.client("greengrassv2").create_component_version(
        inlineRecipe=json.dumps(recipe), tags={edge_publish.CONTENT_TAG: content.digest}
    )
    with pytest.raises(ComponentFailed, match=r"1\.0\.0 is FAILED: s3://edge-artifacts/greengrass"):
        deploy("1.0.0")
    assert publish(component) == {"component_version": "1.0.1", "published": True}


@pytest.mark.parametrize(
    ("uri", "body", "error"),
    [
        ("model", b"no archive", UnsafeArtifact),
        ("model", None, UnsafeArtifact),
        ("bundle", b"no archive", ConfigurationError),
        ("bundle", bundle([]), ConfigurationError),
        (
            "bundle",
            bundle({"accessControl": {"s": {"x": {"operations": ["*"]}}}}),
            ConfigurationError,
        ),
    ],
)
def test_what_cannot_run_is_not_published(
    aws: LocalAws,
    component: str,
    variables: dict[str, str],
    uri: str,
    body: bytes | None,
    error: type[Exception],
) -> None:
    place = model_uri(component) if uri == "model" else variables["EDGE_SOURCE_S3_URI"]
    if body is None:
        aws.client("s3").delete_object(Bucket=BUCKET, Key=place.partition(f"{BUCKET}/")[2])
    else:
        put(aws, place, body)
    with pytest.raises(error):
        publish(component)
    versions = aws.client("greengrassv2").list_component_versions(arn=f"{ROOT}:{component}")
    assert versions["componentVersions"] == []


def test_a_rollout_keeps_what_else_the_devices_run(
    aws: LocalAws, component: str, group: str
) -> None:
    client = aws.client("greengrassv2")
    other = {"aws.greengrass.Cli": {"componentVersion": "2.9.0"}}
    own = {component: {"componentVersion": "1.0.0", "configurationUpdate": {"merge": '{"a": 1}'}}}
    version = publish(component)["component_version"]
    first = deploy(version)
    assert first["previous_deployment_id"] is None
    client.create_deployment(targetArn=f"{GROUPS}/{group}", components={**other, **own})
    put(aws, model_uri(component), model(seed=3))
    second = deploy(publish(component)["component_version"])
    found = living(aws, group)
    assert found["deploymentId"] == second["deployment_id"]
    assert found["components"] == {
        **other,
        component: {"componentVersion": "1.0.1", "configurationUpdate": {"merge": '{"a": 1}'}},
    }
    assert found["deploymentPolicies"]["failureHandlingPolicy"] == "ROLLBACK"
    configuration = found["iotJobConfiguration"]
    assert configuration["jobExecutionsRolloutConfig"] == {"maximumPerMinute": 50}
    assert configuration["abortConfig"]["criteriaList"][0]["thresholdPercentage"] == 20
    assert deploy("1.0.1") | {"began": 0} == second | {"began": 0}


def test_a_deployment_that_was_called_off_is_not_what_devices_run(
    aws: LocalAws, component: str, group: str
) -> None:
    client = aws.client("greengrassv2")
    wanted = {"aws.greengrass.Cli": {"componentVersion": "2.9.0"}}
    unwanted = {"aws.greengrass.Other": {"componentVersion": "1.0.0"}}
    client.create_deployment(targetArn=f"{GROUPS}/{group}", components=wanted)
    off = client.create_deployment(targetArn=f"{GROUPS}/{group}", components=unwanted)
    client.cancel_deployment(deploymentId=off["deploymentId"])
    deploy(publish(component)["component_version"])
    assert living(aws, group)["components"].keys() == {*wanted, component}


def test_a_group_without_devices_is_nothing_to_wait_for(component: str, group: str) -> None:
    found = follow(deploy(publish(component)["component_version"]))
    assert found == {
        "ended": True,
        "note": f"No device is in {group} yet; those that join get {component} 1.0.0.",
    }


def test_devices_are_waited_for(aws: LocalAws, component: str, group: str) -> None:
    first, second = join(aws, group, "a", "b")
    deployed = deploy(publish(component)["component_version"])
    assert follow(deployed)["ended"] is False
    answer(aws, first, "SUCCEEDED")
    assert follow(deployed)["ended"] is False
    answer(aws, second, "SUCCEEDED")
    note = f"2 of 2 devices in {group} run {component} 1.0.0."
    assert follow(deployed) == {"ended": True, "note": note}


def test_devices_that_are_away_are_not_waited_for_for_ever(
    aws: LocalAws, component: str, group: str
) -> None:
    first, _ = join(aws, group, "a", "b")
    deployed = deploy(publish(component)["component_version"])
    answer(aws, first, "SUCCEEDED")
    found = follow({**deployed, "began": int(time.time()) - 3600})
    assert found["ended"] is True
    assert "1 of 2 devices" in found["note"]
    assert "1 get it once they are connected" in found["note"]


def test_a_failure_that_is_rare_enough_is_told(
    aws: LocalAws, component: str, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_ABORT_PERCENT", "60")
    first, second = join(aws, group, "a", "b")
    deployed = deploy(publish(component)["component_version"])
    answer(aws, first, "SUCCEEDED")
    answer(aws, second, "FAILED")
    assert "1 failed and went back" in follow(deployed)["note"]


def test_a_failed_rollout_is_taken_back_once(aws: LocalAws, component: str, group: str) -> None:
    [thing] = join(aws, group, "a")
    first = deploy(publish(component)["component_version"])
    answer(aws, thing, "SUCCEEDED")
    put(aws, model_uri(component), model(seed=9))
    second = deploy(publish(component)["component_version"])
    assert second["previous_deployment_id"] == first["deployment_id"]
    answer(aws, thing, "FAILED")
    for _ in range(2):
        with pytest.raises(EdgeDeploymentFailed, match="1 of 1 devices that tried it failed"):
            follow(second)
    back = living(aws, group)
    assert back["components"] == {component: {"componentVersion": "1.0.0"}}
    assert back["revisionId"] == "3"
    answer(aws, thing, "SUCCEEDED")
    # The next execution goes on from what the devices run.
    put(aws, model_uri(component), model(seed=10))
    third = deploy(publish(component)["component_version"])
    assert third["previous_deployment_id"] == back["deploymentId"]


def test_the_first_rollout_that_fails_leaves_the_devices(
    aws: LocalAws, component: str, group: str
) -> None:
    [thing] = join(aws, group, "a")
    deployed = deploy(publish(component)["component_version"])
    answer(aws, thing, "REJECTED")
    with pytest.raises(EdgeDeploymentFailed, match="Nothing was deployed to the group before"):
        follow(deployed)


def test_another_deployment_ends_the_waiting(aws: LocalAws, component: str, group: str) -> None:
    join(aws, group, "a")
    deployed = deploy(publish(component)["component_version"])
    components = {"aws.greengrass.Cli": {"componentVersion": "2.9.0"}}
    aws.client("greengrassv2").create_deployment(
        targetArn=f"{GROUPS}/{group}", components=components
    )
    with pytest.raises(EdgeDeploymentFailed, match="replaced by another"):
        follow(deployed)


def test_another_group_of_the_stage_may_be_named(aws: LocalAws, component: str) -> None:
    name = f"rl-dev-{uuid.uuid4().hex}"
    aws.client("iot").create_thing_group(thingGroupName=name)
    version = publish(component)["component_version"]
    deploy(version, name)
    assert living(aws, name)["components"] == {component: {"componentVersion": version}}
    with pytest.raises(ServiceRefused, match="CreateDeployment"):
        deploy(version, f"{name}-other")


@pytest.mark.parametrize("module", [edge_publish, edge_deploy, edge_follow])
def test_a_wrong_request_is_refused(module: Any) -> None:
    with pytest.raises(InvalidInput):
        module.handler({"deployment_id": "?", "else": 1}, None)


def test_a_package_without_the_bundle_cannot_be_published(
    component: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGE_SOURCE_S3_URI")
    with pytest.raises(ConfigurationError, match="EDGE_SOURCE_S3_URI is not set"):
        publish(component)


def test_the_bundle_of_the_checkout_is_published(
    aws: LocalAws, component: str, variables: dict[str, str]
) -> None:
    source = Path(__file__).parents[2] / "edge_src"
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for path in sorted(source.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, f"edge_src/{path.relative_to(source)}")
    put(aws, variables["EDGE_SOURCE_S3_URI"], raw.getvalue())
    deploy(publish(component)["component_version"])
