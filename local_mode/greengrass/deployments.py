"""Deployments of the emulated control plane: one for each target, rolled out as an AWS IoT job."""

import copy
import json
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local_mode.aws.protocol import AwsError, Document, now
from local_mode.aws.rest import rest_page
from local_mode.greengrass.arns import deployment_arn, job_arn, parse_target
from local_mode.greengrass.components import ComponentVersions
from local_mode.greengrass.jobs import FAILURES, Job
from local_mode.greengrass.things import Things
from local_mode.greengrass.tokens import Tokens

PUBLIC = "aws.greengrass."
"""How the names of AWS's own components begin; none of them is here to be looked at."""

_POLICIES = {
    "failureHandlingPolicy": "ROLLBACK",
    "componentUpdatePolicy": {"timeoutInSeconds": 60, "action": "NOTIFY_COMPONENTS"},
    "configurationValidationPolicy": {"timeoutInSeconds": 30},
}


@dataclass
class Deployment:
    """One deployment.

    Attributes:
        status: ACTIVE, COMPLETED, CANCELED, FAILED or INACTIVE (another one took its place).
        job: How far the devices are with it.
    """

    target: str
    components: Document
    policies: Document
    job: Job
    name: str = ""
    revision: int = 1
    tags: dict[str, str] = field(default_factory=dict)
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    job_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: datetime = field(default_factory=now)
    status: str = "ACTIVE"

    def document(self) -> dict[str, Any]:
        """Return what a device is told."""
        return {
            "deploymentId": self.identifier,
            "deploymentName": self.name,
            "configurationArn": f"{self.target}:{self.revision}",
            "creationTimestamp": int(self.created.timestamp() * 1000),
            "components": copy.deepcopy(self.components),
            **copy.deepcopy(self.policies),
        }


