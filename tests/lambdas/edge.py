"""What the tests of the edge's steps share: what is published, by whom, and the steps as calls."""

import io
import json
import time
import zipfile
from typing import Any

from lambdas import edge_deploy, edge_follow, edge_publish
from lambdas.errors import ComponentNotReady
from local_mode.local_aws import LocalAws
from tests.lambdas.samples import artifact_files, make_artifact, manifest

BUCKET = "edge-artifacts"
ROOT = "arn:aws:greengrass:us-east-1:123456789012:components"
GROUPS = "arn:aws:iot:us-east-1:123456789012:thinggroup"
EXECUTION = "0123456789ab"
CONFIGURATION = {"Topics": {"telemetry": "dt/{component}/x"}, "limit": 0.5}


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
