"""What a device of the stage may do, by the certificate that it connects with."""

from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iot as iot
from constructs import Construct

THING = "${iot:Connection.Thing.ThingName}"


class EdgeDevices(Construct):
    """The group of the stage's devices, and the policy of their certificates.

    Attributes:
        group: Name of the group.
        policy: Name of the policy, which a certificate is given when it is made.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        prefix: str,
        group: str,
        component: str,
        role_alias: str,
    ) -> None:
        super().__init__(scope, id_)
        self.group, self.policy = group, f"{prefix}-device"
        iot.CfnThingGroup(
            self,
            "Group",
            thing_group_name=self.group,
            thing_group_properties=iot.CfnThingGroup.ThingGroupPropertiesProperty(
                thing_group_description=f"Devices that decide by the policies of {prefix}"
            ),
        )
        iot.CfnPolicy(
            self,
            "Policy",
            policy_name=self.policy,
            policy_document=_document(prefix, component, role_alias),
        )


def iot_arn(kind: str, name: str) -> str:
    """Return the ARN of something of AWS IoT, as the policies of certificates name it."""
    return f"arn:{Aws.PARTITION}:iot:{Aws.REGION}:{Aws.ACCOUNT_ID}:{kind}/{name}"


def device_policy(allowed: list[tuple[list[str], list[str]]]) -> dict[str, Any]:
    """Return a policy of certificates that allows actions on resources."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": resources}
            for actions, resources in allowed
        ],
    }


def _document(prefix: str, component: str, role_alias: str) -> dict[str, Any]:
    """Return the policy: a device speaks in its own name, on its own topics alone.

    The actions are those of AWS's minimal policy for core devices; topics of the component are
    `dt/<component>/<thing>/...` out and `cmd/<component>/<thing>/...` in. AWS takes 2,048
    characters, so statements share resources.
    """
    greengrass = f"arn:{Aws.PARTITION}:greengrass:{Aws.REGION}:{Aws.ACCOUNT_ID}"
    own, out, in_ = (
        f"$aws/things/{THING}*/*",
        f"dt/{component}/{THING}/*",
        f"cmd/{component}/{THING}/*",
    )
    return device_policy(
        [
            (["iot:Connect"], [iot_arn("client", f"{THING}*")]),
            (["iot:Publish"], [iot_arn("topic", it) for it in (own, out)]),
            (["iot:Receive"], [iot_arn("topic", it) for it in (own, in_)]),
            (["iot:Subscribe"], [iot_arn("topicfilter", it) for it in (own, in_)]),
            (["iot:AssumeRoleWithCertificate"], [iot_arn("rolealias", role_alias)]),
            (["greengrass:GetComponentVersionArtifact"], [f"{greengrass}:components:*"]),
            (["greengrass:ResolveComponentCandidates"], ["*"]),
            (
                [
                    "greengrass:GetDeploymentConfiguration",
                    "greengrass:ListThingGroupsForCoreDevice",
                ],
                # Asked over HTTPS, where AWS knows no variables of things; nucleus lite takes no
                # deployment without the answer.
                [f"{greengrass}:coreDevices:{prefix}-*"],
            ),
        ]
    )
