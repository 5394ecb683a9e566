"""What devices need before a policy can reach them."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from constructs import Construct

from stacks.config import STAGES, StageConfig
from stacks.parts.acknowledge import acknowledge, wildcard_arn
from stacks.parts.edge_component import EdgeComponent
from stacks.parts.edge_devices import EdgeDevices
from stacks.parts.encryption import use_key
from stacks.parts.roles import Roles, allow, log_group_arn
from stacks.stage_stack import StageStack
from stacks.storage_stack import StorageStack

CREDENTIAL_SECONDS = 3600
LOGS = "/aws/greengrass/*"


class EdgeStack(StageStack):
    """Role alias, thing group, policy of devices, and the component's first version.

    A device gets its AWS credentials by the role alias: it may read what lies below `greengrass/`
    in the bucket and write its logs.
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
        policy = allow(
            roles["edge"],
            "Policy",
            scope=self,
            description="What devices may do on AWS",
            statements=[
                iam.PolicyStatement(
                    actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[log_group_arn(self, LOGS)],
                ),
                use_key(storage.key, write=False),
            ],
        )
        acknowledge(
            policy,
            wildcard_arn("logs", f"log-group:{LOGS}:*"),
            "Greengrass names a group for each component; devices read none of them.",
        )
        devices = EdgeDevices(
            self,
            "Devices",
            project=config.project,
            stage=config.stage,
            role_alias=alias.role_alias or "",
        )
        devices.node.add_dependency(alias)
        EdgeComponent(
            self,
            "Component",
            organisation=config.organisation,
            project=config.project,
            number=list(STAGES).index(config.stage),
        )
