"""The groups of devices that an execution may deploy to: those of the configuration that exist."""

import boto3
import pytest

from lambdas.errors import ConfigurationError, InvalidInput
from tests.lambdas.preparing import run


@pytest.mark.usefixtures("account")
def test_the_stages_devices_are_looked_for_before_anything_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group = "arn:aws:iot:us-east-1:123456789012:thinggroup/rl-dev-devices"
    with pytest.raises(ConfigurationError, match="THING_GROUP_ARN is not set"):
        run({"edge": {"run": True}})
    monkeypatch.setenv("THING_GROUP_ARN", group)
    with pytest.raises(
        InvalidInput, match=r"edge\.thing_group: there is no thing group rl-dev-dev"
    ):
        run({"edge": {"run": True}})
    monkeypatch.setenv("THING_GROUPS", "warehouse,shops:north")
    for name in ("rl-dev-devices", "shops:north", "rl-dev-others"):
        boto3.client("iot").create_thing_group(thingGroupName=name)
    document = run({"edge": {"run": True}, "endpoint": {"run": False}})
    assert (document["plan"]["edge"], document["plan"]["deploy"]) == (True, False)
    for name in ("rl-dev-devices", "shops:north"):
        document = run({"edge": {"run": True, "thing_group": name}})
        assert document["edge"]["thing_group"] == name
    with pytest.raises(InvalidInput, match="there is no thing group warehouse: create it"):
        run({"edge": {"run": True, "thing_group": "warehouse"}})
    # It is there, and its name begins as the stage's; the policies do not name it.
    with pytest.raises(InvalidInput) as caught:
        run({"edge": {"run": True, "thing_group": "rl-dev-others"}})
    assert caught.value.problems == (
        "edge.thing_group: rl-dev-others is no group of this stage; use rl-dev-devices or "
        "warehouse or shops:north, or add it to edge.thing_groups in stacks/config.py",
    )
