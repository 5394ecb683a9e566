"""Requests and answers on the wire as AWS has them, checked against botocore's service models."""

import functools
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator

Document = dict[str, Any]


class AwsError(Exception):
    """An error answer of an AWS service.

    Attributes:
        code: The error's name, as clients see it.
        message: What happened.
        status: HTTP status.
        details: Further members of the answer.
    """

    def __init__(
        self, code: str, message: str, *, status: int = 400, details: Document | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.details = details or {}


def validation_error(message: str) -> AwsError:
    """Return the error that SageMaker answers for nearly every wrong request."""
    return AwsError("ValidationException", message)


@dataclass(frozen=True)
class Response:
    """An HTTP answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def now() -> datetime:
    """Return the time of this moment, as every document here holds it."""
    return datetime.now(UTC)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    raise TypeError(f"{type(value).__name__} has no place in an answer")


def json_response(
    document: Document, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return `document` as AWS's JSON protocol writes it: times are seconds since 1970."""
    request_id = str(uuid.uuid4())
    body = json.dumps(document, default=_plain).encode()
    base = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": request_id}
    return Response(status, body, base | (headers or {}))


def error_response(error: AwsError) -> Response:
    """Return an error as both JSON protocols of AWS read it."""
    document = {"__type": error.code, "message": error.message, **error.details}
    return json_response(document, status=error.status, headers={"x-amzn-ErrorType": error.code})


@functools.cache
def service_model(service: str) -> ServiceModel:
    """Return botocore's model of a service; parsing it takes a noticeable part of a second."""
    return botocore.session.get_session().get_service_model(service)


def validate(service: str, operation: str, request: Document) -> None:
    """Check a request against the service's own model.

    Raises:
        AwsError: ValidationException that names the member and the constraint, worded as on AWS.
    """
    shape = service_model(service).operation_model(operation).input_shape
    if shape is None:
        return
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        raise validation_error(report.generate_report().replace("\n", " "))
    violations = list(_violations(request, shape, ""))
    if violations:
        plural = "" if len(violations) == 1 else "s"
        count = f"{len(violations)} validation error{plural} detected: "
        raise validation_error(count + "; ".join(violations))


def _violations(value: object, shape: Shape, path: str) -> Iterator[str]:
    if isinstance(shape, StringShape) and isinstance(value, str):
        for constraint in _broken_constraints(value, shape):
            yield f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"
    for name, item, member in _members(value, shape):
        yield from _violations(item, member, f"{path}.{name}".lstrip("."))


def _members(value: object, shape: Shape) -> Iterator[tuple[str, object, Shape]]:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name, member in shape.members.items():
            if name in value:
                yield f"{name[0].lower()}{name[1:]}", value[name], member
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for index, item in enumerate(value, 1):
            yield f"{index}.member", item, shape.member
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        for key, item in value.items():
            yield f"{key}.key", key, shape.key
            yield f"{key}.member", item, shape.value


def _broken_constraints(value: str, shape: StringShape) -> Iterator[str]:
    maximum = shape.metadata.get("max")
    if maximum is not None and len(value) > maximum:
        yield f"Member must have length less than or equal to {maximum}"
    if shape.enum and value not in shape.enum:
        yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    pattern = shape.metadata.get("pattern")
    if pattern and not _matches(pattern, value):
        yield f"Member must satisfy regular expression pattern: {pattern}"


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value, re.DOTALL) is not None
    except re.error:
        # The models hold Java patterns; the few that Python cannot read are not checked here.
        return True
