"""The local device: it takes deployments and runs components as a nucleus was seen to."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from local_mode.greengrass.device import Device, main, register
from local_mode.local_aws import LocalAws
from tests.local_mode.greengrass import deploy, outcome, status
from tests.local_mode.support import BUCKET, wait_for

RUNS = "exec sleep 60"


def has_reported(aws: LocalAws, thing: str) -> bool:
    found = aws.client("greengrassv2").list_core_devices()["coreDevices"]
    return thing in [it["coreDeviceThingName"] for it in found]


def test_a_component_is_installed_and_run(
    aws: LocalAws, device: Device, group: str, component: str, publish: Callable[..., str]
) -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("folder/hello.txt", "hello")
    key = f"{component}/bundle.zip"
    aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=raw.getvalue())
    script = (
        "cat {artifacts:decompressedPath}/bundle/folder/hello.txt > {work:path}/seen"
        " && echo {iot:thingName} $AWS_IOT_THING_NAME >> {work:path}/seen && exec sleep 60"
    )
    artifacts = [{"Uri": f"s3://{BUCKET}/{key}", "Unarchive": "ZIP"}]
    publish("1.0.0", script, manifest={"Artifacts": artifacts})
    identifier = deploy(aws, group, {component: "1.0.0"})
    assert status(aws, device, identifier) == "SUCCEEDED"
    seen = (device.folder / "work" / component / "seen").read_text()
    assert seen == f"hello{device.thing} {device.thing}\n"
    assert device.versions() == {component: "1.0.0"}
    client = aws.client("greengrassv2")

    def states() -> list[str]:
        found = client.list_installed_components(coreDeviceThingName=device.thing)
        return [item["lifecycleState"] for item in found["installedComponents"]]

    # The device reports after it has said how the deployment ended, as a nucleus does.
    wait_for(lambda: states() == ["RUNNING"])


def test_an_update_replaces_the_version_and_keeps_work_and_configuration(
    aws: LocalAws, device: Device, group: str, component: str, publish: Callable[..., str]
) -> None:
    def defaults(**values: Any) -> dict[str, Any]:
        return {"ComponentConfiguration": {"DefaultConfiguration": values}}

    publish("1.0.0", "echo 1 >> {work:path}/log; exec sleep 60", **defaults(old=1, limit=0.5))
    publish("1.0.1", "echo 2 >> {work:path}/log; exec sleep 60", **defaults(limit=0.75))
    assert status(aws, device, deploy(aws, group, {component: "1.0.0"})) == "SUCCEEDED"
    first = device.pid(component)
    update = {"componentVersion": "1.0.1", "configurationUpdate": {"merge": '{"own": true}'}}
    assert status(aws, device, deploy(aws, group, {component: update})) == "SUCCEEDED"
    assert device.pid(component) != first
    assert (device.folder / "work" / component / "log").read_text() == "1\n2\n"
    found = device.ipc.nucleus.components[component].configuration.read()
    assert found == {"old": 1, "limit": 0.75, "own": True}
    # What was not named any more is gone.
    assert status(aws, device, deploy(aws, group, {})) == "SUCCEEDED"
    assert device.versions() == {}
    assert device.pid(component) is None


def test_on_lite_a_failed_update_leaves_the_component_failed(
    aws: LocalAws, device: Device, group: str, component: str, publish: Callable[..., str]
) -> None:
    publish("1.0.0", RUNS)
    publish("1.0.1", "echo trying; exit 3")
    assert status(aws, device, deploy(aws, group, {component: "1.0.0"})) == "SUCCEEDED"
    found = outcome(aws, device.thing, deploy(aws, group, {component: "1.0.1"}))
    assert found["coreDeviceExecutionStatus"] == "FAILED"
    assert "exit codes 3, 3, 3" in found["reason"]
    assert device.log(component).read_text().count("trying") == 3
    assert device.state(component) == "BROKEN"
    client = aws.client("greengrassv2")

    def health() -> str:
        return client.get_core_device(coreDeviceThingName=device.thing)["status"]

    wait_for(lambda: health() == "UNHEALTHY")
    # The version before heals it.
    assert status(aws, device, deploy(aws, group, {component: "1.0.0"})) == "SUCCEEDED"
    wait_for(lambda: health() == "HEALTHY")


@pytest.mark.parametrize("device", ["full"], indirect=True)
def test_the_full_nucleus_takes_a_failed_update_back(
    aws: LocalAws, device: Device, group: str, component: str, publish: Callable[..., str]
) -> None:
    publish("1.0.0", RUNS)
    publish("1.0.1", "exit 3")
    assert status(aws, device, deploy(aws, group, {component: "1.0.0"})) == "SUCCEEDED"
    assert status(aws, device, deploy(aws, group, {component: "1.0.1"})) == "FAILED"
    assert device.versions() == {component: "1.0.0"}
    wait_for(lambda: device.state(component) == "RUNNING")


def test_what_cannot_be_fetched_leaves_the_running_version_alone(
    aws: LocalAws, device: Device, group: str, component: str, publish: Callable[..., str]
) -> None:
    key = f"{component}/model"
    aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"model")
    manifest = {"Artifacts": [{"Uri": f"s3://{BUCKET}/{key}"}]}
    publish("1.0.0", RUNS)
    publish("1.0.1", RUNS, manifest=manifest)
    assert status(aws, device, deploy(aws, group, {component: "1.0.0"})) == "SUCCEEDED"
    process = device.pid(component)
    aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"somebody else's")
    found = outcome(aws, device.thing, deploy(aws, group, {component: "1.0.1"}))
    assert found["coreDeviceExecutionStatus"] == "FAILED"
    assert "not what was published" in found["reason"]
    assert device.pid(component) == process


def test_a_deployment_that_is_called_off_is_not_the_last(
    aws: LocalAws, device: Device, group: str, component: str, publish: Callable[..., str]
) -> None:
    publish("1.0.0", "exit 3")
    publish("1.0.1", RUNS)
    identifier = deploy(aws, group, {component: "1.0.0"})
    wait_for(lambda: device.log(component).exists())  # it is trying
    aws.client("greengrassv2").cancel_deployment(deploymentId=identifier)
    assert status(aws, device, deploy(aws, group, {component: "1.0.1"})) == "SUCCEEDED"


@pytest.mark.parametrize("merge", ["[]", "5", '"x"', "[1, 2]"])
def test_a_configuration_that_is_none_leaves_the_component_running(
    aws: LocalAws,
    device: Device,
    group: str,
    component: str,
    publish: Callable[..., str],
    merge: str,
) -> None:
    publish("1.0.0", RUNS)
    assert status(aws, device, deploy(aws, group, {component: "1.0.0"})) == "SUCCEEDED"
    process = device.pid(component)
    update = {"componentVersion": "1.0.0", "configurationUpdate": {"merge": merge}}
    found = outcome(aws, device.thing, deploy(aws, group, {component: update}))
    assert found["coreDeviceExecutionStatus"] == "FAILED"
    assert found["reason"] == f"{component}: configurationUpdate.merge is no JSON object"
    assert device.pid(component) == process
    update = {"componentVersion": "1.0.0", "configurationUpdate": {"merge": '{"limit": 5}'}}
    assert status(aws, device, deploy(aws, group, {component: update})) == "SUCCEEDED"


def test_a_cloud_that_is_away_for_a_while_ends_no_device(
    aws: LocalAws,
    device: Device,
    group: str,
    component: str,
    publish: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("local_mode.greengrass.device._AWAY_SECONDS", 0.1)
    asked: list[str] = []

    def away(service: str) -> Any:
        asked.append(service)
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    with monkeypatch.context() as patched:
        patched.setattr(device, "_client", away)
        wait_for(lambda: len(asked) > 2)
    wait_for(lambda: has_reported(aws, device.thing))
    publish("1.0.0", RUNS)
    assert status(aws, device, deploy(aws, group, {component: "1.0.0"})) == "SUCCEEDED"


@pytest.mark.parametrize("name", ["device", "a device; touch 'x'"])
def test_a_device_that_was_switched_off_runs_what_it_ran(
    aws: LocalAws,
    group: str,
    component: str,
    publish: Callable[..., str],
    tmp_path: Path,
    name: str,
) -> None:
    defaults = {"ComponentConfiguration": {"DefaultConfiguration": {"limit": 0.5}}}
    publish("1.0.0", "echo run >> {work:path}/log; exec sleep 60", **defaults)
    thing, folder = f"{group}-again", tmp_path / name
    register(aws.client, thing, group)
    with Device(aws.client, thing, folder, settle_seconds=0.3) as device:
        wait_for(lambda: has_reported(aws, thing))
        update = {"componentVersion": "1.0.0", "configurationUpdate": {"merge": '{"own": 1}'}}
        assert status(aws, device, deploy(aws, group, {component: update})) == "SUCCEEDED"
    with Device(aws.client, thing, folder, settle_seconds=0.3) as device:
        wait_for(lambda: device.state(component) == "RUNNING")
        assert device.versions() == {component: "1.0.0"}
        found = device.ipc.nucleus.components[component].configuration.read()
        assert found == {"limit": 0.5, "own": 1}
        wait_for(lambda: (folder / "work" / component / "log").read_text() == "run\nrun\n")
        # It also knows which group gave it what.
        assert status(aws, device, deploy(aws, group, {})) == "SUCCEEDED"
        assert device.versions() == {}
    with Device(aws.client, thing, folder) as device:
        assert device.versions() == {}


def test_a_device_whose_notes_are_damaged_begins_anew(
    aws: LocalAws, group: str, tmp_path: Path
) -> None:
    for content in ("", "[]", "{}", '{"components": [{"recipe": {}}], "targets": {}}', "{"):
        (tmp_path / "device.json").write_text(content)
        with Device(aws.client, f"{group}-new", tmp_path) as device:
            assert device.versions() == {}


def test_a_group_that_is_not_there_is_named(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    assert main(["--group", "nobodys"]) == 2
    assert "there is no thing group nobodys" in capsys.readouterr().err


def test_a_device_speaks_to_the_local_aws_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://greengrass.us-east-1.amazonaws.com")
    assert main([]) == 2
    assert "is not the local AWS" in capsys.readouterr().err
