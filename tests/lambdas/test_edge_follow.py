"""Following a rollout, against the emulated Greengrass: real handlers, boto3 over HTTP.

The emulator is this project's own; nothing here has spoken to AWS.
"""

import time
from typing import Any

import pytest

from lambdas import edge_follow
from lambdas.errors import EdgeDeploymentFailed, InvalidInput
from local_mode.local_aws import LocalAws
from tests.lambdas.edge import (
    GROUPS,
    ROOT,
    answer,
    deploy,
    follow,
    join,
    living,
    model,
    model_uri,
    publish,
    put,
)

pytestmark = pytest.mark.usefixtures("edge_variables")


def test_a_group_without_devices_is_nothing_to_wait_for(component: str, group: str) -> None:
    found = follow(deploy(publish(component)["component_version"]))
    assert found == {
        "ended": True,
        "note": f"No device is in {group} yet; those that join get {component} 1.0.0.",
    }


def test_devices_are_waited_for(aws: LocalAws, component: str, group: str) -> None:
    first, second = join(aws, group, "a", "b")
    deployed = deploy(publish(component)["component_version"])
    assert follow(deployed)["ended"] is False
    answer(aws, first, "SUCCEEDED")
    assert follow(deployed)["ended"] is False
    answer(aws, second, "SUCCEEDED")
    note = f"2 of 2 devices in {group} run {component} 1.0.0."
    assert follow(deployed) == {"ended": True, "note": note}


