"""What devices need: a group, credentials for an hour, and a policy that is theirs alone."""

import json
import re
from typing import Any

import pytest

from stacks.config import LONGEST_PREFIX
from tests.stacks.intrinsics import Deployed

LONGEST_POLICY = 2048  # blanks not counted, says AWS IoT's reference


@pytest.fixture(scope="module")
def documents(deployed: Deployed) -> dict[str, Any]:
    """Return the properties of the stack's resources by type."""
    kinds = ("IoT::RoleAlias", "IoT::ThingGroup", "IoT::Policy", "GreengrassV2::ComponentVersion")
    found = {}
    for kind in kinds:
        [(stack, _, properties)] = deployed.of_type(f"AWS::{kind}")
        assert stack.endswith("-Edge")
        found[kind.split("::")[1]] = properties
    return found


def test_names_are_those_of_the_stage(documents: dict[str, Any]) -> None:
    assert documents["ThingGroup"]["ThingGroupName"] == "rl-autoscaling-prod-devices"
    assert documents["Policy"]["PolicyName"] == "rl-autoscaling-prod-device"
    alias = documents["RoleAlias"]
    assert alias["RoleAlias"] == "rl-autoscaling-prod-edge"
    assert alias["CredentialDurationSeconds"] == 3600
    assert alias["RoleArn"].endswith("role/rl-autoscaling-prod-edge")


def test_a_device_speaks_in_its_own_name_alone(documents: dict[str, Any]) -> None:
    thing = "${iot:Connection.Thing.ThingName}"
    statements = documents["Policy"]["PolicyDocument"]["Statement"]
    by_action = {
        action: it["Resource"]
        for it in statements
        for action in ([it["Action"]] if isinstance(it["Action"], str) else it["Action"])
    }
    for action, resources in by_action.items():
        assert "*" not in action
        named = resources if isinstance(resources, list) else [resources]
        if action.startswith("iot:") and action != "iot:AssumeRoleWithCertificate":
            assert all(thing in resource for resource in named), action
    found = by_action["iot:AssumeRoleWithCertificate"]
    (alias,) = [found] if isinstance(found, str) else found
    assert alias.endswith(":rolealias/rl-autoscaling-prod-edge")
    own = "topic/rl-autoscaling/prod/${iot:Connection.Thing.ThingName}/*"
    assert any(resource.endswith(own) for resource in by_action["iot:Publish"])


def test_aws_iot_takes_the_policy_with_the_longest_names(documents: dict[str, Any]) -> None:
    text = json.dumps(documents["Policy"]["PolicyDocument"], separators=(",", ":"))
    names = text.count("rl-autoscaling") * (LONGEST_PREFIX - len("rl-autoscaling-prod"))
    regions = text.count("us-east-1") * (len("ap-southeast-1") - len("us-east-1"))
    assert len(text) + names + regions <= LONGEST_POLICY


def test_the_first_version_is_a_recipe_that_both_nuclei_take(documents: dict[str, Any]) -> None:
    recipe = json.loads(documents["ComponentVersion"]["InlineRecipe"])
    assert recipe["RecipeFormatVersion"] == "2020-01-25"
    assert recipe["ComponentName"] == "com.example.rl-autoscaling.Policy"
    assert re.fullmatch(r"[a-zA-Z0-9\-_.]{1,128}", recipe["ComponentName"])
    parts = recipe["ComponentVersion"].split(".")
    # The name is that of all stages, so each has a version of its own below those with a policy.
    assert parts == ["0", "0", "2"]
    assert all(int(part) <= 999_999 for part in parts)
    (manifest,) = recipe["Manifests"]
    # What nucleus lite does not have: bootstrap, shutdown, recover, Skipif.
    assert set(manifest["Lifecycle"]) == {"run"}
    assert "RequiresPrivilege" not in manifest["Lifecycle"]["run"]
    assert "ComponentDependencies" not in recipe
