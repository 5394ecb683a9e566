"""Answers what the endpoint answers, in the function itself: for those who need no endpoint.

The function runs the newest approved package of the registry, or the one it is told to, by the
artifact's own code; beside boto3 it needs NumPy, as a layer. It may be called with the body of a
request, and answers with the body of the answer; or by a function URL or API Gateway, whose events
and answers wrap both.
"""

import base64
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lambdas.artifact import open_model
from lambdas.aws import Client, client, service_errors
from lambdas.errors import ConfigurationError, NoModel, UnsafeArtifact
from lambdas.served_model import Inference, load_model
from lambdas.settings import read_settings

LARGEST_BODY = 6 << 20


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The function's environment.

    `pinned_model_package` empty: the newest approved package of the group, looked for again after
    `refresh_seconds`. `guard_settings`: JSON, settings of the guard rails in place of the model's.
    """

    model_package_group: str = ""
    pinned_model_package: str = ""
    refresh_seconds: int = 300
    guard_settings: str = "{}"


@dataclass
class Served:
    """The model in memory."""

    package: str
    inference: Inference
    settings: Settings
    looked_at: float


# Survives from one call to the next for as long as Lambda keeps the process.
_served: Served | None = None


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Run as a Lambda function; see the module's first lines."""
    wrapped = isinstance(event, dict) and "requestContext" in event
    status, answer = _answer(event, wrapped)
    if not wrapped:
        return answer
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(answer),
    }


def _answer(event: Mapping[str, Any], wrapped: bool) -> tuple[int, dict[str, Any]]:
    body: object = event
    if wrapped:
        try:
            body = _body(event)
        except _WrongBody as wrong:
            return wrong.status, _error(wrong.code, str(wrong), "body")
        except ValueError as error:
            return 400, _error("InvalidJson", str(error), "body")
    try:
        with service_errors():
            inference = _inference(read_settings(Settings, os.environ))
    except NoModel as error:
        return 503, _error("ModelUnavailable", str(error), None)
    return inference.respond(body)


class _WrongBody(Exception):
    """A body that is answered as the endpoint answers it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def _body(event: Mapping[str, Any]) -> object:
    text = event.get("body") or ""
    if not isinstance(text, str):
        raise ValueError("must be a text")
    data = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    if len(data) > LARGEST_BODY:
        raise _WrongBody(
            413,
            "PayloadTooLarge",
            f"must be at most {LARGEST_BODY >> 20} MB: send fewer rows or states at a time",
        )
    if not data.strip():
        raise _WrongBody(400, "InvalidRequest", "is empty: send a JSON object")
    try:
        # As text: from bytes the parser would guess the encoding.
        return json.loads(data.decode(), parse_constant=_refuse)
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _inference(settings: Settings) -> Inference:
    """Return what decides: the model in memory while it is the right one."""
    global _served
    held, now = _served, time.monotonic()
    if held and held.settings == settings:
        pinned = bool(settings.pinned_model_package)
        if pinned or now - held.looked_at < settings.refresh_seconds:
            return held.inference
        # A caller waits for what is in memory, and Lambda ends a function that waits for long.
        held.looked_at = now
    else:
        held = None
    try:
        package, uri = _find(settings, client("sagemaker", patient=held is None))
        if held and held.package == package:
            return held.inference
        inference = _load(settings, package, uri, client("s3", patient=held is None))
    except NoModel:
        _served = None  # what was approved no longer is
        raise
    except Exception as error:
        if held is None:
            raise
        # A model that decides is not given up for one that cannot be had.
        _log("model kept", model_package=held.package, reason=" ".join(str(error).split()))
        return held.inference
    _served = Served(package, inference, settings, now)
    return inference


def _load(settings: Settings, package: str, uri: str, s3: Client) -> Inference:
    guard = _guard(settings.guard_settings)
    inference = load_model(
        open_model(s3, uri),
        guard=guard,
        explain=lambda explanation: _log("decision", **explanation),
    )
    _log("model verified", model_package=package, model_version=inference.version)
    return inference


def _guard(text: str) -> Mapping[str, Any]:
    try:
        guard = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"GUARD_SETTINGS is not JSON ({error}): correct it.") from error
    if not isinstance(guard, dict):
        raise ConfigurationError("GUARD_SETTINGS must be a JSON object: correct it.")
    return guard


def _find(settings: Settings, sagemaker: Client) -> tuple[str, str]:
    """Return name and artifact of the package to serve."""
    arn = settings.pinned_model_package or _newest(settings.model_package_group, sagemaker)
    try:
        found = sagemaker.describe_model_package(ModelPackageName=arn)
    except ClientError as error:
        pinned = bool(settings.pinned_model_package)
        if pinned and error.response["Error"].get("Code") == "ValidationException":
            raise NoModel(
                f"There is no model package {arn}: correct PINNED_MODEL_PACKAGE."
            ) from error
        raise
    try:
        return arn, str(found["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])
    except (KeyError, IndexError):
        raise UnsafeArtifact(f"{arn} names no model: approve a package of the workflow.") from None


def _newest(group: str, sagemaker: Client) -> str:
    if not group:
        raise ConfigurationError(
            "Neither PINNED_MODEL_PACKAGE nor MODEL_PACKAGE_GROUP is set. Deploy the function "
            "again."
        )
    found = sagemaker.list_model_packages(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=1,
    )["ModelPackageSummaryList"]
    if not found:
        raise NoModel(f"No package of {group} is approved yet: run the workflow, or approve one.")
    return str(found[0]["ModelPackageArn"])


def _error(code: str, message: str, field: str | None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "field": field}}


def _log(message: str, **details: object) -> None:
    print(json.dumps({"message": message, **details}), flush=True)
