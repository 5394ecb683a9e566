"""Endpoints of a trained model: the requests that make one, and its end."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from estimator.errors import EstimatorError, JobFailedError
from estimator.model_check import check_choice, check_request
from estimator.request import Request
from estimator.session import Session, asking
from estimator.settings import LOCAL
from estimator.toolkits import nearest

DEFAULT_PROGRAM = "serve.py"
VARIANT = "AllTraffic"
LOG_GROUP = "/aws/sagemaker/Endpoints"
_POLL_SECONDS, _LOCAL_POLL_SECONDS = 10.0, 0.2
_CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack")


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """What makes an endpoint.

    Attributes:
        name: Name of the endpoint and of its configuration.
        model_name: Name of the model.
        image_uri: Address of the image, whose `serve` runs the program.
        model_data: Address of the model.tar.gz.
        program: File at the root of the bundle that serves.
        source_s3_uri: Address of the bundle.
        instance_type: `local`: a process of this machine; None: serverless.
        variant: Further members of the production variant, in the request's form.
        network: The request's VpcConfig; empty for none.
        data_capture: The request's DataCaptureConfig; empty for none.
    """

    name: str
    model_name: str
    role: str
    image_uri: str
    model_data: str
    program: str
    source_s3_uri: str
    instance_type: str | None
    instance_count: int | None
    isolated: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    variant: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    data_capture: Mapping[str, Any] = field(default_factory=dict)
    kms_key: str | None = None
    tags: Sequence[Mapping[str, str]] = ()

    def model(self) -> Request:
        """Return the CreateModel request."""
        program = {
            "SAGEMAKER_PROGRAM": self.program,
            "SAGEMAKER_SUBMIT_DIRECTORY": self.source_s3_uri,
        }
        container: Request = {
            "Image": self.image_uri,
            "ModelDataUrl": self.model_data,
            "Environment": {**self.environment, **program},
        }
        if self.isolated:
            source = {
                "S3Uri": self.source_s3_uri,
                "S3DataType": "S3Object",
                "CompressionType": "Gzip",
            }
            container["AdditionalModelDataSources"] = [
                {"ChannelName": "code", "S3DataSource": source}
            ]
        request: Request = {
            "ModelName": self.model_name,
            "PrimaryContainer": container,
            "ExecutionRoleArn": self.role,
        }
        if self.network:
            request["VpcConfig"] = dict(self.network)
        return request | ({"EnableNetworkIsolation": True} if self.isolated else {}) | self._tags()

    def configuration(self) -> Request:
        """Return the CreateEndpointConfig request."""
        variant: Request = {
            "VariantName": VARIANT,
            "ModelName": self.model_name,
            **self.variant,
        }
        if "ServerlessConfig" not in variant:
            variant["InitialInstanceCount"] = self.instance_count
            variant["InitialVariantWeight"] = 1.0
            # No type of SageMaker's stands for this machine.
            if self.instance_type != LOCAL:
                variant["InstanceType"] = self.instance_type
        request: Request = {"EndpointConfigName": self.name, "ProductionVariants": [variant]}
        if self.data_capture:
            request["DataCaptureConfig"] = dict(self.data_capture)
        return request | ({"KmsKeyId": self.kms_key} if self.kms_key else {}) | self._tags()

    def endpoint(self) -> Request:
        """Return the CreateEndpoint request."""
        return {"EndpointName": self.name, "EndpointConfigName": self.name} | self._tags()

    def _tags(self) -> Request:
        return {"Tags": [dict(tag) for tag in self.tags]} if self.tags else {}

    def check(self) -> None:
        """Check what can be checked before anything is made.

        Raises:
            EstimatorError: If a request would be refused.
        """
        if "ServerlessConfig" not in self.variant:
            if not self.instance_type or not self.instance_count:
                raise EstimatorError(
                    "initial_instance_count and instance_type say what serves: give both, or "
                    "serverless_inference_config"
                )
            if self.instance_type != LOCAL:
                check_choice("ProductionVariantInstanceType", self.instance_type, "instance_type")
        check_request("CreateModel", self.model())
        check_request("CreateEndpointConfig", self.configuration())
        check_request("CreateEndpoint", self.endpoint())


_VARIANT_MEMBERS = {
    "serverless_inference_config": "ServerlessConfig",
    "volume_size": "VolumeSizeInGB",
    "model_data_download_timeout": "ModelDataDownloadTimeoutInSeconds",
    "container_startup_health_check_timeout": "ContainerStartupHealthCheckTimeoutInSeconds",
}


def variant_members(options: Mapping[str, Any]) -> tuple[Request, Request]:
    """Return what the SDK's further arguments of `deploy` add: to the variant, and as capture.

    The SDK's own objects are taken as well, which make their part of the request themselves.

    Raises:
        EstimatorError: If an argument is not known.
    """
    known = {*_VARIANT_MEMBERS, "data_capture_config"}
    members = {}
    for name, value in options.items():
        if name not in known:
            raise EstimatorError(f"deploy has no argument {name!r}{nearest(name, known)}")
        make = getattr(value, "_to_request_dict", None) or getattr(value, "to_request_dict", None)
        members[name] = make() if make else value
    capture = members.pop("data_capture_config", None) or {}
    return {_VARIANT_MEMBERS[name]: value for name, value in members.items() if value}, capture


def create_endpoint(session: Session, settings: EndpointSettings) -> None:
    """Make model, configuration and endpoint; what was made goes again if the rest cannot be.

    Raises:
        EstimatorError: If AWS refuses one of them.
    """
    client = session.sagemaker_client
    made: list[tuple[str, str]] = []
    try:
        with asking(f"endpoint {settings.name}"):
            client.create_model(**settings.model())
            made.append(("model", settings.model_name))
            client.create_endpoint_config(**settings.configuration())
            made.append(("endpoint_config", settings.name))
            client.create_endpoint(**settings.endpoint())
    except EstimatorError:
        for kind, name in reversed(made):
            _delete(session, kind, name)
        raise


def wait_for_endpoint(session: Session, name: str) -> None:
    """Wait until an endpoint answers.

    Raises:
        JobFailedError: If it never does; with its reason.
    """
    while True:
        with asking(f"endpoint {name}"):
            described = session.sagemaker_client.describe_endpoint(EndpointName=name)
        if described["EndpointStatus"] == "InService":
            return
        if described["EndpointStatus"] not in _CHANGING:
            reason = " ".join(described.get("FailureReason", "no reason given").split())
            raise JobFailedError(
                f"endpoint {name} is {described['EndpointStatus']}: {reason} (its lines: log group "
                f"{LOG_GROUP}/{name}; delete_endpoint() removes it)"
            )
        time.sleep(_LOCAL_POLL_SECONDS if session.is_near else _POLL_SECONDS)


def delete_endpoint(
    session: Session, name: str, *, configuration: bool = True, model: str | None = None
) -> None:
    """Delete an endpoint, and what it was made of.

    Raises:
        EstimatorError: If there is no such endpoint.
    """
    used = name
    with asking(f"endpoint {name}"):
        if configuration:
            described = session.sagemaker_client.describe_endpoint(EndpointName=name)
            # A failed endpoint may never have taken its configuration.
            used = described.get("EndpointConfigName", name)
        session.sagemaker_client.delete_endpoint(EndpointName=name)
    if configuration:
        _delete(session, "endpoint_config", used)
    if model:
        _delete(session, "model", model)


def _delete(session: Session, kind: str, name: str) -> None:
    member = {"model": "ModelName", "endpoint_config": "EndpointConfigName"}[kind]
    with asking(f"delete {kind} {name}"):
        getattr(session.sagemaker_client, f"delete_{kind}")(**{member: name})
