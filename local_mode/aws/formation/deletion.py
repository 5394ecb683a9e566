"""The deletion of a stack, in the order in which its resources need each other.

moto deletes in no order, passes over what fails, and makes what was deleted again when somebody
asks for the outputs of the stack.
"""

import re
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

from local_mode.aws.formation.kind import ClientFactory

_SUBSTITUTED = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?\}")
# moto's own models leave these behind, or delete what AWS would not.
_BY_API = {
    "AWS::S3::Bucket": ("s3", "delete_bucket", "Bucket"),
    "AWS::IAM::Role": ("iam", "delete_role", "RoleName"),
    "AWS::ECR::Repository": ("ecr", "delete_repository", "repositoryName"),
}


class NoOutputs(dict[str, Any]):
    """What a deleted stack has for outputs."""

    exports: tuple[object, ...] = ()


def deletion_order(resources: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the logical ids of a template so that nothing goes before what needs it."""
    needs = {name: set(_needed(body)) & set(resources) for name, body in resources.items()}
    return list(reversed(list(TopologicalSorter(needs).static_order())))


def _needed(body: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(body, list):
        for item in body:
            yield from _needed(item)
    elif isinstance(body, dict):
        for key, value in body.items():
            yield from _named(key, value)
            yield from _needed(value)


def _named(key: str, value: Any) -> list[str]:  # noqa: ANN401
    """Return what a member of a template names, if it is one that names resources."""
    first = [value] if isinstance(value, str) else value
    match key:
        case "Ref" | "DependsOn":
            return list(first)
        case "Fn::GetAtt":
            return [first[0].split(".")[0]]
        case "Fn::Sub":
            return _SUBSTITUTED.findall(first[0])
    return []


def delete_resources(client: ClientFactory, resource_map: Any) -> None:  # noqa: ANN401
    """Delete the resources of a stack but those that are to be retained.

    Raises:
        RuntimeError: Names the resource that could not be deleted; what comes after it stays.
    """
    bodies = resource_map._resource_json_map
    for name in deletion_order(bodies):
        found = resource_map._parsed_resources.get(name)
        if found is None or bodies[name].get("DeletionPolicy", "").startswith("Retain"):
            continue
        try:
            _delete(client, resource_map, found, bodies[name])
        except Exception as fault:
            raise RuntimeError(f"{name} ({bodies[name]['Type']}): {fault}") from fault
        del resource_map._parsed_resources[name]


def _delete(
    client: ClientFactory,
    resource_map: Any,  # noqa: ANN401
    found: Any,  # noqa: ANN401
    body: Mapping[str, Any],
) -> None:
    if body["Type"] not in _BY_API:
        resource_map._delete_resource(found, body)
        return
    service, operation, member = _BY_API[body["Type"]]
    request: dict[str, object] = {member: found.physical_resource_id}
    if body.get("Properties", {}).get("EmptyOnDelete"):
        request["force"] = True
    getattr(client(service), operation)(**request)
