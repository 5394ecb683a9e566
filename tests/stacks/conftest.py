"""The definition in moto, with jobs that succeed and an endpoint; the templates, made once."""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws

from tests.lambdas.samples import (
    BUCKET,
    CREDENTIALS,
    KEEP_SESSION,
    VARIABLES,
    artifact_files,
    golden_actions,
    make_artifact,
    manifest,
    pack,
    put_bundle,
    scorecard,
)
from tests.stacks.delivery import CONFIGURED, Resources, resources_of, synthesise_delivery
from tests.stacks.interpreter import Cloud, Machine, connect
from tests.stacks.intrinsics import Deployed
from tests.stacks.naive import naive
from tests.stacks.recorder import LOAD, Recorder
from tests.stacks.recorder import machine as machine_of
from tests.stacks.synthesis import (
    CHECKED,
    DEV,
    PACKS,
    WORKFLOWS_OWN,
    Synthesis,
    synthesise,
    synthesise_stage,
)


def outputs(request: Mapping[str, Any]) -> dict[str, bytes]:
    """Leave what the program of a job leaves."""
    model = make_artifact(artifact_files(), manifest())
    if request["HyperParameters"]["sagemaker_program"] == "train.py":
        return {"model.tar.gz": model}
    card = json.dumps(scorecard()).encode()
    output = pack({"scorecard.json": card, "report.html": b"<html>", "trajectories.csv": b""})
    return {"model.tar.gz": model, "output.tar.gz": output}


def answer(body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer observations as the artifact does."""
    observations = np.array(body["observations"], np.float32)
    return {"actions": golden_actions(observations).tolist(), "model_version": "1"}


@pytest.fixture
def cloud() -> Cloud:
    """Return jobs that succeed with a policy that passes, and an endpoint that answers right."""
    return Cloud(outputs=outputs, answer=answer)


@pytest.fixture
def machine(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Create the state machine in an account with the bucket and the bundle."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (VARIABLES | CREDENTIALS | {"POLL_SECONDS": "0"}).items():
        monkeypatch.setenv(name, value)
    config = {"core": KEEP_SESSION, "stepfunctions": {"execute_state_machine": True}}
    with mock_aws(config=config):
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        put_bundle(s3)
        boto3.client("sagemaker").create_model_package_group(
            ModelPackageGroupName=VARIABLES["MODEL_PACKAGE_GROUP"],
            ModelPackageGroupDescription="Policies",
        )
        connect(cloud, monkeypatch)
        yield Machine(cloud)


@pytest.fixture(scope="session")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """Synthesise the checked stage once, under all packs of cdk-nag: the first time takes long."""
    return synthesise_stage(CHECKED, tmp_path_factory.mktemp("checked"), packs=PACKS)


@pytest.fixture(scope="session")
def workflows_own(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """Synthesise the stage whose endpoint the workflow deploys."""
    return synthesise_stage(WORKFLOWS_OWN, tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """Synthesise the stage that people try things in."""
    return synthesise_stage(DEV, tmp_path_factory.mktemp("dev"))


@pytest.fixture(scope="session")
def deployed(checked: Synthesis) -> Deployed:
    """Return the checked stage as if it stood in an account."""
    return Deployed(checked.templates)


@pytest.fixture(scope="session")
def naive_stack(checked: Synthesis, tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """Synthesise what must be found fault with; after the checked stage, when it is quick."""
    return synthesise(naive, tmp_path_factory.mktemp("naive"), packs=PACKS)


@pytest.fixture(scope="session")
def recorded(workflows_own: Synthesis, tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    """Execute the synthesised definition: endpoints new, old and failing; devices, twice."""
    recorder = Recorder(outputs=outputs, answer=answer)
    folder = tmp_path_factory.mktemp("executions")
    with machine_of(Deployed(workflows_own.templates), recorder, folder) as synthesised:
        load = {"s3_uri": f"s3://{os.environ['ARTIFACT_BUCKET']}/{LOAD}"}
        devices = {"load": load, "edge": {"run": True}}
        for name, document in (("new", {}), ("old", devices), ("again", {"edge": {"run": True}})):
            ended = synthesised.run(document, name)
            assert ended.status == "SUCCEEDED", (ended.error, ended.cause)
        recorder.answer = lambda body: {"actions": [7] * 64}
        assert synthesised.run({}, "failing").error == "SmokeTestFailed"
    return recorder


@pytest.fixture(scope="session")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """Synthesise what delivers the stages, under all packs of cdk-nag."""
    return synthesise_delivery(CONFIGURED, tmp_path_factory.mktemp("delivery"), packs=PACKS)


@pytest.fixture(scope="session")
def pipeline(delivery: Synthesis) -> Resources:
    """Return the resources of the pipeline's own stack."""
    return resources_of(delivery, "pipeline")


@pytest.fixture(scope="session")
def github(delivery: Synthesis) -> Resources:
    """Return the resources of the stack for GitHub's workflows."""
    return resources_of(delivery, "github")
