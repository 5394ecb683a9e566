"""The front of the local AWS: answers what needs real work, and leaves everything else to moto."""

import json
import logging
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, unquote

from local_mode.aws.functions.service import Functions
from local_mode.aws.hosting.invoke import invoke_endpoint
from local_mode.aws.hosting.service import Endpoints
from local_mode.aws.moto_edge import WsgiApp
from local_mode.aws.protocol import (
    AwsError,
    Document,
    Response,
    error_response,
    json_response,
)
from local_mode.aws.rest import RestRequest
from local_mode.aws.sagemaker_api import SageMakerApi
from local_mode.greengrass.service import Greengrass

_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/(?P<service>[^/]+)/aws4_request")
_ENDPOINT = re.compile(r"/endpoints/([^/]+)/invocations")
_FUNCTION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
_SAGEMAKER = "SageMaker."
# Services of devices, of which only a part is answered here.
_DEVICES = ("greengrass", "iot")
_START_EXECUTION = "AWSStepFunctions.StartExecution"
_logger = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]


class Front:
    """A WSGI application in front of moto's."""

    def __init__(
        self,
        moto: WsgiApp,
        *,
        api: SageMakerApi,
        endpoints: Endpoints,
        functions: Functions,
        greengrass: Greengrass,
        interpreter: "Future[None]",
    ) -> None:
        self._moto = moto
        self._api = api
        self._endpoints = endpoints
        self._functions = functions
        self._greengrass = greengrass
        self._interpreter = interpreter

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            response = self._answer(environ)
        except AwsError as error:
            response = error_response(error)
        except Exception as fault:
            _logger.exception("%s %s", environ["REQUEST_METHOD"], environ.get("PATH_INFO"))
            response = error_response(AwsError("InternalFailure", repr(fault), status=500))
        if response is None:
            return self._moto(environ, start_response)
        status = f"{response.status} {HTTPStatus(response.status).phrase}"
        headers = {"x-amzn-RequestId": str(uuid.uuid4()), **response.headers}
        headers["Content-Length"] = str(len(response.body))
        start_response(status, list(headers.items()))
        return [response.body]

    def close(self) -> None:
        """End what waits for the next request."""
        self._functions.close()

    def _answer(self, environ: Environ) -> Response | None:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        service = scope["service"] if scope else ""
        if target.startswith(_SAGEMAKER):
            return self._answer_sagemaker(environ, target.removeprefix(_SAGEMAKER))
        if service in ("states", "cloudformation"):
            self._interpreter.result()
            if target == _START_EXECUTION:
                _name_execution(environ)
        if environ["REQUEST_METHOD"] == "POST" and service in ("sagemaker", "lambda"):
            return self._answer_invocation(environ, service)
        if service.startswith(_DEVICES):
            return self._greengrass.answer(service, _read_rest(environ))
        return None

    def _answer_sagemaker(self, environ: Environ, operation: str) -> Response | None:
        answer = self._api.answer(operation, _read_json(environ))
        return None if answer is None else json_response(answer)

    def _answer_invocation(self, environ: Environ, service: str) -> Response | None:
        # PATH_INFO is decoded already, and an ARN as a function's name holds no slash.
        path = environ.get("PATH_INFO", "")
        found = (_ENDPOINT if service == "sagemaker" else _FUNCTION).fullmatch(path)
        if found is None:
            return None
        name, body, headers = unquote(found[1]), _read_body(environ), _headers(environ)
        if service == "sagemaker":
            return invoke_endpoint(self._endpoints, name, headers, body)
        query = parse_qs(environ.get("QUERY_STRING", ""))
        qualifier = query.get("Qualifier", [None])[0]
        return self._functions.invoke(name, qualifier, headers, body)


def _read_body(environ: Environ) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    _replace_body(environ, body)
    return body


def _read_rest(environ: Environ) -> RestRequest:
    return RestRequest(
        method=environ["REQUEST_METHOD"],
        path=environ.get("PATH_INFO", ""),
        query=parse_qs(environ.get("QUERY_STRING", "")),
        body=_read_body(environ),
    )


def _replace_body(environ: Environ, body: bytes) -> None:
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))


def _headers(environ: Environ) -> Mapping[str, str]:
    headers = {
        key[5:].replace("_", "-").lower(): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
    if "CONTENT_TYPE" in environ:
        headers["content-type"] = environ["CONTENT_TYPE"]
    return headers


def _read_json(environ: Environ) -> Document:
    try:
        document = json.loads(_read_body(environ) or b"{}")
    except ValueError:
        raise AwsError("SerializationException", "The body is no JSON.") from None
    if not isinstance(document, dict):
        raise AwsError("SerializationException", "The body is no JSON object.")
    return document


def _name_execution(environ: Environ) -> None:
    """Give an execution without a name the unique one that AWS would give it; moto does not."""
    request = _read_json(environ)
    if not request.get("name"):
        _replace_body(environ, json.dumps({**request, "name": str(uuid.uuid4())}).encode())
