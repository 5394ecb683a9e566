"""The places that deployments take in turn, each a model and a configuration of one name.

One is served, one is what it replaced, the next deployment fills another: there is a way back,
nothing piles up, and a role names what it may make and delete, without a wildcard.
"""

import time
from dataclasses import dataclass

from lambdas.aws import Client, missing_is_no_fault
from lambdas.errors import EndpointBusy
from lambdas.names import EXECUTION_TAG

PREVIOUS_TAG = "previous-endpoint-config"
"""Tag of a configuration that names the one it replaced."""

_SEEN_TRIES, _SEEN_SECONDS = 10, 1.0


@dataclass(frozen=True, kw_only=True)
class Made:
    """What is known of a configuration: by which execution it was made, and in whose place."""

    execution: str | None
    previous: str | None


def slots(endpoint: str) -> tuple[str, ...]:
    """Name the places of an endpoint; model and configuration share the name."""
    return tuple(f"{endpoint}-{letter}" for letter in "abc")


def find_made(sagemaker: Client, config: str) -> Made | None:
    """Describe a configuration.

    Returns:
        None when there is none of the name.
    """
    with missing_is_no_fault():
        found = sagemaker.describe_endpoint_config(EndpointConfigName=config)
        pairs = sagemaker.list_tags(ResourceArn=found["EndpointConfigArn"])["Tags"]
        tags = {pair["Key"]: pair["Value"] for pair in pairs}
        return Made(execution=tags.get(EXECUTION_TAG), previous=tags.get(PREVIOUS_TAG))
    return None


def free_slot(sagemaker: Client, endpoint: str, served: str | None) -> str:
    """Return a place that holds neither what is served nor what that replaced."""
    kept = {served}
    if served in slots(endpoint) and (made := find_made(sagemaker, served)) is not None:
        kept.add(made.previous)
    return next(slot for slot in slots(endpoint) if slot not in kept)


def empty(sagemaker: Client, slot: str) -> None:
    """Delete configuration and model of a place; what is gone already is no fault."""
    with missing_is_no_fault():
        sagemaker.delete_endpoint_config(EndpointConfigName=slot)
    with missing_is_no_fault():
        sagemaker.delete_model(ModelName=slot)


def await_made(sagemaker: Client, slot: str, execution: str) -> None:
    """Wait until SageMaker shows the configuration that was just made.

    Its reads may be a little behind, and the name is an old one: what an endpoint is then given
    could be what the place held before.

    Raises:
        EndpointBusy: It shows another one, or none, after some seconds.
    """
    for _ in range(_SEEN_TRIES):
        made = find_made(sagemaker, slot)
        if made is not None and made.execution == execution:
            return
        time.sleep(_SEEN_SECONDS)
    raise EndpointBusy(f"SageMaker does not show {slot} yet, which was just made: start again")
