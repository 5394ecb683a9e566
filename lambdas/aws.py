"""boto3 clients, and AWS faults turned into the errors that the state machine knows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.errors import ResourceLimit, ServiceRefused, ServiceUnavailable, WorkflowError

# boto3 makes its client classes at run time, so there is no class to name here.
Client: TypeAlias = Any

THROTTLING = ("Throttling", "ThrottlingException", "TooManyRequestsException", "SlowDown")


def client(service: str, *, patient: bool = True) -> Client:
    """Make a client; endpoint and region come from the environment, as boto3 reads them.

    Args:
        service: The name that boto3 gives the service, such as `sagemaker`.
        patient: Whether the caller can wait.

    Returns:
        A client that tries throttled calls up to eight times and never waits over a minute; if
        not patient, one that tries once, for some seconds.
    """
    attempts, connecting, reading = (8, 5, 65) if patient else (1, 2, 5)
    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=connecting,
        read_timeout=reading,
    )
    return boto3.client(service, config=config)


@contextmanager
def service_errors() -> Iterator[None]:
    """Give AWS faults a class name by which the state machine decides whether to try again.

    Raises:
        ServiceUnavailable: For throttling, server faults and lost connections.
        ResourceLimit: For a quota that is used up for now.
        ServiceRefused: For everything that would be refused again.
    """
    try:
        yield
    except ClientError as error:
        raise _translated(error) from error
    except BotoCoreError as error:
        raise ServiceUnavailable(f"AWS could not be reached: {error}") from error


def _translated(error: ClientError) -> WorkflowError:
    line = f"{error.operation_name} was refused: {' '.join(str(error).split())}"
    if error.response["Error"].get("Code", "") == "ResourceLimitExceeded":
        return ResourceLimit(line)
    return ServiceUnavailable(line) if unavailable(error) else ServiceRefused(line)


def unavailable(error: ClientError) -> bool:
    """Tell whether AWS only was throttling or out of order."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return error.response["Error"].get("Code", "") in THROTTLING or status >= 500


def missing(error: ClientError) -> bool:
    """Tell whether SageMaker says that a named thing is not there."""
    return "could not find" in str(error).lower()


@contextmanager
def missing_is_no_fault() -> Iterator[None]:
    """Go on after this where SageMaker says that a named thing is not there."""
    try:
        yield
    except ClientError as error:
        if not missing(error):
            raise


def already_there(error: ClientError) -> bool:
    """Tell whether SageMaker says that a name is taken, as it is when a call is repeated."""
    code = error.response["Error"].get("Code", "")
    return code == "ResourceInUse" or "already exist" in str(error).lower()
