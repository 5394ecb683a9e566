"""The model registry: versions, approval, metrics."""

import pytest

from tests.local_mode.support import BUCKET, IMAGE

METRICS = {
    "ModelQuality": {
        "Statistics": {"ContentType": "application/json", "S3Uri": f"s3://{BUCKET}/scorecard.json"}
    }
}


def register(sagemaker, group: str, **members) -> str:
    return sagemaker.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={
            "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/m.tar.gz"}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        **members,
    )["ModelPackageArn"]


def test_a_package_keeps_what_it_was_registered_with(sagemaker):
    sagemaker.create_model_package_group(ModelPackageGroupName="kept")
    arn = register(
        sagemaker,
        "kept",
        ModelApprovalStatus="Approved",
        ModelMetrics=METRICS,
        CustomerMetadataProperties={"saving": "0.1"},
        Tags=[{"Key": "stage", "Value": "dev"}],
    )
    assert arn.endswith(":model-package/kept/1")
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    assert package["ModelMetrics"] == METRICS
    assert package["CustomerMetadataProperties"] == {"saving": "0.1"}
    assert (package["ModelPackageVersion"], package["ModelPackageStatus"]) == (1, "Completed")
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "dev"}]


def test_an_approval_changes_nothing_else(sagemaker):
    sagemaker.create_model_package_group(ModelPackageGroupName="approved")
    arn = register(sagemaker, "approved", CustomerMetadataProperties={"a": "1", "b": "2"})
    waiting = sagemaker.describe_model_package(ModelPackageName=arn)
    assert waiting["ModelApprovalStatus"] == "PendingManualApproval"
    sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="good"
    )
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"c": "3"},
        CustomerMetadataPropertiesToRemove=["a"],
    )
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    assert (package["ModelApprovalStatus"], package["ApprovalDescription"]) == ("Approved", "good")
    assert package["CustomerMetadataProperties"] == {"b": "2", "c": "3"}
    assert package["LastModifiedTime"] >= package["CreationTime"]


def test_versions_are_listed_and_never_used_again(sagemaker):
    created = sagemaker.create_model_package_group(ModelPackageGroupName="versions")
    arns = [register(sagemaker, "versions") for _ in range(3)]
    sagemaker.update_model_package(ModelPackageArn=arns[1], ModelApprovalStatus="Approved")

    def versions(**members) -> list[int]:
        answer = sagemaker.list_model_packages(ModelPackageGroupName="versions", **members)
        return [one["ModelPackageVersion"] for one in answer["ModelPackageSummaryList"]]

    assert versions() == [1, 2, 3]
    assert versions(SortOrder="Descending", MaxResults=2) == [3, 2]
    assert versions(ModelApprovalStatus="Approved") == [2]
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=created["ModelPackageGroupArn"], PaginationConfig={"PageSize": 2}
    )
    assert [len(one["ModelPackageSummaryList"]) for one in pages] == [2, 1]
    with pytest.raises(sagemaker.exceptions.ConflictException, match="still has packages"):
        sagemaker.delete_model_package_group(ModelPackageGroupName="versions")
    sagemaker.delete_model_package(ModelPackageName=arns[2])
    assert register(sagemaker, "versions").endswith("/4")


def test_groups_come_and_go(sagemaker):
    group = {"ModelPackageGroupName": "coming"}
    sagemaker.create_model_package_group(**group)
    found = sagemaker.describe_model_package_group(**group)
    assert found["ModelPackageGroupStatus"] == "Completed"
    listed = sagemaker.list_model_package_groups(NameContains="coming")
    assert len(listed["ModelPackageGroupSummaryList"]) == 1
    with pytest.raises(sagemaker.exceptions.ClientError, match="already existing"):
        sagemaker.create_model_package_group(**group)
    sagemaker.delete_model_package_group(**group)
    with pytest.raises(sagemaker.exceptions.ClientError, match="Could not find"):
        sagemaker.describe_model_package_group(**group)


def test_a_package_may_stand_alone(sagemaker):
    sagemaker.create_model_package(ModelPackageName="alone")
    found = sagemaker.describe_model_package(ModelPackageName="alone")
    assert found["ModelPackageName"] == "alone"
    listed = sagemaker.list_model_packages()["ModelPackageSummaryList"]
    assert "alone" in [one["ModelPackageName"] for one in listed]
    with pytest.raises(sagemaker.exceptions.ClientError, match="already exists"):
        sagemaker.create_model_package(ModelPackageName="alone")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "Give either"),
        ({"ModelPackageGroupName": "no-such"}, "Could not find model package group"),
        ({"ModelPackageName": "x", "ModelApprovalStatus": "Perhaps"}, "enum value set"),
    ],
)
def test_wrong_packages_are_refused(sagemaker, members, message):
    with pytest.raises(sagemaker.exceptions.ClientError, match=message):
        sagemaker.create_model_package(**members)
    with pytest.raises(sagemaker.exceptions.ClientError, match="does not exist"):
        sagemaker.describe_model_package(ModelPackageName="no-such")


def test_only_an_approved_package_becomes_a_model(aws, sagemaker):
    aws.client("s3").put_object(Bucket=BUCKET, Key="m.tar.gz", Body=b"model")
    sagemaker.create_model_package_group(ModelPackageGroupName="gated")
    arn = register(sagemaker, "gated")
    model = {
        "ModelName": "gated",
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/tests",
        "Containers": [{"ModelPackageName": arn}],
    }
    with pytest.raises(sagemaker.exceptions.ClientError, match="is not approved"):
        sagemaker.create_model(**model)
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    sagemaker.create_model(**model)
    both = model | {"ModelName": "both", "Containers": model["Containers"] * 2}
    with pytest.raises(sagemaker.exceptions.ClientError, match="exactly one container"):
        sagemaker.create_model(**both)


def test_a_bad_token_and_an_unknown_arn_are_refused(sagemaker):
    with pytest.raises(sagemaker.exceptions.ClientError, match="Invalid pagination token"):
        sagemaker.list_model_package_groups(NextToken="x")
    with pytest.raises(sagemaker.exceptions.ClientError, match="does not exist"):
        sagemaker.list_tags(ResourceArn="arn:aws:sagemaker:us-east-1:123456789012:model/none")
