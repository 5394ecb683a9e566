"""Core devices as the control plane sees them: what they report, and the jobs they ask for."""

import json
import threading
from dataclasses import dataclass, field
from datetime import datetime

from local_mode.aws.protocol import AwsError, Document, now
from local_mode.aws.rest import rest_page
from local_mode.greengrass.arns import job_arn, parse_target
from local_mode.greengrass.deployments import Deployment, Deployments
from local_mode.greengrass.jobs import WAITING, Execution
from local_mode.greengrass.things import Things


@dataclass
class CoreDevice:
    """What a device said last."""

    thing: str
    health: Document
    components: list[Document] = field(default_factory=list)
    updated: datetime = field(default_factory=now)

    def summary(self) -> Document:
        """Return the device as lists have it."""
        return {
            "coreDeviceThingName": self.thing,
            "status": self.health.get("overallDeviceStatus", "HEALTHY"),
            "lastStatusUpdateTimestamp": self.updated,
            "platform": self.health.get("platform"),
            "architecture": self.health.get("architecture"),
            "runtime": self.health.get("runtime"),
        }


class CoreDevices:
    """The account's core devices; one that has never reported does not exist, as on AWS."""

    def __init__(self, deployments: Deployments, things: Things) -> None:
        self._deployments = deployments
        self._things = things
        self._devices: dict[str, CoreDevice] = {}
        self._lock = threading.Lock()

    # What a device says and asks.

    def report(self, thing: str, payload: bytes) -> None:
        """Take a message of fleet status, `$aws/things/<thing>/greengrassv2/health/json`.

        Raises:
            AwsError: If it is no JSON object.
        """
        try:
            health = json.loads(payload)
            components = [dict(item) for item in health.get("components", [])]
        except (AttributeError, TypeError, ValueError):
            raise AwsError("InvalidRequestException", "The fleet status is not valid.") from None
        with self._lock:
            self._devices[thing] = CoreDevice(thing, health, components)

    def start_next(self, request: Document) -> Document:
        """StartNextPendingJobExecution: the oldest deployment that waits for this device."""
        thing = request["thingName"]
        for deployment, status in self._deployments.of_thing(thing):
            execution = deployment.job.executions[thing]
            if status == "QUEUED":
                execution.move("IN_PROGRESS", request.get("statusDetails"))
                return {"execution": _execution(thing, deployment, execution)}
            if status == "IN_PROGRESS":
                return {"execution": _execution(thing, deployment, execution)}
        return {}

    def pending(self, request: Document) -> Document:
        """GetPendingJobExecutions."""
        thing = request["thingName"]
        found = self._deployments.of_thing(thing)
        lists: Document = {"inProgressJobs": [], "queuedJobs": []}
        for deployment, status in found:
            if status in WAITING:
                execution = deployment.job.executions[thing]
                member = "queuedJobs" if status == "QUEUED" else "inProgressJobs"
                lists[member].append(
                    {
                        "jobId": deployment.job_id,
                        "queuedAt": int(execution.queued.timestamp()),
                        "lastUpdatedAt": int(execution.updated.timestamp()),
                        "versionNumber": execution.version,
                    }
                )
        return lists

    def update(self, request: Document) -> Document:
        """UpdateJobExecution: how the device got on.

        Raises:
            AwsError: If it has no such job, or had ended it already.
        """
        deployment, execution = self._find(request)
        if execution.status not in WAITING:
            why = f"The execution is {execution.status} already."
            raise AwsError("InvalidStateTransitionException", why)
        execution.move(request["status"], request.get("statusDetails"))
        self._deployments.look(deployment)
        return {"executionState": {"status": execution.status, "versionNumber": execution.version}}

    def describe_execution(self, request: Document) -> Document:
        """DescribeJobExecution."""
        deployment, execution = self._find(request)
        return {"execution": _execution(request["thingName"], deployment, execution)}

    def _find(self, request: Document) -> tuple[Deployment, Execution]:
        deployment = self._deployments.by_job(request["jobId"])
        execution = deployment and deployment.job.executions.get(request["thingName"])
        if deployment is None or not execution:
            why = f"{request['thingName']} has no job {request['jobId']}."
            raise AwsError("ResourceNotFoundException", why)
        return deployment, execution

    # What somebody asks about them.

    def describe_job(self, job_id: str) -> Document | None:
        """Return IoT's DescribeJob for the job of a deployment, None for any other job."""
        deployment = self._deployments.by_job(job_id)
        if deployment is None:
            return None
        self._deployments.look(deployment)
        ended = {"COMPLETED": "COMPLETED", "ACTIVE": "IN_PROGRESS", "FAILED": "COMPLETED"}
        job: Document = {
            "jobArn": job_arn(job_id),
            "jobId": job_id,
            "targetSelection": "CONTINUOUS" if deployment.job.continuous else "SNAPSHOT",
            "status": ended.get(deployment.status, "CANCELED"),
            "targets": [deployment.target],
            "createdAt": deployment.created,
            "jobProcessDetails": deployment.job.counts() | _rolled_out_to(deployment),
        }
        return {"job": job | deployment.job.configuration}

    def get(self, request: Document) -> Document:
        """GetCoreDevice."""
        found = self._device(request)
        return {**found.summary(), "coreVersion": found.health.get("ggcVersion"), "tags": {}}

    def list_items(self, request: Document) -> Document:
        """ListCoreDevices, of a group and of a status."""
        group, status = request.get("thingGroupArn"), request.get("status")
        runtime = request.get("runtime")
        if group:
            parse_target(group)
        members = set(self._things.members(group)) if group else None
        with self._lock:
            devices = sorted(self._devices.values(), key=lambda it: it.thing)
        items = [
            device.summary()
            for device in devices
            if (members is None or device.thing in members)
            and status in (None, device.summary()["status"])
            and runtime in (None, device.health.get("runtime"))
        ]
        return rest_page(items, request, member="coreDevices")

    def installed(self, request: Document) -> Document:
        """ListInstalledComponents: those that were deployed by name unless all are asked for."""
        found = self._device(request)
        everything = request.get("topologyFilter") == "ALL"
        items = [
            {
                "componentName": item.get("componentName"),
                "componentVersion": item.get("version"),
                "lifecycleState": item.get("status"),
                "lifecycleStateDetails": item.get("statusDetails"),
                "isRoot": item.get("isRoot", True),
                "lastReportedTimestamp": found.updated,
            }
            for item in found.components
            if everything or item.get("isRoot", True)
        ]
        return rest_page(items, request, member="installedComponents")

    def effective(self, request: Document) -> Document:
        """ListEffectiveDeployments."""
        thing = self._device(request).thing
        items = [
            {
                "deploymentId": deployment.identifier,
                "deploymentName": deployment.name,
                "iotJobId": deployment.job_id,
                "iotJobArn": job_arn(deployment.job_id),
                "targetArn": deployment.target,
                "coreDeviceExecutionStatus": status,
                "reason": deployment.job.executions[thing].details.get("reason"),
                "creationTimestamp": deployment.created,
                "modifiedTimestamp": deployment.job.executions[thing].updated,
            }
            for deployment, status in reversed(self._deployments.of_thing(thing))
            if status != "REMOVED"
        ]
        return rest_page(items, request, member="effectiveDeployments")

    def delete(self, request: Document) -> Document:
        """DeleteCoreDevice."""
        found = self._device(request)
        with self._lock:
            self._devices.pop(found.thing, None)
        return {}

    def _device(self, request: Document) -> CoreDevice:
        name = request["coreDeviceThingName"]
        with self._lock:
            found = self._devices.get(name)
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Core device {name} does not exist.")
        return found


def _rolled_out_to(deployment: Deployment) -> Document:
    """Return the target for as long as devices of it are to be queued, as `jobProcessDetails`."""
    going_on = deployment.status == "ACTIVE" and deployment.job.rolling_out
    return {"processingTargets": [deployment.target]} if going_on else {}


def _execution(thing: str, deployment: Deployment, execution: Execution) -> Document:
    return {
        "jobId": deployment.job_id,
        "thingName": thing,
        "status": execution.status,
        "statusDetails": dict(execution.details),
        "queuedAt": int(execution.queued.timestamp()),
        "lastUpdatedAt": int(execution.updated.timestamp()),
        "versionNumber": execution.version,
        "jobDocument": json.dumps(deployment.document()),
    }
