"""The local device: it takes deployments and runs components as a nucleus was seen to.

The last tests run the project's own component on it, with models of the bundle: published by the
workflow's handlers, deployed, asked over the IPC, given a bad version and then a good one.
"""

import io
import json
import os
import signal
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdas import edge_deploy, edge_follow, edge_publish
from lambdas.errors import ComponentNotReady
from lambdas.recipe import make_recipe
from local_mode.deployment import Deployment
from local_mode.greengrass.device import Device, main, register
from local_mode.greengrass.installation import Installation, InstallationError, without
from local_mode.local_aws import LocalAws
from local_mode.packing import zip_package
from tests.edge_src.support import bank_artifact, packed, state
from tests.local_mode.support import BUCKET, wait_for

ROOT = Path(__file__).parents[2]
GROUPS = "arn:aws:iot:us-east-1:123456789012:thinggroup"
RUNS = "exec sleep 60"


@pytest.fixture
def group(aws: LocalAws) -> str:
    name = f"rl-dev-{uuid.uuid4().hex}"
    aws.client("iot").create_thing_group(thingGroupName=name)
    return name


@pytest.fixture
def component() -> str:
    return f"com.example.{uuid.uuid4().hex}"


@pytest.fixture(params=["lite"])
def device(
    aws: LocalAws, group: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Device]:
    thing = f"{group}-1"
    register(aws.client, thing, group)
    folder, profile = tmp_path / "device", request.param
    with Device(aws.client, thing, folder, profile=profile, settle_seconds=0.3) as device:
        yield device


@pytest.fixture
def publish(aws: LocalAws, component: str) -> Callable[..., None]:
    """Make a version with a script, and wait until it can be deployed."""

    def publish(version: str, script: str, **changes: Any) -> None:
        recipe = {
            "RecipeFormatVersion": "2020-01-25",
            "ComponentName": component,
            "ComponentVersion": version,
            "Manifests": [
                {
                    "Platform": {"os": "linux", "runtime": "*"},
                    "Lifecycle": {"run": {"Script": script}},
                    **changes.pop("manifest", {}),
                }
            ],
            **changes,
        }
        create(aws, recipe)

    return publish


def create(aws: LocalAws, recipe: dict[str, Any]) -> None:
    client = aws.client("greengrassv2")
    arn = client.create_component_version(inlineRecipe=json.dumps(recipe))["arn"]

    def deployable() -> bool:
        return client.describe_component(arn=arn)["status"]["componentState"] == "DEPLOYABLE"

    wait_for(deployable)


def deploy(aws: LocalAws, group: str, components: dict[str, Any]) -> str:
    wanted = {
        name: item if isinstance(item, dict) else {"componentVersion": item}
        for name, item in components.items()
    }
    return aws.client("greengrassv2").create_deployment(
        targetArn=f"{GROUPS}/{group}", components=wanted
    )["deploymentId"]


def outcome(aws: LocalAws, thing: str, deployment: str) -> dict[str, Any]:
    """Return how a device got on with a deployment, once it has ended."""

    def ended() -> dict[str, Any] | None:
        found = aws.client("greengrassv2").list_effective_deployments(coreDeviceThingName=thing)
        for item in found["effectiveDeployments"]:
            if item["deploymentId"] == deployment:
                done = item["coreDeviceExecutionStatus"] not in ("QUEUED", "IN_PROGRESS")
                return item if done else None
        return None

    wait_for(lambda: aws.client("greengrassv2").list_core_devices()["coreDevices"])
    return wait_for(ended, seconds=40)


def status(aws: LocalAws, device: Device, deployment: str) -> str:
    return outcome(aws, device.thing, deployment)["coreDeviceExecutionStatus"]


