"""Greengrass v2 on HTTP, and what devices need of AWS IoT: an emulator behind any AWS client.

Everything else of AWS IoT stays moto's.
"""

import re
from collections.abc import Mapping

from local_mode.aws.protocol import AwsError, Document, Response, json_response
from local_mode.aws.rest import Handler, RestRequest, RestService
from local_mode.aws.settings import Settings
from local_mode.aws.storage import Storage
from local_mode.greengrass.arns import parse_component
from local_mode.greengrass.components import ComponentVersions
from local_mode.greengrass.deployments import Deployments
from local_mode.greengrass.devices import CoreDevices
from local_mode.greengrass.things import Things

_JOB = re.compile(r"/jobs/([^/]+)")
_HEALTH = re.compile(r"/topics/\$aws/things/([^/]+)/greengrassv2/health/json")
_DEPLOYMENT = re.compile(r".+:deployments:(?P<id>[^:]+)")


class Greengrass:
    """The control plane of one local AWS.

    Args:
        settings: The local AWS, for its IoT registry.
        storage: The local S3, where artifacts are.
    """

    def __init__(self, settings: Settings, storage: Storage) -> None:
        self._settings = settings
        self._components = ComponentVersions(storage)
        self._services: Mapping[str, RestService] = {}

    def _make(self) -> Mapping[str, RestService]:
        # The first request makes it: a client of the registry costs a part of a second.
        things = Things(self._settings.client("iot"))
        self._deployments = Deployments(self._components, things)
        self._devices = CoreDevices(self._deployments, things)
        devices = self._devices
        for_devices: Mapping[str, Handler] = {
            "DescribeJobExecution": devices.describe_execution,
            "GetPendingJobExecutions": devices.pending,
            "StartNextPendingJobExecution": devices.start_next,
            "UpdateJobExecution": devices.update,
        }
        return {
            "greengrass": RestService("greengrassv2", self._control_plane()),
            "iot-jobs-data": RestService("iot-jobs-data", for_devices),
        }

    def _control_plane(self) -> Mapping[str, Handler]:
        components, deployments, devices = self._components, self._deployments, self._devices
        return {
            "CreateComponentVersion": components.create,
            "DescribeComponent": components.describe,
            "GetComponent": components.get,
            "ListComponentVersions": components.list_versions,
            "ListComponents": components.list_components,
            "DeleteComponent": components.delete,
            "ResolveComponentCandidates": self._resolve,
            "CreateDeployment": deployments.create,
            "GetDeployment": deployments.get,
            "ListDeployments": deployments.list_items,
            "CancelDeployment": deployments.cancel,
            "DeleteDeployment": deployments.delete,
            "GetCoreDevice": devices.get,
            "ListCoreDevices": devices.list_items,
            "ListInstalledComponents": devices.installed,
            "ListEffectiveDeployments": devices.effective,
            "DeleteCoreDevice": devices.delete,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    def answer(self, service: str, request: RestRequest) -> Response | None:
        """Answer a request that was signed for a service; None leaves it to moto.

        Raises:
            AwsError: As on AWS.
        """
        if service not in ("greengrass", "iot", "iot-jobs-data", "iotdata"):
            return None
        if not self._services:
            self._services = self._make()
        if service in self._services:
            found = self._services[service].answer(request)
            if found is None and service == "greengrass":
                why = f"{request.method} {request.path} is not available: nothing here does it."
                raise AwsError("ValidationException", why)
            return found
        return self._answer_iot(request)

    def _answer_iot(self, request: RestRequest) -> Response | None:
        job, health = _JOB.fullmatch(request.path), _HEALTH.fullmatch(request.path)
        if job and request.method == "GET":
            described = self._devices.describe_job(job[1])
            return None if described is None else json_response(described)
        if health and request.method == "POST":
            self._devices.report(health[1], request.body)
            return Response(200)
        return None

    def _resolve(self, request: Document) -> Document:
        """ResolveComponentCandidates, for versions that are named exactly."""
        found = []
        for candidate in request.get("componentCandidates", []):
            name, version = candidate.get("componentName"), candidate.get("componentVersion")
            if not name or not version:
                raise AwsError("ValidationException", "Each candidate needs a name and a version.")
            found.append(self._components.resolve(name, version))
        return {"resolvedComponentVersions": found}

    def _tags(self, arn: str) -> dict[str, str]:
        deployment = _DEPLOYMENT.fullmatch(arn)
        if deployment:
            return self._deployments.find(deployment["id"]).tags
        parse_component(arn)
        return self._components.get_by_arn(arn).tags

    def _tag(self, request: Document) -> Document:
        self._tags(request["resourceArn"]).update(request["tags"])
        return {}

    def _untag(self, request: Document) -> Document:
        tags = self._tags(request["resourceArn"])
        for key in request["tagKeys"]:
            tags.pop(key, None)
        return {}

    def _list_tags(self, request: Document) -> Document:
        return {"tags": dict(self._tags(request["resourceArn"]))}
