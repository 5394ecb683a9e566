"""What executions made goes before what it needs: the endpoint before what its role may do."""

import json
import re
from dataclasses import replace
from typing import Any

from stacks.pages import stage_templates
from tests.stacks.synthesis import DEV, Synthesis, Template, Templates, resources

CUSTOM = "AWS::CloudFormation::CustomResource"
PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/rl-autoscaling-dev-policies/3"


def clean_ups(templates: Templates, part: str) -> list[dict[str, Any]]:
    [own] = [it for name, it in templates.items() if name.endswith(f"-{part}")]
    return [it for it in own["Resources"].values() if it["Type"] == CUSTOM]


def imported(template: Template) -> set[str]:
    """Return the stacks that a stack needs, and that CloudFormation deletes after it."""
    return set(re.findall(r'"Fn::ImportValue": "([\w-]+):', json.dumps(template)))


def test_the_endpoint_goes_before_what_its_role_may_do(dev: Synthesis) -> None:
    [resource] = clean_ups(dev.templates, "Serving")
    serving = f"{DEV.prefix}-Serving"
    later = imported(dev.templates[serving])
    policies = [
        (stack, logical_id)
        for stack, logical_id, it in resources(dev.templates)
        if it["Type"] == "AWS::IAM::ManagedPolicy"
        and "RolesServing" in str(it["Properties"].get("Roles"))
    ]
    assert {stack for stack, _ in policies} == {serving, f"{DEV.prefix}-Workflow"}
    for stack, logical_id in policies:
        assert stack in later or logical_id in resource["DependsOn"], logical_id
    assert f"{DEV.prefix}-Access" in later
    assert resource["Properties"]["Endpoint"] == DEV.prefix


def test_its_function_may_still_work_then(dev: Synthesis) -> None:
    """What it may do of SageMaker is said in the stack Storage, the rest beside it."""
    [resource] = clean_ups(dev.templates, "Serving")
    own = dev.templates[f"{DEV.prefix}-Serving"]["Resources"]
    function = own[resource["Properties"]["ServiceToken"]["Fn::GetAtt"][0]]["Properties"]
    assert "RolesCleanUp" in str(function["Role"])
    [policy] = [
        logical_id
        for logical_id, it in own.items()
        if it["Type"] == "AWS::IAM::ManagedPolicy" and "RolesCleanUp" in str(it)
    ]
    assert policy in resource["DependsOn"]
    assert f"{DEV.prefix}-Storage" in imported(dev.templates[f"{DEV.prefix}-Serving"])
    assert len(clean_ups(dev.templates, "Storage")) == 1


def test_it_is_there_only_where_the_workflows_endpoint_is_to_go(
    checked: Synthesis, workflows_own: Synthesis
) -> None:
    pinned = replace(DEV, serving=replace(DEV.serving, model_package=PACKAGE))
    for templates in (checked.templates, workflows_own.templates, stage_templates(pinned)):
        assert not clean_ups(templates, "Serving")
