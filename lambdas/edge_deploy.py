"""Begins a rollout of a component version to a group of devices, beside what else they run."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from lambdas.aws import Client, client, service_errors
from lambdas.edge import PREVIOUS_TAG, Document, EdgeSettings, living_deployment, merged
from lambdas.errors import ComponentFailed, ComponentNotReady
from lambdas.names import EXECUTION_ID, THING_GROUP
from lambdas.settings import read_settings
from lambdas.validation import checked, require, text


@dataclass(frozen=True, kw_only=True)
class Settings(EdgeSettings):
    """The handler's environment variables."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the state machine passes on; without a group the stage's own."""

    execution_id: str = checked(EXECUTION_ID)
    component_version: str = checked(text(r"\d{1,6}\.\d{1,6}\.\d{1,6}", "a version"))
    thing_group: str | None = checked(THING_GROUP, None)


def handler(event: Mapping[str, object], context: object) -> dict[str, object]:
    """Run as a Lambda function; see `deploy`."""
    settings = read_settings(Settings, os.environ)
    request = require(Request, event)
    with service_errors():
        return deploy(request, settings=settings, greengrassv2=client("greengrassv2"))


def deploy(request: Request, *, settings: Settings, greengrassv2: Client) -> dict[str, object]:
    """Begin a deployment; the same call again finds what it made.

    Returns:
        `deployment_id`; `previous_deployment_id`, what a failed one goes back to (None: nothing
        was deployed to the group before); `began`, in seconds since 1970.

    Raises:
        ComponentNotReady: The version cannot be deployed yet: try again.
        ComponentFailed: It never will.
    """
    _check(greengrassv2, settings, request.component_version)
    target = settings.target(request.thing_group)
    current = living_deployment(greengrassv2, target)
    if current is not None and _holds(current, settings.component, request.component_version):
        previous = current.get("tags", {}).get(PREVIOUS_TAG)
        identifier = current["deploymentId"]
    else:
        previous = current["deploymentId"] if current else None
        components = current.get("components", {}) if current else {}
        identifier = greengrassv2.create_deployment(
            targetArn=target,
            deploymentName=f"{settings.project}-{settings.stage}",
            components=merged(components, settings.component, request.component_version),
            tags={
                **settings.tags(request.execution_id),
                **({PREVIOUS_TAG: previous} if previous else {}),
            },
            **settings.rollout(),
        )["deploymentId"]
    return {
        "deployment_id": identifier,
        "previous_deployment_id": previous,
        "began": int(time.time()),
    }


def _check(greengrassv2: Client, settings: Settings, version: str) -> None:
    status = greengrassv2.describe_component(arn=settings.version_arn(version))["status"]
    name, state = f"{settings.component} {version}", status["componentState"]
    if state in ("REQUESTED", "INITIATED"):
        raise ComponentNotReady(f"{name} is {state}: it can be deployed in a moment")
    if state != "DEPLOYABLE":
        reasons = "; ".join(f"{what}: {why}" for what, why in status.get("errors", {}).items())
        raise ComponentFailed(f"{name} is {state}: {reasons or status.get('message')}")


def _holds(deployment: Document, component: str, version: str) -> bool:
    found = deployment.get("components", {}).get(component, {})
    active = deployment["deploymentStatus"] in ("ACTIVE", "COMPLETED")
    return active and found.get("componentVersion") == version
