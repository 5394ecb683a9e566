"""The emulated control plane of Greengrass v2, driven by boto3."""

import base64
import copy
import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_mode.greengrass.recipes import problems
from local_mode.local_aws import LocalAws
from tests.local_mode.support import BUCKET, wait_for

ROOT = "arn:aws:greengrass:us-east-1:123456789012"
GROUPS = "arn:aws:iot:us-east-1:123456789012:thinggroup"
CONTENT = b"the model"


def recipe(name: str, version: str, **changes: Any) -> dict[str, Any]:
    return {
        "RecipeFormatVersion": "2020-01-25",
        "ComponentName": name,
        "ComponentVersion": version,
        "ComponentType": "aws.greengrass.generic",
        "ComponentDescription": "A test",
        "ComponentPublisher": "Tests",
        "ComponentConfiguration": {"DefaultConfiguration": {"limit": 0.75}},
        "Manifests": [
            {
                "Platform": {"os": "linux", "runtime": "*"},
                "Lifecycle": {"run": {"Script": "cat {artifacts:path}/model"}},
                "Artifacts": [{"Uri": f"s3://{BUCKET}/model", "Unarchive": "NONE"}],
            }
        ],
        **changes,
    }


@pytest.fixture
def name() -> str:
    return f"com.example.{uuid.uuid4().hex}"


@pytest.fixture
def group(aws: LocalAws) -> str:
    found = f"group-{uuid.uuid4().hex}"
    aws.client("iot").create_thing_group(thingGroupName=found)
    return found


@pytest.fixture
def publish(aws: LocalAws, name: str) -> Callable[..., str]:
    """Publish a version and wait until it can be deployed; return its ARN."""
    aws.client("s3").put_object(Bucket=BUCKET, Key="model", Body=CONTENT)

    def publish(version: str = "1.0.0", state: str = "DEPLOYABLE", **changes: Any) -> str:
        arn = create(aws, recipe(name, version, **changes))["arn"]
        wait_for(lambda: component(aws, arn)["status"]["componentState"] == state)
        return arn

    return publish


def create(aws: LocalAws, document: object, **members: Any) -> dict[str, Any]:
    return aws.client("greengrassv2").create_component_version(
        inlineRecipe=json.dumps(document), **members
    )


def component(aws: LocalAws, arn: str) -> dict[str, Any]:
    return aws.client("greengrassv2").describe_component(arn=arn)


def deploy(aws: LocalAws, group: str, name: str, version: str = "1.0.0", **members: Any) -> str:
    return aws.client("greengrassv2").create_deployment(
        targetArn=f"{GROUPS}/{group}", components={name: {"componentVersion": version}}, **members
    )["deploymentId"]


def deployment(aws: LocalAws, identifier: str) -> dict[str, Any]:
    return aws.client("greengrassv2").get_deployment(deploymentId=identifier)


def join(aws: LocalAws, group: str, thing: str) -> None:
    iot = aws.client("iot")
    iot.create_thing(thingName=thing)
    iot.add_thing_to_thing_group(thingName=thing, thingGroupName=group)


def next_job(aws: LocalAws, thing: str) -> dict[str, Any]:
    answer = aws.client("iot-jobs-data").start_next_pending_job_execution(thingName=thing)
    return answer.get("execution", {})


def finish(aws: LocalAws, thing: str, status: str) -> str:
    job = next_job(aws, thing)["jobId"]
    aws.client("iot-jobs-data").update_job_execution(thingName=thing, jobId=job, status=status)
    return job


def refused(code: str) -> Any:
    return pytest.raises(ClientError, match=rf"\({code}\)")


def test_a_version_becomes_deployable_and_gets_the_digests(
    aws: LocalAws, publish: Callable[..., str], name: str
) -> None:
    answer = create(aws, recipe(name, "1.2.3"), tags={"content": "abc"})
    assert answer["status"]["componentState"] == "REQUESTED"
    arn = answer["arn"]
    assert arn == f"{ROOT}:components:{name}:versions:1.2.3"
    found = wait_for(
        lambda: (it := component(aws, arn))["status"]["componentState"] == "DEPLOYABLE" and it
    )
    assert (found["publisher"], found["tags"]) == ("Tests", {"content": "abc"})
    assert found["platforms"] == [{"attributes": {"os": "linux", "runtime": "*"}}]
    text = aws.client("greengrassv2").get_component(arn=arn)["recipe"]
    artifact = json.loads(text)["Manifests"][0]["Artifacts"][0]
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    assert (artifact["Digest"], artifact["Algorithm"]) == (digest, "SHA-256")


