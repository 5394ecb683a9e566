"""InvokeEndpoint: hands a request to the process behind the endpoint and its answer back."""

import http.client
from collections.abc import Mapping

from local_mode.aws.hosting.service import Endpoints
from local_mode.aws.hosting.serving import ServingProcess
from local_mode.aws.protocol import AwsError, Response
from local_mode.deployment import ACCOUNT, REGION

# As on AWS: how long a model may take to answer.
_TIMEOUT_SECONDS = 60.0
_MAX_ERROR_TEXT = 1024
_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


def invoke_endpoint(
    endpoints: Endpoints, name: str, headers: Mapping[str, str], body: bytes
) -> Response:
    """Answer InvokeEndpoint.

    Args:
        endpoints: The endpoints of the account.
        name: Name of the endpoint.
        headers: The request's headers, by lower-case name.
        body: The request's body.

    Raises:
        AwsError: ValidationError, ModelError or ServiceUnavailable as on AWS.
    """
    endpoint = endpoints.find_for_invocation(name)
    with endpoint.borrow(headers.get("x-amzn-sagemaker-target-variant")) as process:
        status, answer_headers, answer = _ask(process, headers, body)
        variant = process.model.variant
    if status != 200:
        text = answer.decode("utf-8", "replace")[:_MAX_ERROR_TEXT]
        raise _model_error(name, status, text)
    result = {
        "Content-Type": answer_headers.get("content-type", "application/octet-stream"),
        "x-Amzn-Invoked-Production-Variant": variant,
    }
    if _ATTRIBUTES.lower() in answer_headers:
        result[_ATTRIBUTES] = answer_headers[_ATTRIBUTES.lower()]
    return Response(200, answer, result)


def _ask(
    process: ServingProcess, headers: Mapping[str, str], body: bytes
) -> tuple[int, Mapping[str, str], bytes]:
    sent = {
        "Content-Type": headers.get("content-type", "application/octet-stream"),
        "Accept": headers.get("accept", "*/*"),
    }
    attributes = headers.get(_ATTRIBUTES.lower())
    if attributes is not None:
        sent[_ATTRIBUTES] = attributes
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("POST", "/invocations", body, sent)
        answer = connection.getresponse()
        received = {key.lower(): value for key, value in answer.getheaders()}
        return answer.status, received, answer.read()
    except TimeoutError:
        text = (
            "Your invocation timed out while waiting for a response from container primary. "
            f"The limit is {_TIMEOUT_SECONDS:.0f} seconds."
        )
        raise _model_error(process.model.endpoint, 0, text) from None
    except (OSError, http.client.HTTPException) as error:
        text = f"The local process of endpoint {process.model.endpoint} is not answering: {error}"
        raise AwsError("ServiceUnavailable", text, status=503) from error
    finally:
        connection.close()


def _model_error(endpoint: str, status: int, text: str) -> AwsError:
    side = "client" if 400 <= status < 500 else "server"
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    return AwsError(
        "ModelError",
        f'Received {side} error ({status}) from primary with message "{text}". '
        f"See the log group {group} for more information.",
        status=424,
        details={
            "OriginalStatusCode": status,
            "OriginalMessage": text,
            "LogStreamArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}",
        },
    )
