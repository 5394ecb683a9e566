"""Deployments of the emulated control plane and the jobs behind them, driven by boto3."""

import json
from collections.abc import Callable

from local_mode.greengrass.device import register
from local_mode.local_aws import LocalAws
from tests.local_mode.greengrass import GROUPS, deploy, deployment, finish, next_job, refused


def test_a_new_deployment_takes_the_place_of_the_former(
    aws: LocalAws, publish: Callable[..., str], component: str, group: str
) -> None:
    publish("1.0.0")
    publish("1.0.1")
    first = deploy(aws, group, {component: "1.0.0"})
    second = deploy(aws, group, {component: "1.0.1"}, deploymentName="second")
    assert deployment(aws, first)["deploymentStatus"] == "INACTIVE"
    found = deployment(aws, second)
    assert (found["deploymentStatus"], found["isLatestForTarget"]) == ("ACTIVE", True)
    assert found["components"] == {component: {"componentVersion": "1.0.1"}}
    assert (found["revisionId"], found["deploymentName"]) == ("2", "second")
    assert found["deploymentPolicies"]["failureHandlingPolicy"] == "ROLLBACK"
    client, target = aws.client("greengrassv2"), f"{GROUPS}/{group}"
    latest = client.list_deployments(targetArn=target)["deployments"]
    assert [item["deploymentId"] for item in latest] == [second]
    everything = client.list_deployments(targetArn=target, historyFilter="ALL")["deployments"]
    assert [item["deploymentId"] for item in everything] == [second, first]


def test_a_deployment_needs_a_target_and_components_that_exist(
    aws: LocalAws, publish: Callable[..., str], component: str, group: str
) -> None:
    publish()
    with refused("ResourceNotFoundException"):
        deploy(aws, f"{group}-other", {component: "1.0.0"})
    with refused("ResourceNotFoundException"):
        deploy(aws, group, {component: "9.9.9"})
    with refused("ResourceNotFoundException"):
        deployment(aws, "nothing")
    client = aws.client("greengrassv2")
    wrong = {component: {"componentVersion": "1.0.0", "configurationUpdate": {"merge": "{"}}}
    with refused("ValidationException"):
        client.create_deployment(targetArn=f"{GROUPS}/{group}", components=wrong)


def test_the_same_deployment_again_makes_no_second(
    aws: LocalAws, publish: Callable[..., str], component: str, group: str
) -> None:
    publish()
    first = deploy(aws, group, {component: "1.0.0"}, clientToken="once-" + group[-8:])
    assert deploy(aws, group, {component: "1.0.0"}, clientToken="once-" + group[-8:]) == first
    with refused("ConflictException"):
        deploy(
            aws,
            group,
            {component: "1.0.0"},
            deploymentName="other",
            clientToken="once-" + group[-8:],
        )


def test_devices_of_the_group_get_it_and_those_that_join_later(
    aws: LocalAws, publish: Callable[..., str], component: str, group: str
) -> None:
    publish()
    register(aws.client, f"{group}-a", group)
    identifier = deploy(aws, group, {component: "1.0.0"})
    job = deployment(aws, identifier)["iotJobId"]
    details = json.loads(next_job(aws, f"{group}-a")["jobDocument"])
    assert details["components"] == {component: {"componentVersion": "1.0.0"}}
    assert details["failureHandlingPolicy"] == "ROLLBACK"
    assert finish(aws, f"{group}-a", "SUCCEEDED") == job
    assert next_job(aws, f"{group}-a") == {}
    with refused("InvalidStateTransitionException"):
        aws.client("iot-jobs-data").update_job_execution(
            thingName=f"{group}-a", jobId=job, status="FAILED"
        )
    register(aws.client, f"{group}-b", group)
    described = aws.client("iot").describe_job(jobId=job)["job"]
    assert described["targetSelection"] == "CONTINUOUS"
    counts = described["jobProcessDetails"]
    assert (counts["numberOfSucceededThings"], counts["numberOfQueuedThings"]) == (1, 1)
    waiting = aws.client("iot-jobs-data").get_pending_job_executions(thingName=f"{group}-b")
    assert [item["jobId"] for item in waiting["queuedJobs"]] == [job]
    assert deployment(aws, identifier)["deploymentStatus"] == "ACTIVE"


def test_a_deployment_to_one_thing_ends(
    aws: LocalAws, publish: Callable[..., str], component: str
) -> None:
    publish()
    iot, client = aws.client("iot"), aws.client("greengrassv2")
    for thing, status, end in (
        (f"{component[-8:]}-a", "SUCCEEDED", "COMPLETED"),
        (f"{component[-8:]}-b", "FAILED", "FAILED"),
    ):
        iot.create_thing(thingName=thing)
        target = f"arn:aws:iot:us-east-1:123456789012:thing/{thing}"
        components = {component: {"componentVersion": "1.0.0"}}
        answer = client.create_deployment(targetArn=target, components=components)
        finish(aws, thing, status)
        assert deployment(aws, answer["deploymentId"])["deploymentStatus"] == end
        with refused("ConflictException"):
            client.cancel_deployment(deploymentId=answer["deploymentId"])


def test_the_rollout_rate_holds_devices_back(
    aws: LocalAws, publish: Callable[..., str], component: str, group: str
) -> None:
    publish()
    for letter in "abc":
        register(aws.client, f"{group}-{letter}", group)
    rollout = {"jobExecutionsRolloutConfig": {"maximumPerMinute": 2}}
    identifier = deploy(aws, group, {component: "1.0.0"}, iotJobConfiguration=rollout)
    begun = [bool(next_job(aws, f"{group}-{letter}")) for letter in "abc"]
    assert begun == [True, True, False]
    job = deployment(aws, identifier)["iotJobId"]
    details = aws.client("iot").describe_job(jobId=job)["job"]["jobProcessDetails"]
    assert details["processingTargets"] == [f"{GROUPS}/{group}"]
    assert details["numberOfInProgressThings"] == 2
    leave = aws.client("iot").remove_thing_from_thing_group
    leave(thingName=f"{group}-c", thingGroupName=group)
    details = aws.client("iot").describe_job(jobId=job)["job"]["jobProcessDetails"]
    assert "processingTargets" not in details


def test_too_many_failures_end_the_rollout(
    aws: LocalAws, publish: Callable[..., str], component: str, group: str
) -> None:
    publish()
    for letter in "abcd":
        register(aws.client, f"{group}-{letter}", group)
    criterion = {
        "failureType": "FAILED",
        "action": "CANCEL",
        "thresholdPercentage": 50.0,
        "minNumberOfExecutedThings": 2,
    }
    identifier = deploy(
        aws,
        group,
        {component: "1.0.0"},
        iotJobConfiguration={"abortConfig": {"criteriaList": [criterion]}},
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
    aws: LocalAws, publish: Callable[..., str], component: str, group: str
) -> None:
    publish()
    client = aws.client("greengrassv2")
    identifier = deploy(aws, group, {component: "1.0.0"})
    with refused("ConflictException"):
        client.delete_deployment(deploymentId=identifier)
    client.cancel_deployment(deploymentId=identifier)
    client.delete_deployment(deploymentId=identifier)
    with refused("ResourceNotFoundException"):
        deployment(aws, identifier)
