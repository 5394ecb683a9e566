"""Adds a checked artifact to the model registry, once for an execution."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from lambdas.artifact import Artifact, load_artifact
from lambdas.aws import Client, client, service_errors
from lambdas.names import EXECUTION_ID
from lambdas.s3 import archive_address, object_address
from lambdas.serving import container
from lambdas.settings import read_settings
from lambdas.validation import checked, number, one_of, require, text

JSON = "application/json"
NOT_IN_METADATA = re.compile(r"[^\w .:/=+@-]")
"""Characters that SageMaker refuses in the values of a package's metadata."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The handler's environment variables."""

    image_uri: str
    model_package_group: str
    endpoint_instance_type: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the state machine passes on; None where there was no evaluation."""

    execution_id: str = checked(EXECUTION_ID)
    preset: str = checked(text(".{1,256}", "a preset's name"))
    source_s3_uri: str = checked(object_address)
    model_s3_uri: str = checked(archive_address)
    approval: str = checked(one_of("Approved", "PendingManualApproval"))
    scorecard_s3_uri: str | None = checked(object_address, None)
    baseline: str | None = checked(text(r"\w{1,64}", "the name of a baseline"), None)
    saving: float | None = checked(number(-1e15, 1e15), None)
    lower_bound: float | None = checked(number(-1e15, 1e15), None)


def handler(event: Mapping[str, object], context: object) -> dict[str, object]:
    """Run as a Lambda function; see `register`."""
    settings = read_settings(Settings, os.environ)
    request = require(Request, event)
    with service_errors():
        return register(request, settings=settings, s3=client("s3"), sagemaker=client("sagemaker"))


def register(
    request: Request, *, settings: Settings, s3: Client, sagemaker: Client
) -> dict[str, object]:
    """Create the model package, or find the one that an earlier try made.

    Returns:
        `model_package_arn`, and `note`, a sentence for an execution that ends here.

    Raises:
        UnsafeArtifact: The artifact is refused.
    """
    artifact = load_artifact(s3, request.model_s3_uri)
    group = settings.model_package_group
    description = f"{request.preset}, execution {request.execution_id}"
    arn = _find_package(sagemaker, group, description)
    if arn is None:
        package = _package(request, artifact, settings)
        arn = sagemaker.create_model_package(
            ModelPackageGroupName=group, ModelPackageDescription=description, **package
        )["ModelPackageArn"]
    waiting = request.approval == "PendingManualApproval"
    note = (
        "The package waits for a person's approval, and no endpoint was touched."
        if waiting
        else "The package is approved; no endpoint was asked for."
    )
    return {"model_package_arn": arn, "note": note}


def _find_package(sagemaker: Client, group: str, description: str) -> str | None:
    # Retries follow within minutes, so the newest page is far enough to look back.
    newest = sagemaker.list_model_packages(
        ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending", MaxResults=20
    )
    for package in newest["ModelPackageSummaryList"]:
        if package.get("ModelPackageDescription") == description:
            return str(package["ModelPackageArn"])
    return None


def _package(request: Request, artifact: Artifact, settings: Settings) -> dict[str, object]:
    serving = container(
        image=settings.image_uri, source=request.source_s3_uri, model=request.model_s3_uri
    )
    facts = {
        "execution": request.execution_id,
        "preset": request.preset,
        "environment": artifact.environment,
        "seed": artifact.seed,
        "source_revision": artifact.source_revision,
        "baseline": request.baseline,
        "saving": request.saving,
        "lower_bound": request.lower_bound,
    }
    package: dict[str, object] = {
        "ModelApprovalStatus": request.approval,
        # A repeated call with the same token makes no second version.
        "ClientToken": request.execution_id,
        "InferenceSpecification": {
            "Containers": [serving],
            "SupportedContentTypes": [JSON],
            "SupportedResponseMIMETypes": [JSON],
            "SupportedRealtimeInferenceInstanceTypes": [settings.endpoint_instance_type],
        },
        "CustomerMetadataProperties": {
            key: NOT_IN_METADATA.sub("_", str(value))[:256]
            for key, value in facts.items()
            if value not in (None, "")
        },
    }
    if request.scorecard_s3_uri:
        statistics = {"ContentType": JSON, "S3Uri": request.scorecard_s3_uri}
        package["ModelMetrics"] = {"ModelQuality": {"Statistics": statistics}}
    return package