def test_a_component_is_installed_and_run(
    aws: LocalAws, device: Device, group: str, component: str, publish: Callable[..., None]
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
    installed = aws.client("greengrassv2").list_installed_components(
        coreDeviceThingName=device.thing
    )["installedComponents"]
    assert [item["lifecycleState"] for item in installed] == ["RUNNING"]


def test_an_update_replaces_the_version_and_keeps_work_and_configuration(
    aws: LocalAws, device: Device, group: str, component: str, publish: Callable[..., None]
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
    aws: LocalAws, device: Device, group: str, component: str, publish: Callable[..., None]
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
    aws: LocalAws, device: Device, group: str, component: str, publish: Callable[..., None]
) -> None:
    publish("1.0.0", RUNS)
    publish("1.0.1", "exit 3")
    assert status(aws, device, deploy(aws, group, {component: "1.0.0"})) == "SUCCEEDED"
    assert status(aws, device, deploy(aws, group, {component: "1.0.1"})) == "FAILED"
    assert device.versions() == {component: "1.0.0"}
    wait_for(lambda: device.state(component) == "RUNNING")


def test_what_cannot_be_fetched_leaves_the_running_version_alone(
    aws: LocalAws, device: Device, group: str, component: str, publish: Callable[..., None]
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


def installation(tmp_path: Path, script: str = "true", **manifest: Any) -> Installation:
    return Installation(
        tmp_path,
        {
            "ComponentName": "a",
            "ComponentVersion": "1.0.0",
            "Manifests": [{"Lifecycle": {"run": {"Script": script}}, **manifest}],
        },
    )


def test_a_script_gets_what_its_variables_stand_for(tmp_path: Path) -> None:
    found = installation(tmp_path, "x {kernel:rootPath} {configuration:/a/b~1c} ${HOME}")
    assert found.script({"a": {"b/c": 0.5}}, "thing") == f"x {tmp_path} 0.5 ${{HOME}}"
    for script in ("{configuration:/nothing}", "{artifacts:other}"):
        with pytest.raises(InstallationError):
            installation(tmp_path, script).script({}, "thing")
    with pytest.raises(InstallationError, match="linux"):
        installation(tmp_path, Platform={"os": "windows"}).script({}, "thing")
    with pytest.raises(InstallationError, match="neither"):
        installation(tmp_path, Lifecycle={"install": {"Script": "x"}}).script({}, "thing")


def test_values_are_taken_out_of_a_configuration() -> None:
    values = {"a": {"b": 1, "c": 2}, "d": 3}
    without(values, ["/a/b", "/nothing/here", "/d"])
    assert values == {"a": {"c": 2}}
    without(values, [""])
    assert values == {}


def test_a_device_speaks_to_the_local_aws_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://greengrass.us-east-1.amazonaws.com")
    assert main([]) == 2
    assert "is not the local AWS" in capsys.readouterr().err


class Workflow:
    """The edge's steps of the workflow, with the bundle of the checkout."""

    def __init__(self, aws: LocalAws, group: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._aws, self.group = aws, group
        self.names = Deployment(project=f"p{uuid.uuid4().hex[:8]}", stage="dev")
        self._put("edge_src.zip", zip_package(ROOT / "edge_src"))
        variables = {
            "PROJECT": "rl",
            "STAGE": "dev",
            "ARTIFACT_BUCKET": BUCKET,
            "EDGE_SOURCE_S3_URI": self._uri("edge_src.zip"),
            "COMPONENT_ARN": self.names.component_arn,
            "COMPONENT_VERSIONS": "1.0",
            "THING_GROUP_ARN": f"{GROUPS}/{group}",
        }
        for name, value in {**aws.environment(), **variables}.items():
            monkeypatch.setenv(name, value)

    def _uri(self, name: str) -> str:
        return f"s3://{BUCKET}/{self.names.project}/{name}"

    def _put(self, name: str, content: bytes) -> None:
        key = f"{self.names.project}/{name}"
        self._aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)

    def run(self, model: Path) -> tuple[str, str]:
        """Publish a model, deploy it, follow it to its end; return version and note."""
        self._put("model.tar.gz", model.read_bytes())
        event = {"execution_id": "0123456789ab", "model_s3_uri": self._uri("model.tar.gz")}
        version = str(edge_publish.handler(event, None)["component_version"])
        event = {"execution_id": "0123456789ab", "component_version": version}

        def begun() -> dict[str, Any] | None:
            try:
                return edge_deploy.handler(event, None)
            except ComponentNotReady:
                return None

        deployed = wait_for(begun)

        def ended() -> dict[str, Any] | None:
            found = edge_follow.handler(deployed, None)
            return found if found["ended"] else None

        return version, wait_for(ended, seconds=60)["note"]

    def deploy_unchecked(self, version: str, model: bytes) -> str:
        """Deploy a model past every check of the workflow; return the deployment."""
        for name, content in (
            ("edge_src.zip", zip_package(ROOT / "edge_src")),
            ("model.tar.gz", model),
        ):
            self._put(f"{version}/{name}", content)
        recipe = make_recipe(
            component=self.names.component,
            version=version,
            bundle=self._uri(f"{version}/edge_src.zip"),
            model=self._uri(f"{version}/model.tar.gz"),
            configuration=json.loads((ROOT / "edge_src/configuration.json").read_text()),
        )
        create(self._aws, recipe)
        return deploy(self._aws, self.group, {self.names.component: version})


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "first": packed(bank_artifact(folder / "first")),
        "second": packed(bank_artifact(folder / "second", seed=1, wish=0.5)),
    }


def test_a_device_decides_through_a_bad_version_and_takes_a_good_one(
    aws: LocalAws,
    device: Device,
    group: str,
    good: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workflow = Workflow(aws, group, monkeypatch)
    name = workflow.names.component
    version, note = workflow.run(good["first"])
    assert (version, note) == ("1.0.0", f"1 of 1 devices in {group} run {name} 1.0.0.")
    first = device.ask(name, state(300, 300))
    assert (first["source"], first["fallback"]) == ("model", False)
    for now in range(301, 340):  # a model that has decided for a while is kept as the last good
        assert device.ask(name, state(now))["source"] == "model"

    whole = good["second"].read_bytes()
    bad = workflow.deploy_unchecked("1.0.1", whole[: len(whole) // 2])
    assert status(aws, device, bad) == "SUCCEEDED"  # a bad model is no fault of the process
    answer = device.ask(name, state(340))
    assert answer["source"] == "last_good"
    assert answer["model_version"] == first["model_version"]
    topic = f"dt/{name}/{device.thing}/telemetry"
    wait_for(
        lambda: [
            it for it in device.ipc.iot_core_messages(topic) if it.document["type"] == "refused"
        ]
    )

    version, note = workflow.run(good["second"])
    assert version == "1.0.2"
    answer = device.ask(name, state(341))
    assert answer["source"] == "model"
    assert answer["model_version"] != first["model_version"]

    # Whatever ends the process, it comes back and decides.
    os.kill(device.pid(name), signal.SIGKILL)
    wait_for(lambda: device.state(name) == "ERRORED" or device.pid(name))
    assert device.ask(name, state(342))["model_version"] == answer["model_version"]
