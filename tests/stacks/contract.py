"""What templates and code must agree on, as lists of problems: tests want them empty, mutants not.

Nothing here reads `stacks/`: only what was synthesised, the handlers and the contracts.
"""

import json
from collections.abc import Iterator
from typing import Any

from tests.stacks.calls import Source, definition_actions, tasks
from tests.stacks.grants import Role, Statement, allowed, roles, root_may_decide, statements
from tests.stacks.intrinsics import Deployed
from tests.stacks.needs import MAY_LACK, NEEDS
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
    for role in roles(deployed):
        yield from _trust(role)
        if role.name not in NEEDS:
            yield Finding("contract", "unknown-role", role.name)
            continue
        own = statements(deployed, role)
        granted = {action for statement in own if statement.allows for action in statement.actions}
        shown = called(deployed, role, source)
        used = granted or in_use(deployed, role)
        needed = shown | (NEEDS[role.name].keys() - MAY_LACK if used else set())
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


def definition_problems(deployed: Deployed, *, network: bool) -> Iterator[Finding]:
    """Yield tasks that are not tried again, caught, bounded in time or inside the network."""
    machine = definition(deployed)
    for name, task in tasks(machine).items():
        for rule in _task_rules(task):
            yield Finding("definition", rule, name)
        job = "createTrainingJob" in task["Resource"]
        if job and network != ("VpcConfig" in task["Parameters"]):
            yield Finding("definition", "network", name)
    if "TimeoutSeconds" not in machine:
        yield Finding("definition", "no-timeout", "state machine")


def _task_rules(task: dict[str, Any]) -> Iterator[str]:
    retriers = task.get("Retry", ())
    if not retriers:
        yield "no-retry"
    if any(it.get("JitterStrategy") != "FULL" or "MaxDelaySeconds" not in it for it in retriers):
        yield "retries-in-step"
    if ["States.ALL"] not in [item["ErrorEquals"] for item in task.get("Catch", ())]:
        yield "not-caught"
    if not {"TimeoutSeconds", "TimeoutSecondsPath"} & task.keys():
        yield "no-timeout"


PROMISED = (
    "state-machine-arn",
    "image-uri",
    "endpoint-name",
    "model-package-group",
    "artifact-bucket",
)
TAGS = ("sagemaker:project-name", "stage")
# CloudFormation's types that take no tags, or none that AWS would show.
_UNTAGGED = (
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CloudFormation::CustomResource",
    "AWS::CloudWatch::Dashboard",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::Lambda::Permission",
    "AWS::Logs::MetricFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
)


def promise_problems(deployed: Deployed, *, project: str, stage: str) -> Iterator[Finding]:
    """Yield names and tags of contracts, section 9, that are not kept."""
    for stack in deployed.templates:
        if not stack.startswith(f"{project}-{stage}-"):
            yield Finding("promise", "stack-name", stack)
    names = {item["Name"] for _, _, item in deployed.of_type("AWS::SSM::Parameter")}
    for name in PROMISED:
        if f"/{project}/{stage}/{name}" not in names:
            yield Finding("promise", "parameter", name)
    wanted = {TAGS[0]: project, TAGS[1]: stage}
    for stack, logical_id, resource in resources(deployed.templates):
        if resource["Type"] not in _UNTAGGED:
            tags = resource.get("Properties", {}).get("Tags", {})
            found = tags if isinstance(tags, dict) else {it["Key"]: it["Value"] for it in tags}
            if wanted.items() - found.items():
                yield Finding("promise", "tags", f"{stack} {logical_id}")
