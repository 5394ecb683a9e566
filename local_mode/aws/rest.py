"""Services with AWS's REST protocol: requests read and answered by botocore's own models."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.model import OperationModel, Shape, StructureShape

from local_mode.aws.protocol import (
    AwsError,
    Document,
    Response,
    json_response,
    service_model,
    validate,
)

Handler = Callable[[Document], Document]
_LABEL = re.compile(r"\{(\w+)(\+?)\}")


@dataclass(frozen=True)
class RestRequest:
    """What came by HTTP: method, decoded path, parameters of the query, body."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    body: bytes


@dataclass(frozen=True)
class _Route:
    method: str
    pattern: re.Pattern[str]
    operation: OperationModel
    handler: Handler


class RestService:
    """Operations of one service, by name.

    Args:
        service: As boto3 names it.
        handlers: What answers each operation; other operations are left to moto.
    """

    def __init__(self, service: str, handlers: Mapping[str, Handler]) -> None:
        self._service = service
        self._handlers = handlers
        self._routes: list[_Route] = []

    def answer(self, request: RestRequest) -> Response | None:
        """Answer a request; None if no operation here has its path.

        Raises:
            AwsError: As on AWS, with an error that the service's model gives to the operation.
        """
        for route in self._table():
            found = route.pattern.fullmatch(request.path)
            if found is not None and route.method == request.method:
                return self._perform(route, found.groupdict(), request)
        return None

    def _table(self) -> list[_Route]:
        # The model is parsed with the first request: that takes a part of a second.
        if not self._routes:
            model = service_model(self._service)
            self._routes = [
                _Route(operation.http["method"], _pattern(operation), operation, handler)
                for name, handler in self._handlers.items()
                for operation in (model.operation_model(name),)
            ]
        return self._routes

    def _perform(
        self, route: _Route, labels: Mapping[str, str], request: RestRequest
    ) -> Response | None:
        name = route.operation.name
        document = _read(route.operation.input_shape, labels, request)
        try:
            validate(self._service, name, document)
            answer = route.handler(document)
        except AwsError as error:
            error.status = _status(route.operation, error.code)
            raise
        status = int(route.operation.http.get("responseCode", 200))
        if route.operation.output_shape is None:
            return Response(status)
        headers = {"Content-Type": "application/json"}
        return json_response(_written(answer), status=status, headers=headers)


def _status(operation: OperationModel, code: str) -> int:
    """Return the status of an error, which has to be one of the operation's own."""
    for shape in operation.error_shapes:
        if shape.name == code:
            return int(shape.metadata.get("error", {}).get("httpStatusCode", 400))
    raise RuntimeError(f"{operation.name} has no error {code}")


def _pattern(operation: OperationModel) -> re.Pattern[str]:
    text, at = "", 0
    uri = operation.http["requestUri"].partition("?")[0]
    for label in _LABEL.finditer(uri):
        inner = ".+" if label[2] else "[^/]+"
        text += f"{re.escape(uri[at : label.start()])}(?P<{label[1]}>{inner})"
        at = label.end()
    return re.compile(text + re.escape(uri[at:]))


def _read(shape: Shape | None, labels: Mapping[str, str], request: RestRequest) -> Document:
    if not isinstance(shape, StructureShape):
        return {}
    payload = shape.serialization.get("payload")
    body = {} if payload else _json_body(request.body)
    document: Document = {payload: request.body} if payload else {}
    for name, member in shape.members.items():
        place = member.serialization.get("location")
        key = member.serialization.get("locationName", name)
        if place == "uri":
            document[name] = labels[key]
        elif place == "querystring" and key in request.query:
            values = request.query[key]
            document[name] = values if member.type_name == "list" else _typed(member, values[0])
        elif place is None and key in body:
            document[name] = _typed(member, body[key])
    return document


def _json_body(body: bytes) -> Document:
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise AwsError("ValidationException", "The body is no JSON object.")
    return document


def _typed(shape: Shape, value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    try:
        if shape.type_name == "blob":
            return base64.b64decode(value, validate=True)
        if isinstance(value, str) and shape.type_name in ("integer", "long"):
            return int(value)
        if isinstance(value, str) and shape.type_name == "boolean":
            return value == "true"
    except (TypeError, ValueError):
        raise AwsError("ValidationException", f"{shape.name} cannot be read: {value!r}") from None
    return value


def _written(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    if isinstance(value, dict):
        return {key: _written(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_written(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    assert isinstance(value, str | int | float | bool | datetime), type(value)
    return value


def rest_page(items: list[Document], request: Document, *, member: str) -> Document:
    """Return the page of a list that a request asks for, with a token if more follow.

    Raises:
        AwsError: If the token is none that was given out.
    """
    token = request.get("nextToken", "0")
    if not token.isdecimal():
        raise AwsError("ValidationException", "The nextToken is not valid.")
    start = int(token)
    end = start + request.get("maxResults", 50)
    answer: Document = {member: items[start:end]}
    if end < len(items):
        answer["nextToken"] = str(end)
    return answer
