"""The local device: it takes deployments and runs components as a nucleus was seen to."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from local_mode.greengrass.device import Device, main
from local_mode.local_aws import LocalAws
from tests.local_mode.greengrass import deploy, outcome, status
from tests.local_mode.support import BUCKET, wait_for

RUNS = "exec sleep 60"


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


def test_a_device_speaks_to_the_local_aws_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://greengrass.us-east-1.amazonaws.com")
    assert main([]) == 2
    assert "is not the local AWS" in capsys.readouterr().err
