"""The two places that deployments take in turn, each a model and a configuration of one name.

While the endpoint serves one of them, the next deployment fills the other: there is always a way
back, nothing piles up, and a role names what it may make and delete, without a wildcard.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from lambdas.aws import Client, missing
from lambdas.endpoint import EndpointState
from lambdas.errors import EndpointBusy
from lambdas.names import EXECUTION_TAG

PREVIOUS_TAG = "previous-endpoint-config"
"""Tag of a configuration that names the one it replaced, for a deployment that is repeated."""

LONGEST_DEPLOY = timedelta(minutes=15)
"""The time limit of the function: what was begun before that is not being made any more."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What is known of a configuration: when it was made, by which execution, in whose place."""

    created: datetime
    execution: str | None
    previous: str | None


def slots(endpoint: str) -> tuple[str, str]:
    """Name the two places of an endpoint; model and configuration share the name."""
    return f"{endpoint}-a", f"{endpoint}-b"


def find_made(sagemaker: Client, config: str) -> Made | None:
    """Describe a configuration.

    Returns:
        None when there is none of the name.
    """
    try:
        found = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    except ClientError as error:
        if missing(error):
            return None
        raise
    pairs = sagemaker.list_tags(ResourceArn=found["EndpointConfigArn"])["Tags"]
    tags = {pair["Key"]: pair["Value"] for pair in pairs}
    return Made(
        created=found["CreationTime"],
        execution=tags.get(EXECUTION_TAG),
        previous=tags.get(PREVIOUS_TAG),
    )


def vacate(sagemaker: Client, slot: str, *, execution: str, endpoint: EndpointState | None) -> None:
    """Delete what an earlier deployment left in a place that the endpoint does not serve.

    Args:
        sagemaker: The client.
        slot: The place.
        execution: Whose deployment is to take it.
        endpoint: The endpoint, if there is one.

    Raises:
        EndpointBusy: Another execution filled the place after the endpoint was last changed: it
            is about to change it.
    """
    made = find_made(sagemaker, slot)
    if (
        made is not None
        and endpoint is not None
        and made.execution != execution
        and made.created > endpoint.modified
        and made.created > datetime.now(UTC) - LONGEST_DEPLOY
    ):
        raise EndpointBusy(
            f"{slot} was made by execution {made.execution} and is not served yet: another "
            "deployment is in progress; start again when it has ended"
        )
    empty(sagemaker, slot)


def empty(sagemaker: Client, slot: str) -> None:
    """Delete configuration and model of a place; what is gone already is no fault."""
    with _gone():
        sagemaker.delete_endpoint_config(EndpointConfigName=slot)
    with _gone():
        sagemaker.delete_model(ModelName=slot)


@contextmanager
def _gone() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if not missing(error):
            raise