def test_a_version_is_immutable_until_it_is_deleted(
    aws: LocalAws, publish: Callable[..., str], name: str
) -> None:
    arn = publish()
    with refused("ConflictException") as refusal:
        create(aws, recipe(name, "1.0.0", ComponentDescription="Another"))
    assert refusal.value.response["resourceId"] == arn
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    client = aws.client("greengrassv2")
    client.delete_component(arn=arn)
    with refused("ResourceNotFoundException"):
        client.describe_component(arn=arn)
    publish()


def test_the_same_request_again_makes_nothing_new(aws: LocalAws, name: str) -> None:
    first = create(aws, recipe(name, "1.0.0"), clientToken="token-1-" + name[-8:])
    again = create(aws, recipe(name, "1.0.0"), clientToken="token-1-" + name[-8:])
    assert again["arn"] == first["arn"]
    with refused("ConflictException"):
        create(aws, recipe(name, "1.0.1"), clientToken="token-1-" + name[-8:])


def test_a_version_without_its_artifact_fails(
    aws: LocalAws, publish: Callable[..., str], name: str, group: str
) -> None:
    manifest = copy.deepcopy(recipe(name, "1.0.0")["Manifests"][0])
    manifest["Artifacts"][0]["Uri"] = f"s3://{BUCKET}/nothing"
    arn = publish(state="FAILED", Manifests=[manifest])
    assert "NoSuchKey" in component(aws, arn)["status"]["errors"][f"s3://{BUCKET}/nothing"]
    with refused("ValidationException"):
        deploy(aws, group, name)


def test_versions_are_listed_newest_first_in_pages(
    aws: LocalAws, publish: Callable[..., str], name: str
) -> None:
    for version in ("1.0.9", "1.0.10", "0.9.99"):
        publish(version)
    pages = aws.client("greengrassv2").get_paginator("list_component_versions")
    arn = f"{ROOT}:components:{name}"
    found = pages.paginate(arn=arn, PaginationConfig={"PageSize": 2}).build_full_result()
    versions = [item["componentVersion"] for item in found["componentVersions"]]
    assert versions == ["1.0.10", "1.0.9", "0.9.99"]
    components = aws.client("greengrassv2").list_components(maxResults=100)["components"]
    [mine] = [item for item in components if item["componentName"] == name]
    assert mine["latestVersion"]["componentVersion"] == "1.0.10"
    other = aws.client("greengrassv2").list_component_versions(arn=f"{arn}.other")
    assert other["componentVersions"] == []


def changed(**changes: Any) -> dict[str, Any]:
    return recipe("com.example.Policy", "1.0.0", **changes)


def manifest(**changes: Any) -> dict[str, Any]:
    return changed(Manifests=[{**changed()["Manifests"][0], **changes}])


def run(**step: Any) -> dict[str, Any]:
    return manifest(Lifecycle={"run": {"Script": "true", **step}})


