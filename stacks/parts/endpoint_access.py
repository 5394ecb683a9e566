"""What endpoints may do beside what every container of the workflow may."""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.parts.containers import write_logs
from stacks.parts.roles import Roles, allow


class EndpointAccess(Construct):
    """Policies for its log and for roll-backs."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        roles: Roles,
        alarms: Sequence[cloudwatch.IAlarm],
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, id_)
        # SageMaker asks for the alarms in the name of the model's role or of whoever deploys.
        watch = iam.PolicyStatement(
            actions=["cloudwatch:DescribeAlarms"], resources=[it.alarm_arn for it in alarms]
        )
        allow(
            roles["deploy"],
            "Deploy",
            scope=self,
            description="Alarms that take a deployment of the endpoint back",
            statements=[watch],
        )
        allow(
            roles["serving"],
            "Serving",
            scope=self,
            description="The endpoint's log, and alarms that take a deployment of it back",
            statements=[watch, write_logs(log_group.log_group_arn)],
        )
