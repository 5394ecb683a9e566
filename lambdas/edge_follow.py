"""Looks how far the devices are with a deployment, and takes it back when it has failed."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.exceptions import ClientError

from lambdas.aws import Client, client, service_errors
from lambdas.edge import Document, EdgeSettings, get_deployment, not_found
from lambdas.errors import EdgeDeploymentFailed
from lambdas.settings import read_settings
from lambdas.validation import checked, integer, require, text

_NEVER = ("ResourceNotFoundException", "ValidationException")
"""A version of what ran before is gone, or the group is: trying again does not help."""

_IDENTIFIER = text(r"[A-Za-z0-9-]{1,64}", "the identifier of a deployment")


@dataclass(frozen=True, kw_only=True)
class Settings(EdgeSettings):
    """The handler's environment variables."""

    edge_follow_seconds: int = 3600


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the state machine passes on."""

    deployment_id: str = checked(_IDENTIFIER)
    previous_deployment_id: str | None = checked(_IDENTIFIER, None)
    began: int = checked(integer(0, 1 << 40))


@dataclass(frozen=True)
class Progress:
    """How many devices have it, have failed with it, and wait for it.

    `rolling_out`: IoT makes the job for one device after the other, and has not for all of them.
    """

    done: int
    failed: int
    waiting: int
    rolling_out: bool

    @classmethod
    def of(cls, details: Document) -> "Progress":
        """Read the details of an IoT job."""

        def count(*names: str) -> int:
            return sum(details.get(f"numberOf{name}Things", 0) for name in names)

        return cls(
            done=count("Succeeded"),
            failed=count("Failed", "Rejected", "TimedOut"),
            waiting=count("Queued", "InProgress"),
            rolling_out=bool(details.get("processingTargets")),
        )


def handler(event: Mapping[str, object], context: object) -> dict[str, object]:
    """Run as a Lambda function; see `follow`."""
    settings = read_settings(Settings, os.environ)
    request = require(Request, event)
    with service_errors():
        return follow(
            request, settings=settings, greengrassv2=client("greengrassv2"), iot=client("iot")
        )


def follow(
    request: Request, *, settings: Settings, greengrassv2: Client, iot: Client
) -> dict[str, object]:
    """Look at a deployment once.

    Returns:
        `ended`: whether there is nothing more to wait for; `note`: a sentence on the devices.

    Raises:
        EdgeDeploymentFailed: Too many devices failed, or somebody called it off; what they ran
            before has been deployed to them again, unless the group has got something else since.
    """
    deployment, progress = _look(request.deployment_id, greengrassv2, iot)
    status = deployment["deploymentStatus"]
    if status == "INACTIVE":
        raise EdgeDeploymentFailed(
            f"Deployment {request.deployment_id} was replaced by another one to "
            f"{deployment['targetArn']}: nobody waits for it any more"
        )
    if status in ("CANCELED", "FAILED"):
        back = _take_back(request, deployment, greengrassv2)
        raise EdgeDeploymentFailed(
            f"Deployment {request.deployment_id} is {status}: {progress.failed} of "
            f"{progress.failed + progress.done} devices that tried it failed. {back}"
        )
    late = time.time() - request.began >= settings.edge_follow_seconds
    left = progress.waiting or progress.rolling_out
    ended = late or status == "COMPLETED" or not left
    return {"ended": ended, "note": _note(progress, settings.component, deployment)}


def _look(deployment_id: str, greengrassv2: Client, iot: Client) -> tuple[Document, Progress]:
    """Read a deployment and its job as they were at one time.

    The last device may fail, and the deployment with it, while the two are read: the job is read
    again for as long as the deployment has become something else meanwhile.
    """
    deployment = get_deployment(greengrassv2, deployment_id)
    while True:
        job = iot.describe_job(jobId=deployment["iotJobId"])["job"]
        before, deployment = deployment, get_deployment(greengrassv2, deployment_id)
        if deployment["deploymentStatus"] == before["deploymentStatus"]:
            return deployment, Progress.of(job.get("jobProcessDetails", {}))


def _take_back(request: Request, deployment: Document, greengrassv2: Client) -> str:
    """Deploy again what the devices ran before; the same call again makes no second deployment."""
    if request.previous_deployment_id is None:
        return "Nothing was deployed to the group before: the devices are left as they are."
    if not deployment["isLatestForTarget"]:
        return "The group has got another deployment since then: that one stays."
    try:
        previous = get_deployment(greengrassv2, request.previous_deployment_id)
    except ClientError as error:
        if not not_found(error):
            raise
        return (
            f"Deployment {request.previous_deployment_id}, which they ran before, was deleted: "
            "the devices are left as they are."
        )
    repeated = {
        name: previous[name]
        for name in ("components", "deploymentName", "deploymentPolicies", "iotJobConfiguration")
        if previous.get(name)
    }
    try:
        made = greengrassv2.create_deployment(
            targetArn=deployment["targetArn"],
            clientToken=f"back-{request.deployment_id}",
            **repeated,
        )
    except ClientError as error:
        if error.response["Error"].get("Code") not in _NEVER:
            raise
        return f"What they ran before cannot be deployed again: {error}"
    return f"What they ran before is deployed again: {made['deploymentId']}."


def _note(progress: Progress, component: str, deployment: Document) -> str:
    version = deployment["components"][component]["componentVersion"]
    group = deployment["targetArn"].rpartition("/")[2]
    everybody = progress.done + progress.failed + progress.waiting
    if not everybody and not progress.rolling_out:
        return f"No device is in {group} yet; those that join get {component} {version}."
    text = f"{progress.done} of {everybody} devices in {group} run {component} {version}"
    if progress.failed:
        text += f", {progress.failed} failed and went back"
    if progress.waiting:
        text += f", {progress.waiting} get it once they are connected"
    if progress.rolling_out:
        text += ", the rollout to others goes on"
    return f"{text}."
