"""What devices need before a policy can reach them."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from constructs import Construct

from stacks.config import StageConfig
from stacks.parts.edge_bundle import EdgeBundle
from stacks.parts.edge_component import EdgeComponent
from stacks.parts.edge_devices import EdgeDevices
from stacks.parts.edge_metrics import EdgeMetrics
from stacks.parts.edge_provisioning import EdgeProvisioning
from stacks.parts.encryption import use_key
from stacks.parts.roles import Roles, allow
from stacks.stage_stack import StageStack
from stacks.storage_stack import StorageStack

CREDENTIAL_SECONDS = 3600


class EdgeStack(StageStack):
    """Role alias, thing group, policies and provisioning of devices, the component's first version.

    A device gets its AWS credentials by the role alias: it may read what lies below `greengrass/`
    in the bucket, and the first version's program. The component's log is in the stack Storage.
    """

    def __init__(
        self, scope: Construct, *, config: StageConfig, roles: Roles, storage: StorageStack
    ) -> None:
        super().__init__(
            scope, "Edge", config=config, description="What devices of the workflow need"
        )
        alias = iot.CfnRoleAlias(
            self,
            "RoleAlias",
            role_alias=f"{config.prefix}-edge",
            role_arn=roles["edge"].role_arn,
            credential_duration_seconds=CREDENTIAL_SECONDS,
        )
        bundle = EdgeBundle(self, "Bundle")
        allow(
            roles["edge"],
            "Policy",
            scope=self,
            description="What devices may do on AWS",
            statements=[
                # The first version's program is an asset of the CDK's.
                iam.PolicyStatement(actions=["s3:GetObject"], resources=[bundle.object_arn]),
                # The Java nucleus asks for the region of each artifact's bucket, or gives up.
                iam.PolicyStatement(
                    actions=["s3:GetBucketLocation"], resources=[bundle.bucket_arn]
                ),
                use_key(storage.key, write=False),
            ],
        )
        devices = EdgeDevices(
            self,
            "Devices",
            prefix=config.prefix,
            group=config.thing_group,
            component=config.component,
            role_alias=alias.role_alias or "",
        )
        devices.node.add_dependency(alias)
        EdgeProvisioning(self, "Provisioning", prefix=config.prefix, roles=roles, devices=devices)
        EdgeComponent(
            self,
            "Component",
            name=config.component,
            number=config.number,
            bundle=bundle,
        )
        EdgeMetrics(
            self,
            "Metrics",
            prefix=config.prefix,
            namespace=config.namespace,
            component=config.component,
            roles=roles,
        )
