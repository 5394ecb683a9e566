"""Beginning a rollout, against the emulated Greengrass: real handlers, boto3 over HTTP.

The emulator is this project's own; nothing here has spoken to AWS.
"""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from lambdas import edge, edge_deploy
from lambdas.errors import InvalidInput, ServiceRefused
from local_mode.local_aws import LocalAws
from tests.lambdas.edge import GROUPS, deploy, living, model, model_uri, publish, put

pytestmark = pytest.mark.usefixtures("edge_variables")


def test_a_rollout_keeps_what_else_the_devices_run(
    aws: LocalAws, component: str, group: str
) -> None:
    client = aws.client("greengrassv2")
    other = {"aws.greengrass.Cli": {"componentVersion": "2.9.0"}}
    own = {component: {"componentVersion": "1.0.0", "configurationUpdate": {"merge": '{"a": 1}'}}}
    version = publish(component)["component_version"]
    first = deploy(version)
    assert first["previous_deployment_id"] is None
    client.create_deployment(targetArn=f"{GROUPS}/{group}", components={**other, **own})
    put(aws, model_uri(component), model(seed=3))
    second = deploy(publish(component)["component_version"])
    found = living(aws, group)
    assert found["deploymentId"] == second["deployment_id"]
    assert found["components"] == {
        **other,
        component: {"componentVersion": "1.0.1", "configurationUpdate": {"merge": '{"a": 1}'}},
    }
    assert found["deploymentPolicies"]["failureHandlingPolicy"] == "ROLLBACK"
    configuration = found["iotJobConfiguration"]
    assert configuration["jobExecutionsRolloutConfig"] == {"maximumPerMinute": 50}
    assert configuration["abortConfig"]["criteriaList"][0]["thresholdPercentage"] == 20
    assert deploy("1.0.1") | {"began": 0} == second | {"began": 0}


def test_a_deployment_that_was_called_off_is_not_what_devices_run(
    aws: LocalAws, component: str, group: str
) -> None:
    client = aws.client("greengrassv2")
    wanted = {"aws.greengrass.Cli": {"componentVersion": "2.9.0"}}
    unwanted = {"aws.greengrass.Other": {"componentVersion": "1.0.0"}}
    client.create_deployment(targetArn=f"{GROUPS}/{group}", components=wanted)
    off = client.create_deployment(targetArn=f"{GROUPS}/{group}", components=unwanted)
    client.cancel_deployment(deploymentId=off["deploymentId"])
    deploy(publish(component)["component_version"])
    assert living(aws, group)["components"].keys() == {*wanted, component}


class Backwards:
    """The client of Greengrass, its lists the other way round: AWS promises no order."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.get_deployment = client.get_deployment

    def get_paginator(self, operation: str) -> "Backwards":
        self._pages = self._client.get_paginator(operation)
        return self

    def paginate(self, **given: str) -> Iterator[dict[str, Any]]:
        for page in reversed(list(self._pages.paginate(**given))):
            yield {**page, "deployments": page["deployments"][::-1]}


def test_the_newest_deployment_counts_in_whatever_order_they_come(
    aws: LocalAws, component: str, group: str
) -> None:
    client = aws.client("greengrassv2")
    target = f"{GROUPS}/{group}"
    assert edge.living_deployment(Backwards(client), target) is None
    made = []
    for version in ("2.9.0", "2.9.1", "2.9.2"):
        components = {"aws.greengrass.Cli": {"componentVersion": version}}
        made.append(client.create_deployment(targetArn=target, components=components))
        time.sleep(0.01)
    for order in (client, Backwards(client)):
        found = edge.living_deployment(order, target)
        assert found is not None
        assert found["deploymentId"] == made[-1]["deploymentId"]


def test_another_group_of_the_stage_may_be_named(aws: LocalAws, component: str) -> None:
    name = f"rl-dev-{uuid.uuid4().hex}"
    aws.client("iot").create_thing_group(thingGroupName=name)
    version = publish(component)["component_version"]
    deploy(version, name)
    assert living(aws, name)["components"] == {component: {"componentVersion": version}}
    with pytest.raises(ServiceRefused, match="CreateDeployment"):
        deploy(version, f"{name}-other")


def test_a_wrong_request_is_refused() -> None:
    with pytest.raises(InvalidInput):
        edge_deploy.handler({"deployment_id": "?", "else": 1}, None)
