"""What the templates let each role do: managed and inline policies, and policies of resources."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.stacks.intrinsics import ACCOUNT, Deployed

_POLICIES_OF_RESOURCES = {
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
}


def listed(value: Any) -> list[Any]:
    """Return what a policy may write as one value or as a list."""
    return value if isinstance(value, list) else [value]


def principals_of(statement: Mapping[str, Any]) -> list[str]:
    """Return the ARNs that a resource's policy speaks of, `*` for everybody."""
    principal = statement["Principal"]
    return listed(principal if isinstance(principal, str) else principal.get("AWS", []))


@dataclass(frozen=True)
class Role:
    """A role.

    Attributes:
        name: Without the stage's.
        arn: Its ARN.
        services: Who assumes it.
        says_account: They must say that they do it for this account.
    """

    name: str
    arn: str
    services: tuple[str, ...]
    says_account: bool


@dataclass(frozen=True)
class Statement:
    """A statement that speaks of a role."""

    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, Any]]

    def matches(self, action: str, resource: str, context: Mapping[str, str]) -> bool:
        """Tell whether the statement decides on a request."""
        return (
            any(fnmatchcase(action.lower(), pattern.lower()) for pattern in self.actions)
            and any(fnmatchcase(resource, pattern) for pattern in self.resources)
            and all(
                _holds(operator, context.get(key), listed(wanted))
                for operator, pairs in self.conditions.items()
                for key, wanted in pairs.items()
            )
        )


def _holds(operator: str, found: str | None, wanted: list[Any]) -> bool:
    if found is None:
        return operator.endswith("IfExists")
    texts = [str(item).lower() if isinstance(item, bool) else str(item) for item in wanted]
    if "Like" in operator:
        return any(fnmatchcase(found, text) for text in texts)
    if operator.startswith("Numeric"):
        return operator.startswith("NumericLess") and float(found) < float(texts[0])
    return (found in texts) != ("Not" in operator)


CALL = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
"""What is true of every call that boto3 makes."""


def allowed(
    statements: list[Statement],
    action: str,
    resource: str,
    context: Mapping[str, str] | None = None,
) -> bool:
    """Decide on a request as IAM does: one statement must allow it, none deny it."""
    found = [
        statement.allows
        for statement in statements
        if statement.matches(action, resource, CALL | dict(context or {}))
    ]
    return bool(found) and all(found)


def roles(deployed: Deployed) -> list[Role]:
    """Return the roles of all stacks."""
    found = []
    for stack, logical_id, properties in deployed.of_type("AWS::IAM::Role"):
        trust = properties["AssumeRolePolicyDocument"]["Statement"]
        services = [
            service
            for statement in trust
            for service in listed(statement["Principal"].get("Service", []))
        ]
        prefix = stack.rpartition("-")[0]
        name = properties.get("RoleName") or re.sub(r"[0-9A-F]{8}$", "", logical_id)
        arn = deployed.arn(stack, logical_id)
        says_account = all("aws:SourceAccount" in str(it.get("Condition")) for it in trust)
        found.append(Role(name.removeprefix(f"{prefix}-"), arn, tuple(services), says_account))
    return found


def statements(deployed: Deployed, role: Role) -> list[Statement]:
    """Return every statement that speaks of a role."""
    return [*_own(deployed, role), *_of_resources(deployed, role)]


def _own(deployed: Deployed, role: Role) -> Iterator[Statement]:
    name = role.arn.rpartition("/")[2]
    for kind in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"):
        for _, _, properties in deployed.of_type(kind):
            if name in properties.get("Roles", ()):
                yield from _statements(properties["PolicyDocument"])
    for stack, logical_id, properties in deployed.of_type("AWS::IAM::Role"):
        if deployed.arn(stack, logical_id) == role.arn:
            for policy in properties.get("Policies", ()):
                yield from _statements(policy["PolicyDocument"])


def _of_resources(deployed: Deployed, role: Role) -> Iterator[Statement]:
    for kind, key in _POLICIES_OF_RESOURCES.items():
        for _, _, properties in deployed.of_type(kind):
            for statement in properties[key]["Statement"]:
                principals = principals_of(statement)
                # What everybody may is no grant to a role, see `public`. The account's root hands
                # the decision to the policies of the roles.
                everybody = "*" in principals and statement["Effect"] == "Deny"
                if role.arn in principals or everybody:
                    yield from _statements({"Statement": [statement]})


def _statements(document: Mapping[str, Any]) -> Iterator[Statement]:
    for statement in listed(document["Statement"]):
        yield Statement(
            allows=statement["Effect"] == "Allow",
            actions=tuple(listed(statement["Action"])),
            resources=tuple(listed(statement.get("Resource", "*"))),
            conditions=statement.get("Condition", {}),
        )


def public(deployed: Deployed) -> Iterator[str]:
    """Yield the policies that allow everybody something."""
    for kind, key in _POLICIES_OF_RESOURCES.items():
        for stack, logical_id, properties in deployed.of_type(kind):
            for statement in properties[key]["Statement"]:
                if statement["Effect"] == "Allow" and "*" in principals_of(statement):
                    yield f"{stack} {logical_id}"


def root_may_decide(deployed: Deployed) -> bool:
    """Tell whether every key leaves it to IAM who uses it; else no role's policy would count."""
    root = f"arn:aws:iam::{ACCOUNT}:root"
    return all(
        any(
            statement["Effect"] == "Allow"
            and statement["Action"] == "kms:*"
            and root in principals_of(statement)
            for statement in properties["KeyPolicy"]["Statement"]
        )
        for _, _, properties in deployed.of_type("AWS::KMS::Key")
    )
