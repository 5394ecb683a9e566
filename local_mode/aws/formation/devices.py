"""Kinds of resources of AWS IoT and Greengrass; see `local_mode.aws.formation.kinds`."""

import json
import time
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


def _topic_rule(client: ClientFactory, name: str, properties: Properties) -> Made:
    payload = properties["TopicRulePayload"]
    request = {
        "sql": payload["Sql"],
        "description": payload.get("Description", ""),
        "awsIotSqlVersion": payload.get("AwsIotSqlVersion", "2016-03-23"),
        "ruleDisabled": False,
        "actions": [
            {_lower(kind): {_lower(key): value for key, value in action.items()}}
            for each in payload["Actions"]
            for kind, action in each.items()
        ],
    }
    client("iot").create_topic_rule(ruleName=name, topicRulePayload=request)
    return Made(name, {"Arn": client("iot").get_topic_rule(ruleName=name)["ruleArn"]})


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _no_topic_rule(client: ClientFactory, identifier: str, properties: Properties) -> None:
    client("iot").delete_topic_rule(ruleName=identifier)


def _component_version(client: ClientFactory, name: str, properties: Properties) -> Made:
    greengrass = client("greengrassv2")
    made = greengrass.create_component_version(inlineRecipe=properties["InlineRecipe"])
    arn = made["arn"]
    for _ in range(_TRIES):
        status = greengrass.describe_component(arn=arn)["status"]
        if status["componentState"] == "DEPLOYABLE":
            return Made(arn, {"Arn": arn, "ComponentName": made["componentName"]})
        if status["componentState"] == "FAILED":
            raise RuntimeError(f"{arn}: {status['errors']}")
        time.sleep(_WAIT_SECONDS)
    raise RuntimeError(f"{arn}: cannot be deployed yet")


def _no_component_version(client: ClientFactory, identifier: str, properties: Properties) -> None:
    client("greengrassv2").delete_component(arn=identifier)


_TRIES, _WAIT_SECONDS = 100, 0.1

DEVICE_KINDS: Mapping[str, Kind] = {
    "AWS::GreengrassV2::ComponentVersion": Kind(
        create=_component_version,
        delete=_no_component_version,
        attributes=("Arn", "ComponentName"),
    ),
    "AWS::IoT::TopicRule": Kind(
        name="RuleName", create=_topic_rule, delete=_no_topic_rule, attributes=("Arn",)
    ),
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
