"""Removes what executions made when a stage that keeps nothing is destroyed: a custom resource.

CloudFormation deletes only empty buckets and empty model package groups, and it knows nothing of
endpoint, configurations and models that the workflow deployed. The endpoint goes by a resource of
its own before what its role may do: without that, SageMaker cannot delete what belongs to it.
"""

import json
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.exceptions import ClientError

from lambdas.aws import Client, client, missing, missing_is_no_fault
from lambdas.slots import empty, slots

PAUSE_SECONDS, TRIES = 20, 30
"""An endpoint that is being updated is waited for: ten of the function's fifteen minutes."""

GOING_TRIES = 12
"""So often it is looked whether it is gone: four more minutes."""


@dataclass(frozen=True, kw_only=True)
class Leftovers:
    """What is to go; the properties of the custom resource.

    Attributes:
        buckets: Names.
        model_package_group: Its packages go, the group is CloudFormation's.
        endpoint: Name; its models and configurations go, too.
    """

    buckets: tuple[str, ...]
    model_package_group: str
    endpoint: str

    @classmethod
    def parse(cls, properties: Mapping[str, object]) -> "Leftovers":
        """Read the properties of the custom resource."""
        buckets = properties["Buckets"]
        assert isinstance(buckets, list)
        return cls(
            buckets=tuple(str(name) for name in buckets),
            model_package_group=str(properties["ModelPackageGroup"]),
            endpoint=str(properties["Endpoint"]),
        )


def handler(event: Mapping[str, object], context: object) -> None:
    """Run as the function of a custom resource; answers where CloudFormation waits for it.

    Args:
        event: `RequestType`, `ResponseURL`, and as `ResourceProperties` those of `Leftovers`; the
            `Endpoint` alone where nothing else is to go.
        context: Not used.
    """
    reason = ""
    try:
        if event["RequestType"] == "Delete" and _going(
            str(event["StackId"]), cloudformation=client("cloudformation")
        ):
            properties = event["ResourceProperties"]
            assert isinstance(properties, Mapping)
            _remove(properties)
    except Exception as error:  # CloudFormation would wait an hour for an answer that never comes
        reason = " ".join(f"{type(error).__name__}: {error}".split())
    _answer(event, reason)


def _remove(properties: Mapping[str, object]) -> None:
    sagemaker = client("sagemaker")
    if "Buckets" in properties:
        leftovers = Leftovers.parse(properties)
        clean_up(leftovers, s3=client("s3"), sagemaker=sagemaker, logs=client("logs"))
    else:
        delete_endpoint(str(properties["Endpoint"]), sagemaker=sagemaker)


def _going(stack: str, *, cloudformation: Client) -> bool:
    """Tell whether a stack is being deleted.

    CloudFormation also deletes a resource that a living stack does without from now on: a stage
    that begins to keep its data must not lose it by that.
    """
    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return True
        raise
    return all(str(it["StackStatus"]).startswith("DELETE_") for it in found)


def clean_up(leftovers: Leftovers, *, s3: Client, sagemaker: Client, logs: Client) -> None:
    """Delete everything; what is gone already is no fault.

    Raises:
        RuntimeError: S3 kept an object, or SageMaker the endpoint.
        ClientError: AWS refused a deletion.
    """
    delete_endpoint(leftovers.endpoint, sagemaker=sagemaker)
    for slot in slots(leftovers.endpoint):
        empty(sagemaker, slot)
    _delete_logs(f"/aws/sagemaker/Endpoints/{leftovers.endpoint}", logs)
    _delete_packages(leftovers.model_package_group, sagemaker)
    for name in leftovers.buckets:
        empty_bucket(name, s3=s3)


def delete_endpoint(endpoint: str, *, sagemaker: Client) -> None:
    """Delete an endpoint, and return when it is gone; one that is gone already is no fault.

    Raises:
        RuntimeError: It is still there some minutes later.
        ClientError: AWS refused the deletion.
    """
    with missing_is_no_fault():
        _ask_to_delete(endpoint, sagemaker)
        for _ in range(GOING_TRIES):
            status = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"]
            time.sleep(PAUSE_SECONDS)
        raise RuntimeError(
            f"The endpoint {endpoint} is still {status}: destroy again when it is gone"
        )


def empty_bucket(name: str, *, s3: Client) -> int:
    """Delete every version of every object.

    Returns:
        How many versions were deleted.

    Raises:
        RuntimeError: S3 kept some.
    """
    deleted = 0
    # Always the first page: what it shows is gone before the next is asked for.
    while objects := _first_versions(name, s3):
        answer = s3.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})
        if answer.get("Errors"):
            first = answer["Errors"][0]
            raise RuntimeError(f"{first['Key']} was not deleted: {first.get('Message')}")
        deleted += len(objects)
    return deleted


def _first_versions(name: str, s3: Client) -> list[dict[str, str]]:
    try:
        page = s3.list_object_versions(Bucket=name)
    except s3.exceptions.NoSuchBucket:
        return []
    versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
    return [{"Key": it["Key"], "VersionId": it["VersionId"]} for it in versions]


def _ask_to_delete(endpoint: str, sagemaker: Client) -> None:
    """Delete the endpoint, once it is no longer being made or updated: till then it is refused."""
    for _ in range(TRIES):
        try:
            sagemaker.delete_endpoint(EndpointName=endpoint)
        except ClientError as error:
            if "in-progress" not in str(error):
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return
    sagemaker.delete_endpoint(EndpointName=endpoint)


def _delete_packages(group: str, sagemaker: Client) -> None:
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    try:
        packages = [it for page in pages for it in page["ModelPackageSummaryList"]]
    except ClientError as error:
        if missing(error):
            return
        raise
    for package in packages:
        sagemaker.delete_model_package(ModelPackageName=package["ModelPackageArn"])


def _delete_logs(group: str, logs: Client) -> None:
    try:
        logs.delete_log_group(logGroupName=group)
    except logs.exceptions.ResourceNotFoundException:
        return


def _answer(event: Mapping[str, object], reason: str) -> None:
    kept = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer = kept | {
        "Status": "FAILED" if reason else "SUCCESS",
        "Reason": reason,
        "PhysicalResourceId": event.get("PhysicalResourceId") or event["LogicalResourceId"],
    }
    request = urllib.request.Request(
        str(event["ResponseURL"]),
        data=json.dumps(answer).encode(),
        method="PUT",
        headers={"Content-Type": ""},
    )
    urllib.request.urlopen(request, timeout=30).close()
