"""Puts an artifact behind the endpoint: a new one, or a blue/green update of the one there is."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.exceptions import ClientError

from lambdas.aws import Client, already_there, client, service_errors
from lambdas.endpoint import DEAD, MOVING, EndpointState, find_endpoint
from lambdas.errors import EndpointBusy
from lambdas.hosting import Hosting
from lambdas.names import EXECUTION_ID, resource_name, tags
from lambdas.s3 import archive_address, object_address
from lambdas.serving import container
from lambdas.settings import read_settings
from lambdas.validation import checked, require, text

PREVIOUS_TAG = "previous-endpoint-config"
"""Tag of a configuration that names the one it replaced, for a deployment that is repeated."""


@dataclass(frozen=True, kw_only=True)
class Settings(Hosting):
    """The handler's environment variables; without a role of its own a model takes the jobs'."""

    project: str
    stage: str
    image_uri: str
    training_role_arn: str
    serving_role_arn: str = ""
    endpoint_name: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the state machine passes on."""

    execution_id: str = checked(EXECUTION_ID)
    preset: str = checked(text(".{1,256}", "a preset's name"))
    source_s3_uri: str = checked(object_address)
    model_s3_uri: str = checked(archive_address)


def handler(event: Mapping[str, object], context: object) -> dict[str, object]:
    """Run as a Lambda function; see `deploy`."""
    settings = read_settings(Settings, os.environ)
    request = require(Request, event)
    with service_errors():
        return deploy(request, settings=settings, sagemaker=client("sagemaker"))


def deploy(request: Request, *, settings: Settings, sagemaker: Client) -> dict[str, object]:
    """Begin a deployment; the same call again finds what it made and goes on from there.

    Returns:
        `endpoint_name`, `config_name`, and `previous_config_name`, what to roll back to (None
        where there was no endpoint).

    Raises:
        EndpointBusy: Another change of the endpoint is in progress.
    """
    name = resource_name("serving", request.preset, request.execution_id)
    result: dict[str, object] = {"endpoint_name": settings.endpoint_name, "config_name": name}
    found = _living_endpoint(sagemaker, settings.endpoint_name)
    if found is not None and name in (found.config, found.pending):
        return result | {"previous_config_name": _recorded_previous(sagemaker, name)}
    if found is not None and found.status in MOVING:
        raise EndpointBusy(
            f"The endpoint {settings.endpoint_name} is {found.status}: another deployment is in "
            "progress; start again when it is InService"
        )
    previous = found.config if found else None
    _create_model(request, settings, sagemaker, name)
    _create_config(request, settings, sagemaker, name, previous)
    change = {"EndpointName": settings.endpoint_name, "EndpointConfigName": name}
    if found is None:
        sagemaker.create_endpoint(**change, Tags=_tags(request, settings))
    else:
        sagemaker.update_endpoint(**change, **settings.rollout())
    return result | {"previous_config_name": previous}


def _living_endpoint(sagemaker: Client, name: str) -> EndpointState | None:
    found = find_endpoint(sagemaker, name)
    if found is not None and found.status in DEAD:
        sagemaker.delete_endpoint(EndpointName=name)
        return find_endpoint(sagemaker, name)
    return found


def _recorded_previous(sagemaker: Client, config: str) -> str | None:
    arn = sagemaker.describe_endpoint_config(EndpointConfigName=config)["EndpointConfigArn"]
    pairs = sagemaker.list_tags(ResourceArn=arn)["Tags"]
    return next((pair["Value"] for pair in pairs if pair["Key"] == PREVIOUS_TAG), None)


def _create_model(request: Request, settings: Settings, sagemaker: Client, name: str) -> None:
    serving = container(
        image=settings.image_uri,
        source=request.source_s3_uri,
        model=request.model_s3_uri,
        variables=settings.environment(),
    )
    try:
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=settings.serving_role_arn or settings.training_role_arn,
            PrimaryContainer=serving,
            Tags=_tags(request, settings),
            **settings.network(),
        )
    except ClientError as error:
        if not already_there(error):
            raise


def _create_config(
    request: Request, settings: Settings, sagemaker: Client, name: str, previous: str | None
) -> None:
    record = [{"Key": PREVIOUS_TAG, "Value": previous}] if previous else []
    try:
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[settings.variant(name)],
            Tags=_tags(request, settings) + record,
            **settings.storage(),
        )
    except ClientError as error:
        if not already_there(error):
            raise


def _tags(request: Request, settings: Settings) -> list[dict[str, str]]:
    return tags(project=settings.project, stage=settings.stage, identity=request.execution_id)
