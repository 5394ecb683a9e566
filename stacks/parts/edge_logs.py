"""Where devices write the component's log, and what they need for it."""

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.parts.logging import log_group
from stacks.parts.roles import Roles, allow


class EdgeLogs(Construct):
    """The log group that Greengrass's log manager writes the component's lines to, and the right.

    The log manager makes the name, which is the same in all stages of an account and region.
    """

    def __init__(
        self, scope: Construct, id_: str, *, component: str, roles: Roles, key: kms.IKey, days: int
    ) -> None:
        super().__init__(scope, id_)
        group = log_group(
            self,
            "Group",
            key=key,
            days=days,
            name=f"/aws/greengrass/UserComponent/{Aws.REGION}/{component}",
        )
        # Before each new stream the log manager asks for the group, and gives the stream up where
        # it may not: with the right it hears that the group is there.
        actions = ("CreateLogGroup", "CreateLogStream", "PutLogEvents")
        allow(
            roles["edge"],
            "Policy",
            scope=self,
            description="Where devices may write the component's log",
            statements=[
                iam.PolicyStatement(
                    actions=[f"logs:{it}" for it in actions], resources=[group.log_group_arn]
                )
            ],
        )
