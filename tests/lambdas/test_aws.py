"""AWS faults: which class they get, since that decides whether the state machine tries again."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lambdas.aws import already_there, client, missing, service_errors
from lambdas.errors import ResourceLimit, ServiceRefused, ServiceUnavailable


def fault(code: str, status: int = 400, message: str = "no\n good") -> ClientError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "CreateModel")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (fault("ThrottlingException"), ServiceUnavailable),
        (fault("ResourceLimitExceeded"), ResourceLimit),
        (fault("InternalFailure", 500), ServiceUnavailable),
        (EndpointConnectionError(endpoint_url="http://x"), ServiceUnavailable),
        (fault("AccessDeniedException"), ServiceRefused),
        (fault("ValidationException"), ServiceRefused),
    ],
)
def test_only_what_may_pass_is_tried_again(error: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected) as caught, service_errors():
        raise error
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is error


def test_own_errors_keep_their_class() -> None:
    with pytest.raises(KeyError), service_errors():
        raise KeyError


def test_sagemakers_words_for_missing_and_taken_names_are_known() -> None:
    assert missing(fault("ValidationException", message='Could not find endpoint "x".'))
    assert not missing(fault("ValidationException", message="1 validation error"))
    assert already_there(fault("ValidationException", message="Cannot create already existing"))
    assert already_there(fault("ResourceInUse"))
    assert not already_there(fault("ValidationException"))


@pytest.mark.usefixtures("variables")
def test_a_client_tries_again_and_never_waits_for_long() -> None:
    config = client("sagemaker").meta.config
    assert config.retries["mode"] == "standard"
    assert config.connect_timeout < config.read_timeout < 120
