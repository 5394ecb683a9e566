"""Puts an artifact behind the endpoint: a new one, or a blue/green update of the one there is."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import ClientError

from lambdas.aws import Client, already_there, client, missing, service_errors, unavailable
from lambdas.endpoint import DEAD, MOVING, EndpointState, find_endpoint
from lambdas.errors import EndpointBusy
from lambdas.hosting import Hosting
from lambdas.names import EXECUTION_ID, tags
from lambdas.s3 import archive_address, object_address
from lambdas.serving import container
from lambdas.settings import read_settings
from lambdas.slots import PREVIOUS_TAG, Made, await_made, empty, find_made, free_slot, slots
from lambdas.turns import Turn
from lambdas.validation import checked, require


@dataclass(frozen=True, kw_only=True)
class Settings(Hosting):
    """The handler's environment variables; without a role of its own a model takes the jobs'."""

    project: str
    stage: str
    artifact_bucket: str
    image_uri: str
    training_role_arn: str
    serving_role_arn: str = ""
    endpoint_name: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the state machine passes on."""

    execution_id: str = checked(EXECUTION_ID)
    source_s3_uri: str = checked(object_address)
    model_s3_uri: str = checked(archive_address)


def handler(event: Mapping[str, object], context: object) -> dict[str, object]:
    """Run as a Lambda function; see `deploy`."""
    settings = read_settings(Settings, os.environ)
    request = require(Request, event)
    turn = Turn(
        s3=client("s3"),
        bucket=settings.artifact_bucket,
        endpoint=settings.endpoint_name,
        execution=request.execution_id,
    )
    with service_errors():
        return deploy(request, settings=settings, sagemaker=client("sagemaker"), turn=turn)


def deploy(
    request: Request, *, settings: Settings, sagemaker: Client, turn: Turn
) -> dict[str, object]:
    """Begin a deployment; of the same call again, too, one comes.

    The turn is taken, and ended if SageMaker refuses the deployment; else the smoke test ends it.

    Returns:
        `endpoint_name`, `config_name`, and `previous_config_name`, what to roll back to (None
        where there was no endpoint).

    Raises:
        EndpointBusy: Another execution's deployment has not been judged yet, or somebody else
            changes the endpoint.
    """
    endpoint = settings.endpoint_name
    found = find_endpoint(sagemaker, endpoint)
    turn.take(settled=found.settled if found else None)
    with _ended_by_refusal(turn):
        found = _living_endpoint(sagemaker, endpoint)
        if begun := _begun(request, found, endpoint, sagemaker):
            return begun
        if found is not None and found.status in MOVING:
            raise EndpointBusy(
                f"The endpoint {endpoint} is {found.status}: another change is in progress; "
                "start again when it is InService"
            )
        return _serve(request, found, settings, sagemaker)


def _serve(
    request: Request, found: EndpointState | None, settings: Settings, sagemaker: Client
) -> dict[str, object]:
    """Fill a free place, unless an earlier try has, and have the endpoint serve it."""
    endpoint, previous = settings.endpoint_name, found.config if found else None
    name = free_slot(sagemaker, endpoint, previous)
    change = {"EndpointName": endpoint, "EndpointConfigName": name}
    with _in_a_moment(endpoint):
        made = find_made(sagemaker, name)
        if made != Made(execution=request.execution_id, previous=previous):
            empty(sagemaker, name)
            _create_model(request, settings, sagemaker, name)
            _create_config(request, settings, sagemaker, name, previous)
            await_made(sagemaker, name, request.execution_id)
        if found is None:
            sagemaker.create_endpoint(**change, Tags=_tags(request, settings))
        else:
            sagemaker.update_endpoint(**change, **settings.rollout())
    return _result(endpoint, name, previous)


@contextmanager
def _ended_by_refusal(turn: Turn) -> Iterator[None]:
    """End the turn of a deployment that does not begin and will not by itself."""
    try:
        yield
    except ClientError as error:
        if not unavailable(error):
            turn.leave()
        raise


@contextmanager
def _in_a_moment(endpoint: str) -> Iterator[None]:
    """Have a call tried again that SageMaker may take in a moment.

    So it is with one that was repeated because its answer was lost, and where SageMaker does not
    find yet what was just made.
    """
    try:
        yield
    except ClientError as error:
        # A model's data may be missing for good.
        behind = missing(error) and error.operation_name != "CreateModel"
        if behind or already_there(error) or "in-progress" in str(error):
            line = " ".join(str(error).split())
            raise EndpointBusy(f"{endpoint} was changed meanwhile: {line}") from error
        raise


def _result(endpoint: str, config: str, previous: str | None) -> dict[str, object]:
    return {
        "endpoint_name": endpoint,
        "config_name": config,
        "previous_config_name": previous,
    }


def _begun(
    request: Request, found: EndpointState | None, endpoint: str, sagemaker: Client
) -> dict[str, object] | None:
    """Return the result again if the endpoint already has, or moves to, what this call made."""
    if found is None:
        return None
    for config in (it for it in slots(endpoint) if it in (found.config, found.pending)):
        made = find_made(sagemaker, config)
        if made is not None and made.execution == request.execution_id:
            return _result(endpoint, config, made.previous)
    return None


def _living_endpoint(sagemaker: Client, name: str) -> EndpointState | None:
    found = find_endpoint(sagemaker, name)
    if found is not None and found.status in DEAD:
        sagemaker.delete_endpoint(EndpointName=name)
        return find_endpoint(sagemaker, name)
    return found


def _create_model(request: Request, settings: Settings, sagemaker: Client, name: str) -> None:
    serving = container(
        image=settings.image_uri,
        source=request.source_s3_uri,
        model=request.model_s3_uri,
        variables=settings.environment(),
    )
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=settings.serving_role_arn or settings.training_role_arn,
        PrimaryContainer=serving,
        Tags=_tags(request, settings),
        **settings.network(),
    )


def _create_config(
    request: Request, settings: Settings, sagemaker: Client, name: str, previous: str | None
) -> None:
    record = [{"Key": PREVIOUS_TAG, "Value": previous}] if previous else []
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[settings.variant(name)],
        Tags=_tags(request, settings) + record,
        **settings.storage(),
    )


def _tags(request: Request, settings: Settings) -> list[dict[str, str]]:
    return tags(project=settings.project, stage=settings.stage, identity=request.execution_id)
