"""What the tests of Greengrass have in common: requests as a user and a device send them."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_mode.greengrass.device import Device
from local_mode.local_aws import LocalAws
from tests.local_mode.support import BUCKET, wait_for

ACCOUNT = "arn:aws:greengrass:us-east-1:123456789012"
GROUPS = "arn:aws:iot:us-east-1:123456789012:thinggroup"
CONTENT = b"the model"
MODEL = {"Artifacts": [{"Uri": f"s3://{BUCKET}/model", "Unarchive": "NONE"}]}
"""A manifest's members; the tests put CONTENT there."""
OPTIONAL = {
    "ComponentType": "aws.greengrass.generic",
    "ComponentDescription": "A test",
    "ComponentPublisher": "Tests",
    "ComponentConfiguration": {"DefaultConfiguration": {"limit": 0.75}},
}


def recipe(
    name: str,
    version: str = "1.0.0",
    script: str = "cat {artifacts:path}/model",
    *,
    manifest: dict[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A recipe with what it must have, and the members of its manifest and its own as given."""
    first = {
        "Platform": {"os": "linux", "runtime": "*"},
        "Lifecycle": {"run": {"Script": script}},
        **(manifest or {}),
    }
    return {
        "RecipeFormatVersion": "2020-01-25",
        "ComponentName": name,
        "ComponentVersion": version,
        "Manifests": [first],
        **changes,
    }


def create(aws: LocalAws, document: object, **members: Any) -> dict[str, Any]:
    return aws.client("greengrassv2").create_component_version(
        inlineRecipe=json.dumps(document), **members
    )


def described(aws: LocalAws, arn: str) -> dict[str, Any]:
    return aws.client("greengrassv2").describe_component(arn=arn)


def publish_version(aws: LocalAws, document: object, state: str = "DEPLOYABLE") -> str:
    """Create a version and wait until it is in a state; return its ARN."""
    arn = create(aws, document)["arn"]
    wait_for(lambda: described(aws, arn)["status"]["componentState"] == state)
    return arn


def deploy(aws: LocalAws, group: str, components: dict[str, Any], **members: Any) -> str:
    """Deploy components, each given by its version or as the request has it; return the id."""
    wanted = {
        name: item if isinstance(item, dict) else {"componentVersion": item}
        for name, item in components.items()
    }
    return aws.client("greengrassv2").create_deployment(
        targetArn=f"{GROUPS}/{group}", components=wanted, **members
    )["deploymentId"]


def deployment(aws: LocalAws, identifier: str) -> dict[str, Any]:
    return aws.client("greengrassv2").get_deployment(deploymentId=identifier)


def next_job(aws: LocalAws, thing: str) -> dict[str, Any]:
    answer = aws.client("iot-jobs-data").start_next_pending_job_execution(thingName=thing)
    return answer.get("execution", {})


def finish(aws: LocalAws, thing: str, status: str) -> str:
    """End a device's next job; return the job's id."""
    job = next_job(aws, thing)["jobId"]
    aws.client("iot-jobs-data").update_job_execution(thingName=thing, jobId=job, status=status)
    return job


def refused(code: str) -> Any:
    return pytest.raises(ClientError, match=rf"\({code}\)")


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