class Deployments:
    """The deployments of the account.

    Args:
        components: What can be deployed.
        things: What it can be deployed to.
    """

    def __init__(self, components: ComponentVersions, things: Things) -> None:
        self._components = components
        self._things = things
        self._deployments: list[Deployment] = []
        self._tokens = Tokens()
        self._lock = threading.RLock()

    def create(self, request: Document) -> Document:
        """CreateDeployment: takes the place of the target's former one, whatever that held.

        Raises:
            AwsError: ResourceNotFoundException for the target, ValidationException for components.
        """
        token = request.get("clientToken")
        with self._lock:
            answered = self._tokens.answer(token, request)
        if answered is not None:
            return answered
        target = request["targetArn"]
        if not self._things.exists(target):
            raise AwsError("ResourceNotFoundException", f"{target} does not exist.")
        components = request.get("components", {})
        for name, wanted in components.items():
            self._check(name, wanted)
        kind, _ = parse_target(target)
        configuration = request.get("iotJobConfiguration", {})
        made = Deployment(
            target=target,
            components=copy.deepcopy(components),
            policies={**_POLICIES, **request.get("deploymentPolicies", {})},
            job=Job(configuration, continuous=kind == "thinggroup"),
            name=request.get("deploymentName", ""),
            tags=dict(request.get("tags", {})),
        )
        answer = {
            "deploymentId": made.identifier,
            "iotJobId": made.job_id,
            "iotJobArn": job_arn(made.job_id),
        }
        with self._lock:
            before = self._of_target(target)
            made.revision = len(before) + 1
            for other in before:
                if other.status == "ACTIVE":
                    other.job.cancel()
                    other.status = "INACTIVE"
            self._deployments.append(made)
            self._tokens.keep(token, request, answer)
        self.look(made)
        return answer

    def _check(self, name: str, wanted: Document) -> None:
        version = wanted["componentVersion"]
        merge = wanted.get("configurationUpdate", {}).get("merge")
        try:
            json.loads(merge or "{}")
        except ValueError:
            raise AwsError("ValidationException", f"{name}: merge is not JSON.") from None
        if name.startswith(PUBLIC):
            return
        found = self._components.find(name, version)
        if found is None:
            raise AwsError("ResourceNotFoundException", f"{name} has no version {version}.")
        if found.state != "DEPLOYABLE":
            why = f"{name} {version} is {found.state} and cannot be deployed."
            raise AwsError("ValidationException", why)

    def get(self, request: Document) -> Document:
        """GetDeployment."""
        found = self.find(request["deploymentId"])
        self.look(found)
        return {
            **self._summary(found),
            "iotJobId": found.job_id,
            "iotJobArn": job_arn(found.job_id),
            "components": copy.deepcopy(found.components),
            "deploymentPolicies": copy.deepcopy(found.policies),
            "iotJobConfiguration": copy.deepcopy(found.job.configuration),
            "tags": dict(found.tags),
        }

    def list_items(self, request: Document) -> Document:
        """ListDeployments, newest first; the latest of each target unless all are asked for."""
        target = request.get("targetArn")
        with self._lock:
            found = [it for it in reversed(self._deployments) if target in (None, it.target)]
        for deployment in found:
            self.look(deployment)
        items = [self._summary(deployment) for deployment in found]
        if request.get("historyFilter", "LATEST_ONLY") == "LATEST_ONLY":
            items = [item for item in items if item["isLatestForTarget"]]
        return rest_page(items, request, member="deployments")

    def cancel(self, request: Document) -> Document:
        """CancelDeployment: devices that have it keep it, the others do not get it any more."""
        found = self.find(request["deploymentId"])
        self.look(found)
        if found.status != "ACTIVE":
            why = f"Deployment {found.identifier} is {found.status}."
            raise AwsError("ConflictException", why, details=_named(found))
        found.status = "CANCELED"
        found.job.cancel()
        return {"message": "SUCCESS"}

    def delete(self, request: Document) -> Document:
        """DeleteDeployment: one that is not active."""
        found = self.find(request["deploymentId"])
        if found.status == "ACTIVE":
            why = f"Deployment {found.identifier} is active: cancel it first."
            raise AwsError("ConflictException", why, details=_named(found))
        with self._lock:
            self._deployments.remove(found)
        return {}

    def find(self, identifier: str) -> Deployment:
        """Return a deployment.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        with self._lock:
            for deployment in self._deployments:
                if deployment.identifier == identifier:
                    return deployment
        raise AwsError("ResourceNotFoundException", f"Deployment {identifier} does not exist.")

    def by_job(self, job_id: str) -> Deployment | None:
        """Return the deployment of a job, None if the job is none of a deployment."""
        with self._lock:
            return next((it for it in self._deployments if it.job_id == job_id), None)

    def of_thing(self, thing: str) -> list[tuple[Deployment, str]]:
        """Return the deployments that a device has heard of, oldest first, each with its status."""
        with self._lock:
            found = list(self._deployments)
        for deployment in found:
            self.look(deployment)
        return [
            (deployment, deployment.job.executions[thing].status)
            for deployment in found
            if thing in deployment.job.executions
        ]

    def look(self, deployment: Deployment) -> None:
        """Bring an active deployment up to date: who has joined or failed, whether it ends."""
        if deployment.status != "ACTIVE":
            return
        members = self._things.members(deployment.target)
        with self._lock:
            job = deployment.job
            job.aim_at(members)
            job.check_times()
            if job.must_abort():
                deployment.status = "CANCELED"
                job.cancel()
            elif not job.continuous:
                statuses = {execution.status for execution in job.executions.values()}
                if statuses == {"SUCCEEDED"}:
                    deployment.status = "COMPLETED"
                elif statuses & set(FAILURES):
                    deployment.status = "FAILED"

    def _of_target(self, target: str) -> list[Deployment]:
        return [it for it in self._deployments if it.target == target]

    def _summary(self, deployment: Deployment) -> Document:
        with self._lock:
            latest = self._of_target(deployment.target)[-1]
        return {
            "targetArn": deployment.target,
            "revisionId": str(deployment.revision),
            "deploymentId": deployment.identifier,
            "deploymentName": deployment.name or None,
            "creationTimestamp": deployment.created,
            "deploymentStatus": deployment.status,
            "isLatestForTarget": deployment is latest,
        }


def _named(deployment: Deployment) -> Document:
    arn = deployment_arn(deployment.identifier)
    return {"resourceId": arn, "resourceType": "DEPLOYMENT"}
