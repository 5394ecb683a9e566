"""Kinds of resources of AWS IoT; see `local_mode.aws.formation.kinds`."""

import json
from collections.abc import Mapping

from local_mode.aws.formation.kind import ClientFactory, Kind, Made, Properties


def _device_policy(client: ClientFactory, name: str, properties: Properties) -> Made:
    # moto's own has no identifier, nor has its role alias.
    document = json.dumps(properties["PolicyDocument"])
    found = client("iot").create_policy(policyName=name, policyDocument=document)
    return Made(name, {"Arn": found["policyArn"], "Id": name})


def _no_device_policy(client: ClientFactory, identifier: str, properties: Properties) -> None:
    client("iot").delete_policy(policyName=identifier)


def _role_alias(client: ClientFactory, name: str, properties: Properties) -> Made:
    found = client("iot").create_role_alias(
        roleAlias=name,
        roleArn=properties["RoleArn"],
        credentialDurationSeconds=int(properties.get("CredentialDurationSeconds", 3600)),
    )
    return Made(name, {"RoleAliasArn": found["roleAliasArn"]})


def _no_role_alias(client: ClientFactory, identifier: str, properties: Properties) -> None:
    client("iot").delete_role_alias(roleAlias=identifier)


def _thing_group(client: ClientFactory, name: str, properties: Properties) -> Made:
    found = client("iot").create_thing_group(thingGroupName=name)
    return Made(name, {"Arn": found["thingGroupArn"], "Id": found["thingGroupId"]})


def _no_thing_group(client: ClientFactory, identifier: str, properties: Properties) -> None:
    client("iot").delete_thing_group(thingGroupName=identifier)


DEVICE_KINDS: Mapping[str, Kind] = {
    "AWS::IoT::Policy": Kind(
        name="PolicyName", create=_device_policy, delete=_no_device_policy, attributes=("Arn", "Id")
    ),
    "AWS::IoT::RoleAlias": Kind(
        name="RoleAlias",
        create=_role_alias,
        delete=_no_role_alias,
        attributes=("RoleAliasArn",),
    ),
    "AWS::IoT::ThingGroup": Kind(
        name="ThingGroupName", create=_thing_group, delete=_no_thing_group, attributes=("Arn", "Id")
    ),
}
