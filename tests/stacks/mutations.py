"""How templates are changed by one line, for `tests.stacks.mutants`."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from tests.stacks.synthesis import Template, Templates, resources

Properties = dict[str, Any]


@dataclass(frozen=True)
class Mutant:
    """A mistake.

    Attributes:
        name: What was done, with hyphens.
        caught_by: Tool, and a part of the rule's name; empty: nothing notices it.
        change: Makes the mistake in a copy of the templates.
    """

    name: str
    caught_by: str
    change: Callable[[Templates], object]

    def apply(self, templates: Templates) -> Templates:
        """Return the templates with the mistake in them."""
        changed = deepcopy(templates)
        self.change(changed)
        assert changed != templates, f"{self.name}: changes nothing"
        return changed


def resource(templates: Templates, kind: str, part: str = "") -> Template:
    """Return the first resource of a type whose logical id begins with a text."""
    return next(
        found
        for _, logical_id, found in resources(templates)
        if found["Type"] == f"AWS::{kind}" and logical_id.startswith(part)
    )


def of(kind: str, part: str = "") -> Callable[[Templates], Properties]:
    """Return what finds the properties of a resource."""
    return lambda templates: resource(templates, kind, part)["Properties"]


def statements(of_policy: Properties) -> list[dict[str, Any]]:
    """Return the statements of a policy."""
    document = of_policy.get("PolicyDocument", of_policy.get("KeyPolicy"))
    found: list[dict[str, Any]] = document["Statement"]
    return found


def policy(part: str, action: str) -> Callable[[Templates], dict[str, Any]]:
    """Return what finds the statement of a managed policy that speaks of an action."""

    def find(templates: Templates) -> dict[str, Any]:
        all_ = statements(of("IAM::ManagedPolicy", part)(templates))
        return next(it for it in all_ if action in json.dumps(it["Action"]))

    return find


def without(of_policy: Callable[[Templates], Properties], text: str) -> Callable[[Templates], None]:
    """Return what drops the statements of a policy that hold a text."""

    def change(templates: Templates) -> None:
        all_ = statements(of_policy(templates))
        all_[:] = [it for it in all_ if text not in json.dumps(it)]

    return change


def with_statement(
    of_policy: Callable[[Templates], Properties], **statement: Any
) -> Callable[[Templates], None]:
    """Return what adds a statement to a policy."""
    return lambda templates: statements(of_policy(templates)).append(
        {"Effect": "Allow", **statement}
    )


def in_definition(change: Callable[[dict[str, Any]], object]) -> Callable[[Templates], None]:
    """Return what changes the definition, whose text is interrupted by references."""

    def change_text(templates: Templates) -> None:
        parts = of("StepFunctions::StateMachine")(templates)["DefinitionString"]["Fn::Join"][1]
        references = [it for it in parts if not isinstance(it, str)]
        text = "".join(it if isinstance(it, str) else "<reference>" for it in parts)
        changed = json.loads(text)
        change(changed)
        pieces = json.dumps(changed).split("<reference>")
        assert len(pieces) == len(references) + 1
        parts[:] = [it for pair in zip(pieces, [*references, ""], strict=True) for it in pair]

    return change_text


def in_state(name: str, key: str) -> Callable[[Templates], None]:
    """Return what drops a key of a state."""
    return in_definition(lambda machine: machine["States"][name].pop(key))


def drop(of_resource: Callable[[Templates], Properties], name: str) -> Callable[[Templates], None]:
    """Return what drops a property."""

    def change(templates: Templates) -> None:
        del of_resource(templates)[name]

    return change


def put(
    of_resource: Callable[[Templates], Properties], name: str, value: Any
) -> Callable[[Templates], None]:
    """Return what gives a property another value."""

    def change(templates: Templates) -> None:
        of_resource(templates)[name] = value

    return change


def drop_resource(kind: str, part: str) -> Callable[[Templates], None]:
    """Return what drops a resource."""

    def change(templates: Templates) -> None:
        stack, logical_id = next(
            (stack, name)
            for stack, name, it in resources(templates)
            if it["Type"] == f"AWS::{kind}" and name.startswith(part)
        )
        del templates[stack]["Resources"][logical_id]

    return change
