"""What delivers the stages, configured and synthesised, and how its templates are read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stacks.pipeline_config import GitHub, Pipeline, pipeline_config
from tests.stacks.grants import listed
from tests.stacks.synthesis import PROJECT, Synthesis, prepare_node, synthesise

CONNECTION = (
    "arn:aws:codeconnections:eu-central-1:123456789012:connection/"
    "0a1b2c3d-0000-1111-2222-333344445555"
)
CONFIGURED = Pipeline(
    connection_arn=CONNECTION,
    repository="example/autoscaling",
    access_logs_bucket="organisation-access-logs",
    alarm_email="team@example.com",
    permissions_boundary="organisation-boundary",
    github=GitHub(repository="example@1234/autoscaling@5678"),
)

Resources = dict[str, dict[str, Any]]


def synthesise_delivery(
    config: Pipeline, folder: Path, *, packs: tuple[str, ...] = ()
) -> Synthesis:
    """Synthesise what `-c stage=pipeline` does."""
    prepare_node()
    from stacks.pipeline_stack import build_pipeline

    checked = pipeline_config(PROJECT, config)
    return synthesise(lambda app: build_pipeline(app, checked), folder, packs=packs)


def resources_of(synthesis: Synthesis, stack: str) -> Resources:
    """Return the resources of `<project>-<stack>`."""
    found: Resources = synthesis.templates[f"{PROJECT}-{stack}"]["Resources"]
    return found


def of_type(resources: Resources, kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == f"AWS::{kind}"
    }


def text(value: Any) -> str:
    """Return a value with its intrinsics spelt out, as far as a test asks for them."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(text(each) for each in value)
    if "Ref" in value:
        return f"<{value['Ref']}>"
    if "Fn::GetAtt" in value:
        return f"<{'.'.join(value['Fn::GetAtt'])}>"
    return text(value["Fn::Join"][1])


def spelt(value: Any) -> Any:
    """Return a document with every intrinsic in it spelt out."""
    if isinstance(value, list):
        return [spelt(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() & {"Ref", "Fn::GetAtt", "Fn::Join"}:
        return text(value)
    return {key: spelt(each) for key, each in value.items()}


def allowed(resources: Resources, role: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield action, resource and condition of everything that a role may do."""
    for kind in ("IAM::Policy", "IAM::ManagedPolicy"):
        for policy in of_type(resources, kind).values():
            if {"Ref": role} in policy.get("Roles", ()):
                for statement in policy["PolicyDocument"]["Statement"]:
                    assert statement["Effect"] == "Allow"
                    for action in listed(statement["Action"]):
                        for resource in listed(statement["Resource"]):
                            yield action, text(resource), statement.get("Condition", {})


def role_named(resources: Resources, part: str) -> str:
    (name,) = [name for name in of_type(resources, "IAM::Role") if part in name]
    return name


def stacks_of(folder: Path) -> dict[str, Any]:
    """Return the templates of an assembly by the names of their stacks."""
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    return {
        each["properties"].get("stackName", name): json.loads(
            (folder / each["properties"]["templateFile"]).read_text()
        )
        for name, each in artifacts.items()
        if each["type"] == "aws:cloudformation:stack"
    }
