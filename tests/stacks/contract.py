"""What templates and code must agree on, as lists of problems: tests want them empty, mutants not.

Nothing here reads `stacks/`: only what was synthesised, the handlers and the contracts.
"""

import json
from collections.abc import Iterator
from dataclasses import MISSING, fields
from importlib import import_module
from typing import Any

from tests.stacks.calls import Source, definition_actions
from tests.stacks.grants import (
    Role,
    Statement,
    allowed,
    public,
    roles,
    root_may_decide,
    statements,
)
from tests.stacks.intrinsics import Deployed
from tests.stacks.needs import NEEDS, may_lack
from tests.stacks.synthesis import Finding, resources


def definition(deployed: Deployed) -> dict[str, Any]:
    """Return the definition of the state machine as Step Functions would get it."""
    [(_, _, properties)] = deployed.of_type("AWS::StepFunctions::StateMachine")
    machine: dict[str, Any] = json.loads(properties["DefinitionString"])
    return machine


def steps(deployed: Deployed) -> dict[str, str]:
    """Return the names of handlers by the ARN of the role that they run with."""
    handlers = {
        properties["Role"]: properties.get("Handler", "")
        for _, _, properties in deployed.of_type("AWS::Lambda::Function")
    }
    return {
        role: handler.split(".")[1]
        for role, handler in handlers.items()
        if handler.startswith("lambdas.")
    }


def called(deployed: Deployed, role: Role, source: Source) -> set[str]:
    """Return the actions that handlers and definition show for a role."""
    step = steps(deployed).get(role.arn)
    if step is not None:
        # Without the right to list, S3 answers 403 for what is not there, and never NoSuchKey.
        lists = {"s3:ListBucket"} if source.mentions(step, "NoSuchKey") else set()
        return source.actions(step) | lists
    machines = deployed.of_type("AWS::StepFunctions::StateMachine")
    if role.arn in (properties["RoleArn"] for _, _, properties in machines):
        return definition_actions(definition(deployed))
    return set()


def permission_problems(deployed: Deployed, source: Source) -> Iterator[Finding]:
    """Yield what a role lacks, has without need, or has without its bounds."""
    if not root_may_decide(deployed):
        yield Finding("contract", "key-without-root", "no role's own policy counts for the key")
    yield from (Finding("contract", "public", it) for it in public(deployed))
    for role in roles(deployed):
        yield from _trust(role)
        if role.name not in NEEDS:
            yield Finding("contract", "unknown-role", role.name)
            continue
        own = statements(deployed, role)
        granted = {action for statement in own if statement.allows for action in statement.actions}
        shown = called(deployed, role, source)
        used = granted or in_use(deployed, role)
        needed = shown | (NEEDS[role.name].keys() - may_lack(role.name) if used else set())
        for action in sorted(needed - granted):
            yield Finding("contract", "missing", f"{role.name} {action}")
        for action in sorted(granted - shown - NEEDS[role.name].keys()):
            yield Finding("contract", "unneeded", f"{role.name} {action}")
        yield from _unbounded(role, own)


def in_use(deployed: Deployed, role: Role) -> bool:
    """Tell whether anything but policies names the role; a stage may have no use for one."""
    kinds = {resource["Type"] for _, _, resource in resources(deployed.templates)}
    return any(
        role.arn in json.dumps(properties)
        for kind in kinds
        if not kind.endswith("Policy")
        for _, _, properties in deployed.of_type(kind)
    )


def _unbounded(role: Role, own: list[Statement]) -> Iterator[Finding]:
    """Yield what is allowed for a request that the workflow never makes."""
    strange = {
        "iam:PassRole": {"iam:PassedToService": "ec2.amazonaws.com"},
        "kms:CreateGrant": {"kms:GrantIsForAWSResource": "false"},
        "cloudwatch:PutMetricData": {"cloudwatch:namespace": "AWS/Billing"},
        "sagemaker:UpdateModelPackage": {"sagemaker:ModelApprovalStatus": "Approved"},
    }
    for action, context in strange.items():
        resources = [it for statement in own if statement.allows for it in statement.resources]
        if any(allowed(own, action, resource, context) for resource in resources):
            yield Finding("contract", "unbounded", f"{role.name} {action}")


def _trust(role: Role) -> Iterator[Finding]:
    # Lambda says for no account that it assumes a role; the others do.
    others = [name for name in role.services if name != "lambda.amazonaws.com"]
    if others and not role.says_account:
        yield Finding("contract", "any-account", f"{role.name} {others[0]}")


def variable_problems(deployed: Deployed) -> Iterator[Finding]:
    """Yield environment variables that a handler reads and its function does not have."""
    handlers = steps(deployed)
    for _, _, properties in deployed.of_type("AWS::Lambda::Function"):
        step = handlers.get(properties["Role"])
        settings = getattr(import_module(f"lambdas.{step}"), "Settings", None) if step else None
        given = properties.get("Environment", {}).get("Variables", {})
        for item in fields(settings) if settings else ():
            if item.default is MISSING and not given.get(item.name.upper()):
                yield Finding("contract", "variable", f"{step} {item.name.upper()}")