WRONG = {
    "no object": ([], "must be an object"),
    "another casing": (
        {**{k: v for k, v in changed().items() if k != "Manifests"}, "manifests": []},
        "Manifests is missing",
    ),
    "a key that is nearly right": (manifest(platform={}), "write Platform"),
    "an unknown key": (changed(Other=1), "Other is no key"),
    "another format": (changed(RecipeFormatVersion="2021-01-01"), "must be 2020-01-25"),
    "a long part": (changed(ComponentVersion="1.0.1000000"), "has not the form"),
    "a date as a version": (changed(ComponentVersion="1.0.20261122063000"), "has not the form"),
    "two parts": (changed(ComponentVersion="1.0"), "has not the form"),
    "a name with a blank": (changed(ComponentName="a b"), "has not the form"),
    "a long name": (changed(ComponentName="a" * 129), "has not the form"),
    "no manifest": (changed(Manifests=[]), "holds no manifest"),
    "no lifecycle": (changed(Manifests=[{}]), "Lifecycle is missing"),
    "a step without a script": (manifest(Lifecycle={"run": {}}), "Script is missing"),
    "a step that is text": (manifest(Lifecycle={"run": "true"}), "must be an object"),
    "a timeout that is text": (run(Timeout="10"), "must be a whole number"),
    "a timeout that is true": (run(Timeout=True), "must be a whole number"),
    "a privilege that is a number": (run(RequiresPrivilege=1), "must be a boolean"),
    "an unknown packing": (
        manifest(Artifacts=[{"Uri": "s3://bucket/a", "Unarchive": "TAR"}]),
        "NONE or ZIP",
    ),
    "an artifact elsewhere": (manifest(Artifacts=[{"Uri": "https://x/y"}]), "has not the form"),
    "an unknown variable": (run(Script="{artifacts:Path}/x"), "is no variable"),
    "no runtime": (manifest(Platform={"os": "linux"}), "needs runtime"),
    "the Java nucleus alone": (manifest(Platform={"runtime": "aws_nucleus"}), "needs runtime"),
    "a shutdown": (
        manifest(Lifecycle={"run": {"Script": "a"}, "shutdown": {"Script": "b"}}),
        "does not run it",
    ),
    "a condition": (run(Skipif="exists a"), "does not know it"),
    "a variable in the configuration": (
        changed(
            ComponentConfiguration={"DefaultConfiguration": {"a": "{configuration:/b}"}},
        ),
        "reads no variable",
    ),
    "an unknown dependency": (
        changed(ComponentDependencies={"a": {"VersionRequirement": "*", "DependencyType": "hard"}}),
        "HARD or SOFT",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_recipe_is_refused_with_its_place(case: str) -> None:
    document, reason = WRONG[case]
    assert any(reason in line for line in problems(document)), problems(document)


def test_what_lite_lacks_is_allowed_where_lite_is_not_meant() -> None:
    lifecycle = {"run": {"Script": "a", "Skipif": "exists a"}, "shutdown": {"Script": "b"}}
    document = manifest(Platform={"os": "linux"}, Lifecycle=lifecycle)
    assert problems(document, lite=False) == []
    assert len(problems(document)) == 3


def test_a_correct_recipe_has_no_problem() -> None:
    assert problems(changed()) == []


def test_the_service_refuses_a_wrong_recipe(aws: LocalAws, name: str) -> None:
    with refused("ValidationException"):
        create(aws, recipe(name, "1.0.1000000"))
    with refused("ValidationException"):
        aws.client("greengrassv2").create_component_version(inlineRecipe="a: yaml")
    with refused("ValidationException"):
        aws.client("greengrassv2").create_component_version()


def test_a_new_deployment_takes_the_place_of_the_former(
    aws: LocalAws, publish: Callable[..., str], name: str, group: str
) -> None:
    publish("1.0.0")
    publish("1.0.1")
    first = deploy(aws, group, name)
    second = deploy(aws, group, name, "1.0.1", deploymentName="second")
    assert deployment(aws, first)["deploymentStatus"] == "INACTIVE"
    found = deployment(aws, second)
    assert (found["deploymentStatus"], found["isLatestForTarget"]) == ("ACTIVE", True)
    assert found["components"] == {name: {"componentVersion": "1.0.1"}}
    assert (found["revisionId"], found["deploymentName"]) == ("2", "second")
    assert found["deploymentPolicies"]["failureHandlingPolicy"] == "ROLLBACK"
    client, target = aws.client("greengrassv2"), f"{GROUPS}/{group}"
    latest = client.list_deployments(targetArn=target)["deployments"]
    assert [item["deploymentId"] for item in latest] == [second]
    everything = client.list_deployments(targetArn=target, historyFilter="ALL")["deployments"]
    assert [item["deploymentId"] for item in everything] == [second, first]


def test_a_deployment_needs_a_target_and_components_that_exist(
    aws: LocalAws, publish: Callable[..., str], name: str, group: str
) -> None:
    publish()
    with refused("ResourceNotFoundException"):
        deploy(aws, f"{group}-other", name)
    with refused("ResourceNotFoundException"):
        deploy(aws, group, name, "9.9.9")
    with refused("ResourceNotFoundException"):
        deployment(aws, "nothing")
    client = aws.client("greengrassv2")
    wrong = {name: {"componentVersion": "1.0.0", "configurationUpdate": {"merge": "{"}}}
    with refused("ValidationException"):
        client.create_deployment(targetArn=f"{GROUPS}/{group}", components=wrong)


def test_the_same_deployment_again_makes_no_second(
    aws: LocalAws, publish: Callable[..., str], name: str, group: str
) -> None:
    publish()
    first = deploy(aws, group, name, clientToken="once-" + group[-8:])
    assert deploy(aws, group, name, clientToken="once-" + group[-8:]) == first
    with refused("ConflictException"):
        deploy(aws, group, name, deploymentName="other", clientToken="once-" + group[-8:])


def test_devices_of_the_group_get_it_and_those_that_join_later(
    aws: LocalAws, publish: Callable[..., str], name: str, group: str
) -> None:
    publish()
    join(aws, group, f"{group}-a")
    identifier = deploy(aws, group, name)
    job = deployment(aws, identifier)["iotJobId"]
    details = json.loads(next_job(aws, f"{group}-a")["jobDocument"])
    assert details["components"] == {name: {"componentVersion": "1.0.0"}}
    assert details["failureHandlingPolicy"] == "ROLLBACK"
    assert finish(aws, f"{group}-a", "SUCCEEDED") == job
    assert next_job(aws, f"{group}-a") == {}
    with refused("InvalidStateTransitionException"):
        aws.client("iot-jobs-data").update_job_execution(
            thingName=f"{group}-a", jobId=job, status="FAILED"
        )
    join(aws, group, f"{group}-b")
    described = aws.client("iot").describe_job(jobId=job)["job"]
    assert described["targetSelection"] == "CONTINUOUS"
    counts = described["jobProcessDetails"]
    assert (counts["numberOfSucceededThings"], counts["numberOfQueuedThings"]) == (1, 1)
    waiting = aws.client("iot-jobs-data").get_pending_job_executions(thingName=f"{group}-b")
    assert [item["jobId"] for item in waiting["queuedJobs"]] == [job]
    assert deployment(aws, identifier)["deploymentStatus"] == "ACTIVE"


def test_a_deployment_to_one_thing_ends(
    aws: LocalAws, publish: Callable[..., str], name: str
) -> None:
    publish()
    iot, client = aws.client("iot"), aws.client("greengrassv2")
    for thing, status, end in (
        (f"{name[-8:]}-a", "SUCCEEDED", "COMPLETED"),
        (f"{name[-8:]}-b", "FAILED", "FAILED"),
    ):
        iot.create_thing(thingName=thing)
        target = f"arn:aws:iot:us-east-1:123456789012:thing/{thing}"
        components = {name: {"componentVersion": "1.0.0"}}
        answer = client.create_deployment(targetArn=target, components=components)
        finish(aws, thing, status)
        assert deployment(aws, answer["deploymentId"])["deploymentStatus"] == end
        with refused("ConflictException"):
            client.cancel_deployment(deploymentId=answer["deploymentId"])


def test_the_rollout_rate_holds_devices_back(
    aws: LocalAws, publish: Callable[..., str], name: str, group: str
) -> None:
    publish()
    for letter in "abc":
        join(aws, group, f"{group}-{letter}")
    rollout = {"jobExecutionsRolloutConfig": {"maximumPerMinute": 2}}
    deploy(aws, group, name, iotJobConfiguration=rollout)
    begun = [bool(next_job(aws, f"{group}-{letter}")) for letter in "abc"]
    assert begun == [True, True, False]


def test_too_many_failures_end_the_rollout(
    aws: LocalAws, publish: Callable[..., str], name: str, group: str
) -> None:
    publish()
    for letter in "abcd":
        join(aws, group, f"{group}-{letter}")
    criterion = {
        "failureType": "FAILED",
        "action": "CANCEL",
        "thresholdPercentage": 50.0,
        "minNumberOfExecutedThings": 2,
    }
    identifier = deploy(
        aws, group, name, iotJobConfiguration={"abortConfig": {"criteriaList": [criterion]}}
    )
    finish(aws, f"{group}-a", "FAILED")
    assert deployment(aws, identifier)["deploymentStatus"] == "ACTIVE"
    finish(aws, f"{group}-b", "SUCCEEDED")
    found = deployment(aws, identifier)
    assert found["deploymentStatus"] == "CANCELED"
    job = aws.client("iot").describe_job(jobId=found["iotJobId"])["job"]
    assert job["status"] == "CANCELED"
    assert job["jobProcessDetails"]["numberOfCanceledThings"] == 2
    assert next_job(aws, f"{group}-c") == {}


def test_a_canceled_deployment_may_be_deleted_and_an_active_one_not(
    aws: LocalAws, publish: Callable[..., str], name: str, group: str
) -> None:
    publish()
    client = aws.client("greengrassv2")
    identifier = deploy(aws, group, name)
    with refused("ConflictException"):
        client.delete_deployment(deploymentId=identifier)
    client.cancel_deployment(deploymentId=identifier)
    client.delete_deployment(deploymentId=identifier)
    with refused("ResourceNotFoundException"):
        deployment(aws, identifier)


def test_devices_report_their_health(
    aws: LocalAws, publish: Callable[..., str], name: str, group: str
) -> None:
    publish()
    thing, client = f"{group}-a", aws.client("greengrassv2")
    with refused("ResourceNotFoundException"):
        client.get_core_device(coreDeviceThingName=thing)
    join(aws, group, thing)
    identifier = deploy(aws, group, name)
    finish(aws, thing, "SUCCEEDED")
    health = {
        "ggcVersion": "2.6.0",
        "platform": "linux",
        "overallDeviceStatus": "UNHEALTHY",
        "components": [{"componentName": name, "version": "1.0.0", "status": "BROKEN"}],
    }
    topic = f"$aws/things/{thing}/greengrassv2/health/json"
    aws.client("iot-data").publish(topic=topic, qos=1, payload=json.dumps(health))
    found = client.get_core_device(coreDeviceThingName=thing)
    assert (found["status"], found["coreVersion"]) == ("UNHEALTHY", "2.6.0")
    of_group = {"thingGroupArn": f"{GROUPS}/{group}"}
    unhealthy = client.list_core_devices(**of_group, status="UNHEALTHY")["coreDevices"]
    assert [item["coreDeviceThingName"] for item in unhealthy] == [thing]
    assert client.list_core_devices(**of_group, status="HEALTHY")["coreDevices"] == []
    [installed] = client.list_installed_components(coreDeviceThingName=thing)["installedComponents"]
    assert (installed["componentVersion"], installed["lifecycleState"]) == ("1.0.0", "BROKEN")
    [effective] = client.list_effective_deployments(coreDeviceThingName=thing)[
        "effectiveDeployments"
    ]
    assert effective["deploymentId"] == identifier
    assert effective["coreDeviceExecutionStatus"] == "SUCCEEDED"
    client.delete_core_device(coreDeviceThingName=thing)
    assert client.list_core_devices(**of_group)["coreDevices"] == []


def test_tags_are_kept(aws: LocalAws, publish: Callable[..., str], name: str, group: str) -> None:
    arn, client = publish(), aws.client("greengrassv2")
    client.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    client.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    identifier = deploy(aws, group, name, tags={"c": "3"})
    tags = client.list_tags_for_resource(resourceArn=f"{ROOT}:deployments:{identifier}")
    assert tags["tags"] == {"c": "3"}


def test_a_device_resolves_a_version_to_its_recipe(
    aws: LocalAws, publish: Callable[..., str], name: str
) -> None:
    publish()
    [found] = aws.client("greengrassv2").resolve_component_candidates(
        componentCandidates=[{"componentName": name, "componentVersion": "1.0.0"}]
    )["resolvedComponentVersions"]
    assert json.loads(found["recipe"])["ComponentName"] == name


def test_what_nothing_does_is_refused_and_the_rest_of_iot_is_motos(aws: LocalAws) -> None:
    with refused("ValidationException"):
        aws.client("greengrassv2").get_service_role_for_account()
    assert aws.client("iot").describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    aws.client("iot-data").publish(topic="other/topic", qos=1, payload=b"1")
