"""What policies of a stage's templates allow and deny, to whom, on what, and if what is true."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stacks.security.readable import Readable

_OF_RESOURCES = {
    "AWS::KMS::Key": ("KeyPolicy", "the key"),
    "AWS::S3::BucketPolicy": ("PolicyDocument", "the bucket"),
    "AWS::SNS::TopicPolicy": ("PolicyDocument", "the topic"),
}
_OWN = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")
_OPERATORS = {
    "ArnLike": "like",
    "Bool": "=",
    "NumericLessThan": "<",
    "StringEquals": "=",
    "StringLike": "like",
}


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What one or more statements say of somebody.

    Attributes:
        who: A role without the stage's name, `service NAME`, `the account` or `everybody`.
        allows: Else it denies.
        actions: Sorted.
        resources: In words.
        conditions: In words; all must hold.
        by: Whose policy says it.
    """

    who: str
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[str, ...]
    by: str


class Grants:
    """The policies of a stage.

    Attributes:
        roles: Who assumes each role, by its name, in the templates' order.
        all: What policies say, statements with the same places and conditions put together.
    """

    def __init__(self, templates: Mapping[str, Mapping[str, Any]]) -> None:
        self._templates, self._readable = templates, Readable(templates)
        self.roles = {
            self._readable.name(stack, logical_id): self._assumed_by(stack, properties)
            for stack, logical_id, properties in self._of_type("AWS::IAM::Role")
        }
        self.all = _merged([*self._own(), *self._of_resources()])

    def _of_type(self, kind: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        for stack, template in self._templates.items():
            for logical_id, resource in template.get("Resources", {}).items():
                if resource["Type"] == kind:
                    yield stack, logical_id, resource.get("Properties", {})

    def _assumed_by(self, stack: str, role: Mapping[str, Any]) -> str:
        found = []
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            names = [self._readable.text(stack, it) for it in _principals(statement)]
            conditions = self._conditions(stack, statement)
            found.append(" if ".join([", ".join(names), *conditions]))
        return "<br>".join(found)

    def _own(self) -> Iterator[Grant]:
        for kind in _OWN:
            for stack, _, policy in self._of_type(kind):
                names = [self._role_name(stack, it) for it in policy.get("Roles", ())]
                for statement in _listed(policy["PolicyDocument"]["Statement"]):
                    for who in names:
                        yield self._grant(stack, statement, who, "the role")
        for stack, logical_id, role in self._of_type("AWS::IAM::Role"):
            for policy in role.get("Policies", ()):
                for statement in _listed(policy["PolicyDocument"]["Statement"]):
                    who = self._readable.name(stack, logical_id)
                    yield self._grant(stack, statement, who, "the role")

    def _role_name(self, stack: str, reference: object) -> str:
        return self._readable.text(stack, reference).removeprefix("role ")

    def _of_resources(self) -> Iterator[Grant]:
        for kind, (key, by) in _OF_RESOURCES.items():
            for stack, _, properties in self._of_type(kind):
                for statement in _listed(properties[key]["Statement"]):
                    for principal in _principals(statement):
                        who = self._who(stack, statement, principal)
                        yield self._grant(stack, statement, who, by)

    def _who(self, stack: str, statement: Mapping[str, Any], principal: object) -> str:
        text = self._readable.text(stack, principal)
        if text == "*":
            return "everybody"
        if text == "root":
            return "the account"
        is_role = "Service" not in statement["Principal"]
        return text.removeprefix("role ") if is_role else f"service {text}"

    def _grant(self, stack: str, statement: Mapping[str, Any], who: str, by: str) -> Grant:
        resources = _listed(statement.get("Resource", "*"))
        return Grant(
            who=who,
            allows=statement["Effect"] == "Allow",
            actions=tuple(sorted(map(str, _listed(statement["Action"])))),
            resources=tuple(self._readable.text(stack, it) for it in resources),
            conditions=tuple(self._conditions(stack, statement)),
            by=by,
        )

    def _conditions(self, stack: str, statement: Mapping[str, Any]) -> Iterator[str]:
        for operator, pairs in statement.get("Condition", {}).items():
            for key, values in pairs.items():
                texts = [self._readable.text(stack, it) for it in _listed(values)]
                yield f"{key} {_OPERATORS.get(operator, operator)} {' or '.join(texts)}"


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _principals(statement: Mapping[str, Any]) -> list[Any]:
    principal = statement["Principal"]
    if isinstance(principal, str):
        return [principal]
    return [it for names in principal.values() for it in _listed(names)]


def _merged(grants: list[Grant]) -> list[Grant]:
    """Put statements together that differ in their actions alone."""
    merged: dict[tuple[object, ...], Grant] = {}
    for grant in grants:
        key = (grant.who, grant.allows, grant.resources, grant.conditions, grant.by)
        known = merged.get(key)
        actions = {*grant.actions, *(known.actions if known else ())}
        merged[key] = replace(known or grant, actions=tuple(sorted(actions)))
    return list(merged.values())
