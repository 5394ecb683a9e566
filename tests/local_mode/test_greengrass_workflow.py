"""The project's own component on the local device, with models of the bundle.

It is published by the workflow's handlers, deployed, asked over the IPC, given a bad version and
then a good one.
"""

import json
import os
import signal
import uuid
from pathlib import Path
from typing import Any

import pytest

from lambdas import edge_deploy, edge_follow, edge_publish
from lambdas.errors import ComponentNotReady
from lambdas.recipe import make_recipe
from local_mode.deployment import Deployment
from local_mode.greengrass.device import Device
from local_mode.local_aws import LocalAws
from local_mode.packing import zip_package
from tests.edge_src.support import bank_artifact, packed, state
from tests.local_mode.greengrass import GROUPS, deploy, publish_version, status
from tests.local_mode.support import BUCKET, wait_for

ROOT = Path(__file__).parents[2]


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
        publish_version(self._aws, recipe)
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
