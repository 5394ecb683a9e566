"""How devices that were made alike become devices of the stage: fleet provisioning by claim."""

import json

from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from constructs import Construct

from stacks.parts.acknowledge import acknowledge, wildcard_arn
from stacks.parts.edge_devices import EdgeDevices, device_policy, iot_arn
from stacks.parts.roles import Roles, allow, arn


class EdgeProvisioning(Construct):
    """A provisioning template, and the policy of the claim certificate that devices ship with.

    A device that connects with the claim gets a certificate and a thing of its own, in the stage's
    group. Whoever has the claim can add devices, and do nothing else: keep it as any secret.
    """

    def __init__(
        self, scope: Construct, id_: str, *, prefix: str, roles: Roles, devices: EdgeDevices
    ) -> None:
        super().__init__(scope, id_)
        policy = allow(
            roles["provisioning"],
            "Policy",
            scope=self,
            description="What AWS IoT does for a new device",
            statements=self._statements(prefix, devices),
        )
        acknowledge(
            policy, wildcard_arn("iot", f"thing/{prefix}-*"), "New devices choose their names."
        )
        acknowledge(
            policy, wildcard_arn("iot", "cert/*"), "AWS IoT names certificates by their sums."
        )
        template = iot.CfnProvisioningTemplate(
            self,
            "Template",
            template_name=prefix,  # AWS takes 36 characters
            description=f"Devices of {prefix}",
            enabled=True,
            provisioning_role_arn=roles["provisioning"].role_arn,
            template_body=json.dumps(_body(prefix, devices)),
        )
        template.node.add_dependency(policy, devices)
        claimed = (
            "$aws/certificates/create/*",
            "$aws/certificates/create-from-csr/*",  # nucleus lite makes its own key
            f"$aws/provisioning-templates/{prefix}/provision/*",
        )
        iot.CfnPolicy(
            self,
            "Claim",
            policy_name=f"{prefix}-claim",
            policy_document=device_policy(
                [
                    (["iot:Connect"], ["*"]),
                    (["iot:Publish", "iot:Receive"], [iot_arn("topic", it) for it in claimed]),
                    (["iot:Subscribe"], [iot_arn("topicfilter", it) for it in claimed]),
                ]
            ),
        )

    def _statements(self, prefix: str, devices: EdgeDevices) -> list[iam.PolicyStatement]:
        things = arn(self, "iot", "thing", f"{prefix}-*")
        group = arn(self, "iot", "thinggroup", devices.group)
        certificates = [arn(self, "iot", "cert", "*")]
        allowed = {
            ("CreateThing", "DescribeThing", "UpdateThing", "ListThingGroupsForThing"): [things],
            ("AddThingToThingGroup",): [things, group],
            ("DescribeThingGroup",): [group],
            ("DescribeCertificate", "UpdateCertificate"): certificates,
            ("AttachPolicy", "AttachThingPrincipal"): certificates,
            ("GetPolicy",): [arn(self, "iot", "policy", devices.policy)],
        }
        return [
            iam.PolicyStatement(actions=[f"iot:{it}" for it in actions], resources=resources)
            for actions, resources in allowed.items()
        ]


def _body(prefix: str, devices: EdgeDevices) -> dict[str, object]:
    """Return the template: a thing `<prefix>-<serial number>` in the group, with the policy."""
    name = {"Fn::Join": ["", [f"{prefix}-", {"Ref": "SerialNumber"}]]}
    certificate = "AWS::IoT::Certificate::Id"
    return {
        "Parameters": {"SerialNumber": {"Type": "String"}, certificate: {"Type": "String"}},
        "Resources": {
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": {"Ref": certificate}, "Status": "Active"},
            },
            "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": devices.policy}},
            "thing": {
                "Type": "AWS::IoT::Thing",
                # A device that was set up again keeps what it is.
                "OverrideSettings": {"AttributePayload": "MERGE", "ThingGroups": "DO_NOTHING"},
                "Properties": {"ThingName": name, "ThingGroups": [devices.group]},
            },
        },
    }
