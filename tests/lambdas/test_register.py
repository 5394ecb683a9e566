"""Registering: only a checked artifact, once for an execution, with what is known about it."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lambdas.errors import InvalidInput, ServiceRefused, UnsafeArtifact
from lambdas.register import handler
from tests.lambdas.samples import BUCKET, MODEL, SOURCE, VARIABLES, Files, make_artifact

Put = Callable[[str, bytes], None]

EVENT = {
    "execution_id": "0123456789ab",
    "preset": "cem-autoscaling",
    "source_s3_uri": SOURCE,
    "model_s3_uri": MODEL,
    "approval": "Approved",
    "scorecard_s3_uri": f"s3://{BUCKET}/executions/0123456789ab/scorecard.json",
    "baseline": "target_tracking_tuned",
    "saving": 0.09,
    "lower_bound": 0.07,
}
NOT_EVALUATED = {"scorecard_s3_uri": None, "baseline": None, "saving": None, "lower_bound": None}


@pytest.fixture
def artifact(put: Put, artifact_files: Files, manifest: dict[str, Any]) -> None:
    put(MODEL, make_artifact(artifact_files, manifest))


def packages(sagemaker: Any) -> list[Any]:
    group = VARIABLES["MODEL_PACKAGE_GROUP"]
    found = sagemaker.list_model_packages(ModelPackageGroupName=group)
    return list(found["ModelPackageSummaryList"])


@pytest.mark.usefixtures("artifact")
def test_the_package_says_what_is_known(sagemaker: Any) -> None:
    result = handler(EVENT, None)
    found = sagemaker.describe_model_package(ModelPackageName=result["model_package_arn"])
    assert found["ModelApprovalStatus"] == "Approved"
    assert found["ModelPackageGroupName"] == VARIABLES["MODEL_PACKAGE_GROUP"]
    [container] = found["InferenceSpecification"]["Containers"]
    assert container["ModelDataUrl"] == MODEL
    assert container["Environment"] == {
        "SAGEMAKER_PROGRAM": "serve.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": SOURCE,
    }
    statistics = found["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert statistics["S3Uri"] == EVENT["scorecard_s3_uri"]
    assert found["CustomerMetadataProperties"] == {
        "execution": "0123456789ab",
        "preset": "cem-autoscaling",
        "environment": "AutoScaling-v0 1",
        "seed": "1",
        "source_revision": "0123abc",
        "baseline": "target_tracking_tuned",
        "saving": "0.09",
        "lower_bound": "0.07",
    }


@pytest.mark.usefixtures("artifact")
def test_without_an_evaluation_the_package_waits_for_approval(sagemaker: Any) -> None:
    result = handler(EVENT | NOT_EVALUATED | {"approval": "PendingManualApproval"}, None)
    found = sagemaker.describe_model_package(ModelPackageName=result["model_package_arn"])
    assert found["ModelApprovalStatus"] == "PendingManualApproval"
    assert "ModelMetrics" not in found
    assert "baseline" not in found["CustomerMetadataProperties"]
    assert "waits for a person's approval" in str(result["note"])


@pytest.mark.usefixtures("artifact")
def test_a_repeated_call_finds_the_same_package(sagemaker: Any) -> None:
    first = handler({**EVENT, "execution_id": "aaaaaaaaaaaa"}, None)
    second = handler(EVENT, None)
    assert handler(EVENT, None) == second
    assert first["model_package_arn"] != second["model_package_arn"]
    assert len(packages(sagemaker)) == 2


def test_metadata_keep_to_the_characters_that_sagemaker_takes(
    sagemaker: Any, put: Put, artifact_files: Files, manifest: dict[str, Any]
) -> None:
    manifest |= {"source_revision": "a(b),c*" + "x" * 300, "seed": ""}
    put(MODEL, make_artifact(artifact_files, manifest))
    result = handler(EVENT, None)
    found = sagemaker.describe_model_package(ModelPackageName=result["model_package_arn"])
    metadata = found["CustomerMetadataProperties"]
    assert metadata["source_revision"] == "a_b__c_" + "x" * 249
    assert "seed" not in metadata


def test_an_unsafe_artifact_is_not_registered(
    sagemaker: Any, put: Put, artifact_files: Files, manifest: dict[str, Any]
) -> None:
    put(MODEL, make_artifact({**artifact_files, "x.pkl": b""}, manifest))
    with pytest.raises(UnsafeArtifact, match=r"'x\.pkl' is a pickle"):
        handler(EVENT, None)
    assert packages(sagemaker) == []


@pytest.mark.usefixtures("account")
def test_a_missing_artifact_is_named() -> None:
    with pytest.raises(UnsafeArtifact, match=f"There is no model at {MODEL}"):
        handler(EVENT, None)


@pytest.mark.usefixtures("account")
def test_a_missing_bucket_is_refused_in_one_line() -> None:
    with pytest.raises(ServiceRefused, match=r"GetObject was refused.*NoSuchBucket") as caught:
        handler({**EVENT, "model_s3_uri": "s3://no-such-bucket/model.tar.gz"}, None)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("artifact")
def test_a_missing_group_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    sagemaker = boto3.client("sagemaker")
    s3 = boto3.client("s3")
    clients = {"s3": s3, "sagemaker": sagemaker}
    monkeypatch.setattr("lambdas.register.client", clients.__getitem__)
    with Stubber(sagemaker) as stubber:
        stubber.add_client_error("list_model_packages", "ResourceNotFound", "No such group")
        with pytest.raises(ServiceRefused, match="ListModelPackages was refused"):
            handler(EVENT, None)


@pytest.mark.usefixtures("variables")
def test_a_request_must_be_whole() -> None:
    with pytest.raises(InvalidInput, match="approval: is missing"):
        handler({key: value for key, value in EVENT.items() if key != "approval"}, None)


@pytest.mark.usefixtures("artifact", "sagemaker")
def test_the_result_is_json() -> None:
    assert json.loads(json.dumps(handler(EVENT, None))).keys() == {"model_package_arn", "note"}
