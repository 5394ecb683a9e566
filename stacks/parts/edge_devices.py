"""What a device of the stage may do, by the certificate that it connects with."""

from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iot as iot
from constructs import Construct

THING = "${iot:Connection.Thing.ThingName}"


class EdgeDevices(Construct):
    """The group of the stage's devices, and the policy of their certificates.

    Attributes:
        group: Name of the group, which deployments aim at.
        policy: Name of the policy, which a certificate is given when it is made.
    """

    def __init__(
        self, scope: Construct, id_: str, *, project: str, stage: str, role_alias: str
    ) -> None:
        super().__init__(scope, id_)
        self.group, self.policy = f"{project}-{stage}-devices", f"{project}-{stage}-device"
        iot.CfnThingGroup(
            self,
            "Group",
            thing_group_name=self.group,
            thing_group_properties=iot.CfnThingGroup.ThingGroupPropertiesProperty(
                thing_group_description=f"Devices that decide by the policies of {project}, {stage}"
            ),
        )
        iot.CfnPolicy(
            self,
            "Policy",
            policy_name=self.policy,
            policy_document=_document(f"{project}/{stage}", role_alias),
        )


def _document(root: str, role_alias: str) -> dict[str, Any]:
    """Return the policy: a device speaks in its own name, on its own topics alone.

    The actions are those of AWS's minimal policy for core devices; topics of the component follow
    `<project>/<stage>/<thing>/...`. AWS takes 2,048 characters, so statements share resources.
    """
    iot_arn = f"arn:{Aws.PARTITION}:iot:{Aws.REGION}:{Aws.ACCOUNT_ID}"
    greengrass = f"arn:{Aws.PARTITION}:greengrass:{Aws.REGION}:{Aws.ACCOUNT_ID}"
    topics = (f"$aws/things/{THING}*/*", f"{root}/{THING}/*")
    allowed: list[tuple[list[str], list[str]]] = [
        (["iot:Connect"], [f"{iot_arn}:client/{THING}*"]),
        (["iot:Publish", "iot:Receive"], [f"{iot_arn}:topic/{it}" for it in topics]),
        (["iot:Subscribe"], [f"{iot_arn}:topicfilter/{it}" for it in topics]),
        (["iot:AssumeRoleWithCertificate"], [f"{iot_arn}:rolealias/{role_alias}"]),
        (["greengrass:GetComponentVersionArtifact"], [f"{greengrass}:components:*"]),
        (["greengrass:ResolveComponentCandidates"], ["*"]),
        (
            ["greengrass:GetDeploymentConfiguration", "greengrass:ListThingGroupsForCoreDevice"],
            [f"{greengrass}:coreDevices:{THING}*"],
        ),
    ]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": resources}
            for actions, resources in allowed
        ],
    }