def test_a_rollout_that_has_not_reached_all_devices_is_waited_for(
    aws: LocalAws, component: str, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_MAXIMUM_PER_MINUTE", "1")
    first, _ = join(aws, group, "a", "b")
    deployed = deploy(publish(component)["component_version"])
    answer(aws, first, "SUCCEEDED")
    note = f"1 of 1 devices in {group} run {component} 1.0.0, the rollout to others goes on."
    assert follow(deployed) == {"ended": False, "note": note}
    late = follow({**deployed, "began": int(time.time()) - 3600})
    assert late == {"ended": True, "note": note}


def test_a_rollout_that_has_not_begun_is_no_empty_group() -> None:
    details = {"processingTargets": [GROUPS], "numberOfQueuedThings": 0}
    progress = edge_follow.Progress.of(details)
    assert progress == edge_follow.Progress(done=0, failed=0, waiting=0, rolling_out=True)


def test_devices_that_are_away_are_not_waited_for_for_ever(
    aws: LocalAws, component: str, group: str
) -> None:
    first, _ = join(aws, group, "a", "b")
    deployed = deploy(publish(component)["component_version"])
    answer(aws, first, "SUCCEEDED")
    found = follow({**deployed, "began": int(time.time()) - 3600})
    assert found["ended"] is True
    assert "1 of 2 devices" in found["note"]
    assert "1 get it once they are connected" in found["note"]


def test_a_failure_that_is_rare_enough_is_told(
    aws: LocalAws, component: str, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_ABORT_PERCENT", "60")
    first, second = join(aws, group, "a", "b")
    deployed = deploy(publish(component)["component_version"])
    answer(aws, first, "SUCCEEDED")
    answer(aws, second, "FAILED")
    assert "1 failed and went back" in follow(deployed)["note"]


def test_a_failed_rollout_is_taken_back_once(aws: LocalAws, component: str, group: str) -> None:
    [thing] = join(aws, group, "a")
    first = deploy(publish(component)["component_version"])
    answer(aws, thing, "SUCCEEDED")
    put(aws, model_uri(component), model(seed=9))
    second = deploy(publish(component)["component_version"])
    assert second["previous_deployment_id"] == first["deployment_id"]
    answer(aws, thing, "FAILED")
    for _ in range(2):
        with pytest.raises(EdgeDeploymentFailed, match="1 of 1 devices that tried it failed"):
            follow(second)
    back = living(aws, group)
    assert back["components"] == {component: {"componentVersion": "1.0.0"}}
    assert back["revisionId"] == "3"
    answer(aws, thing, "SUCCEEDED")
    # The next execution goes on from what the devices run.
    put(aws, model_uri(component), model(seed=10))
    third = deploy(publish(component)["component_version"])
    assert third["previous_deployment_id"] == back["deploymentId"]


@pytest.mark.parametrize("after", ["get_deployment", "describe_job"])
def test_a_failure_between_two_looks_is_no_success(
    aws: LocalAws, component: str, group: str, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    [thing] = join(aws, group, "a")
    deployed = deploy(publish(component)["component_version"])
    clients = {name: edge_follow.client(name) for name in ("greengrassv2", "iot")}
    owner = next(it for it in clients.values() if hasattr(it, after))
    look = getattr(owner, after)

    def look_and_fail(**given: Any) -> Any:
        monkeypatch.setattr(owner, after, look)
        found = look(**given)
        answer(aws, thing, "FAILED")
        return found

    monkeypatch.setattr(owner, after, look_and_fail)
    monkeypatch.setattr(edge_follow, "client", clients.__getitem__)
    with pytest.raises(EdgeDeploymentFailed, match="1 of 1 devices that tried it failed"):
        follow(deployed)


def failed_second(aws: LocalAws, component: str, group: str) -> dict[str, Any]:
    """Return a deployment that its device failed, after one that it took."""
    [thing] = join(aws, group, "a")
    deploy(publish(component)["component_version"])
    answer(aws, thing, "SUCCEEDED")
    put(aws, model_uri(component), model(seed=9))
    second = deploy(publish(component)["component_version"])
    answer(aws, thing, "FAILED")
    return second


def test_what_somebody_has_deployed_since_is_not_taken_back(
    aws: LocalAws, component: str, group: str
) -> None:
    second = failed_second(aws, component, group)
    components = {"aws.greengrass.Cli": {"componentVersion": "2.9.0"}}
    aws.client("greengrassv2").create_deployment(
        targetArn=f"{GROUPS}/{group}", components=components
    )
    with pytest.raises(EdgeDeploymentFailed, match="got another deployment since then"):
        follow(second)
    assert living(aws, group)["components"].keys() == components.keys()


def test_a_deployment_that_is_gone_cannot_be_gone_back_to(
    aws: LocalAws, component: str, group: str
) -> None:
    second = failed_second(aws, component, group)
    aws.client("greengrassv2").delete_deployment(deploymentId=second["previous_deployment_id"])
    with pytest.raises(EdgeDeploymentFailed, match="which they ran before, was deleted"):
        follow(second)


def test_a_version_that_is_gone_cannot_be_gone_back_to(
    aws: LocalAws, component: str, group: str
) -> None:
    second = failed_second(aws, component, group)
    aws.client("greengrassv2").delete_component(arn=f"{ROOT}:{component}:versions:1.0.0")
    with pytest.raises(EdgeDeploymentFailed, match=r"cannot be deployed again: .*no version"):
        follow(second)


def test_the_first_rollout_that_fails_leaves_the_devices(
    aws: LocalAws, component: str, group: str
) -> None:
    [thing] = join(aws, group, "a")
    deployed = deploy(publish(component)["component_version"])
    answer(aws, thing, "REJECTED")
    with pytest.raises(EdgeDeploymentFailed, match="Nothing was deployed to the group before"):
        follow(deployed)


def test_another_deployment_ends_the_waiting(aws: LocalAws, component: str, group: str) -> None:
    join(aws, group, "a")
    deployed = deploy(publish(component)["component_version"])
    components = {"aws.greengrass.Cli": {"componentVersion": "2.9.0"}}
    aws.client("greengrassv2").create_deployment(
        targetArn=f"{GROUPS}/{group}", components=components
    )
    with pytest.raises(EdgeDeploymentFailed, match="replaced by another"):
        follow(deployed)


def test_a_wrong_request_is_refused() -> None:
    with pytest.raises(InvalidInput):
        edge_follow.handler({"deployment_id": "?", "else": 1}, None)
