"""Who may use which topic: a component's `accessControl`, enforced as a nucleus does."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

PUBSUB = "aws.greengrass.ipc.pubsub"
MQTT_PROXY = "aws.greengrass.ipc.mqttproxy"
CLI = "aws.greengrass.Cli"


def allowed(
    access_control: object,
    service: str,
    operation: str,
    resource: str,
    *,
    variables: Mapping[str, str],
) -> bool:
    """Tell whether an `accessControl` allows an operation.

    Args:
        access_control: The configuration of that name; anything but a correct one allows nothing.
        service: For example `aws.greengrass.ipc.pubsub`.
        operation: For example `aws.greengrass#PublishToTopic`.
        resource: The topic.
        variables: Recipe variables and their values, `iot:thingName` for one.
    """
    return any(
        _covers(pattern, resource, service)
        for pattern in _patterns(access_control, service, operation, variables)
    )


def _patterns(
    access_control: object, service: str, operation: str, variables: Mapping[str, str]
) -> Iterator[str]:
    for policy in _policies(access_control, service):
        operations, resources = policy.get("operations"), policy.get("resources")
        if not isinstance(operations, list) or not isinstance(resources, list):
            continue
        if "*" in operations or operation in operations:
            for resource in resources:
                yield _interpolate(str(resource), variables)


def _policies(access_control: object, service: str) -> Iterator[dict[str, Any]]:
    policies = access_control.get(service) if isinstance(access_control, dict) else None
    for policy in policies.values() if isinstance(policies, dict) else ():
        if isinstance(policy, dict):
            yield policy


def _interpolate(resource: str, variables: Mapping[str, str]) -> str:
    """Replace `{name}`; `${…}` is an escape that the match reads."""
    return re.sub(r"(?<!\$)\{([^}]*)\}", lambda found: variables.get(found[1], found[0]), resource)


def _covers(pattern: str, resource: str, service: str) -> bool:
    if service == MQTT_PROXY and topic_matches(pattern, resource):
        return True
    return bool(re.fullmatch(_expression(pattern), resource, re.DOTALL))


def _expression(pattern: str) -> str:
    """Return a pattern as a regular expression: `*` stands for any text, `${*}` for a star."""
    parts = re.split(r"(\$\{[^}]*\}|\*)", pattern)
    return "".join(
        ".*" if part == "*" else re.escape(part[2:-1] if part.startswith("${") else part)
        for part in parts
    )


def topic_matches(topic_filter: str, topic: str) -> bool:
    """Tell whether a topic lies under an MQTT filter with its wildcards `+` and `#`."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for index, level in enumerate(wanted):
        if level == "#":
            return index == len(wanted) - 1
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)
