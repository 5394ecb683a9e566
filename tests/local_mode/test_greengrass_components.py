"""Component versions of the emulated control plane, driven by boto3."""

import base64
import hashlib
import json
from collections.abc import Callable

from local_mode.local_aws import LocalAws
from tests.local_mode.greengrass import (
    ACCOUNT,
    CONTENT,
    MODEL,
    OPTIONAL,
    create,
    deploy,
    described,
    recipe,
    refused,
)
from tests.local_mode.support import BUCKET, wait_for


def test_a_version_becomes_deployable_and_gets_the_digests(aws: LocalAws, component: str) -> None:
    aws.client("s3").put_object(Bucket=BUCKET, Key="model", Body=CONTENT)
    document = recipe(component, "1.2.3", manifest=MODEL, **OPTIONAL)
    answer = create(aws, document, tags={"content": "abc"})
    assert answer["status"]["componentState"] == "REQUESTED"
    arn = answer["arn"]
    assert arn == f"{ACCOUNT}:components:{component}:versions:1.2.3"
    found = wait_for(
        lambda: (it := described(aws, arn))["status"]["componentState"] == "DEPLOYABLE" and it
    )
    assert (found["publisher"], found["tags"]) == ("Tests", {"content": "abc"})
    assert found["platforms"] == [{"attributes": {"os": "linux", "runtime": "*"}}]
    text = aws.client("greengrassv2").get_component(arn=arn)["recipe"]
    artifact = json.loads(text)["Manifests"][0]["Artifacts"][0]
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    assert (artifact["Digest"], artifact["Algorithm"]) == (digest, "SHA-256")


def test_a_version_is_immutable_until_it_is_deleted(
    aws: LocalAws, publish: Callable[..., str], component: str
) -> None:
    arn = publish()
    with refused("ConflictException") as refusal:
        create(aws, recipe(component, "1.0.0", ComponentDescription="Another"))
    assert refusal.value.response["resourceId"] == arn
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    client = aws.client("greengrassv2")
    client.delete_component(arn=arn)
    with refused("ResourceNotFoundException"):
        client.describe_component(arn=arn)
    publish()


def test_the_same_request_again_makes_nothing_new(aws: LocalAws, component: str) -> None:
    first = create(aws, recipe(component, "1.0.0"), clientToken="token-1-" + component[-8:])
    again = create(aws, recipe(component, "1.0.0"), clientToken="token-1-" + component[-8:])
    assert again["arn"] == first["arn"]
    with refused("ConflictException"):
        create(aws, recipe(component, "1.0.1"), clientToken="token-1-" + component[-8:])


def test_a_version_without_its_artifact_fails(
    aws: LocalAws, publish: Callable[..., str], component: str, group: str
) -> None:
    uri = f"s3://{BUCKET}/nothing"
    arn = publish(state="FAILED", manifest={"Artifacts": [{"Uri": uri}]})
    assert "NoSuchKey" in described(aws, arn)["status"]["errors"][uri]
    with refused("ValidationException"):
        deploy(aws, group, {component: "1.0.0"})


def test_versions_are_listed_newest_first_in_pages(
    aws: LocalAws, publish: Callable[..., str], component: str
) -> None:
    for version in ("1.0.9", "1.0.10", "0.9.99"):
        publish(version)
    pages = aws.client("greengrassv2").get_paginator("list_component_versions")
    arn = f"{ACCOUNT}:components:{component}"
    found = pages.paginate(arn=arn, PaginationConfig={"PageSize": 2}).build_full_result()
    versions = [item["componentVersion"] for item in found["componentVersions"]]
    assert versions == ["1.0.10", "1.0.9", "0.9.99"]
    components = aws.client("greengrassv2").list_components(maxResults=100)["components"]
    [mine] = [item for item in components if item["componentName"] == component]
    assert mine["latestVersion"]["componentVersion"] == "1.0.10"
    other = aws.client("greengrassv2").list_component_versions(arn=f"{arn}.other")
    assert other["componentVersions"] == []


def test_the_service_refuses_a_wrong_recipe(aws: LocalAws, component: str) -> None:
    with refused("ValidationException"):
        create(aws, recipe(component, "1.0.1000000"))
    with refused("ValidationException"):
        aws.client("greengrassv2").create_component_version(inlineRecipe="a: yaml")
    with refused("ValidationException"):
        aws.client("greengrassv2").create_component_version()


def test_a_device_resolves_a_version_to_its_recipe(
    aws: LocalAws, publish: Callable[..., str], component: str
) -> None:
    publish()
    [found] = aws.client("greengrassv2").resolve_component_candidates(
        componentCandidates=[{"componentName": component, "componentVersion": "1.0.0"}]
    )["resolvedComponentVersions"]
    assert json.loads(found["recipe"])["ComponentName"] == component
