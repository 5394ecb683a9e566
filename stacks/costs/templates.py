"""What the tables read from synthesised templates: resources by type, and the definition."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Template = Mapping[str, Any]
Templates = Mapping[str, Template]
Properties = Mapping[str, Any]


def of_type(templates: Templates, kind: str) -> list[Properties]:
    """Return the properties of the resources of a type, in all stacks."""
    return [
        resource.get("Properties", {})
        for template in templates.values()
        for resource in template.get("Resources", {}).values()
        if resource["Type"] == kind
    ]


def invoked_functions(templates: Templates) -> list[Properties]:
    """Return the functions that the state machine's definition names."""
    found = []
    for template, machine in _machines(templates):
        for part in _parts(machine):
            if isinstance(part, dict) and "Fn::GetAtt" in part:
                resource = template["Resources"][part["Fn::GetAtt"][0]]
                if resource["Type"] == "AWS::Lambda::Function":
                    found.append(resource["Properties"])
    return found


def counted(templates: Templates, place: str) -> int:
    """Return how many metrics filters make from logs, of those whose names begin with a word."""
    names = (
        transformation["MetricName"]
        for properties in of_type(templates, "AWS::Logs::MetricFilter")
        for transformation in properties["MetricTransformations"]
    )
    return sum(name.startswith(place) for name in names)


def definition(templates: Templates) -> dict[str, Any] | None:
    """Return the definition of the state machine, its references replaced by a dash.

    Returns:
        None where there is no state machine.
    """
    for _, machine in _machines(templates):
        text = "".join(part if isinstance(part, str) else "-" for part in _parts(machine))
        found: dict[str, Any] = json.loads(text)
        return found
    return None


def _machines(templates: Templates) -> Iterator[tuple[Template, Properties]]:
    for template in templates.values():
        for resource in template.get("Resources", {}).values():
            if resource["Type"] == "AWS::StepFunctions::StateMachine":
                yield template, resource["Properties"]


def _parts(machine: Properties) -> list[Any]:
    text = machine["DefinitionString"]
    return [text] if isinstance(text, str) else list(text["Fn::Join"][1])
