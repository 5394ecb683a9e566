"""What endpoints may do beside what every container of the workflow may."""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.parts.acknowledge import acknowledge
from stacks.parts.roles import Roles, allow
from stacks.parts.training_bundle import TrainingBundle


class EndpointAccess(Construct):
    """Policies for roll-backs, and for endpoints that outlive the bundle they came with."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        roles: Roles,
        alarms: Sequence[cloudwatch.IAlarm],
        bundle: TrainingBundle,
    ) -> None:
        super().__init__(scope, id_)
        # SageMaker asks for the alarms in the name of the model's role or of whoever deploys.
        watch = iam.PolicyStatement(
            actions=["cloudwatch:DescribeAlarms"], resources=[it.alarm_arn for it in alarms]
        )
        description = "Alarms that take a deployment of the endpoint back"
        allow(roles["deploy"], "Deploy", scope=self, description=description, statements=[watch])
        # A package names the bundle that it was trained with. An instance that starts after the
        # next `cdk deploy` still fetches that one, so the newest bundle alone is too little.
        folder = bundle.object_arn.rpartition("/")[0]
        earlier = iam.PolicyStatement(actions=["s3:GetObject"], resources=[f"{folder}/{_BUNDLES}"])
        serving = allow(
            roles["serving"],
            "Serving",
            scope=self,
            description=f"{description}; earlier bundles",
            statements=[watch, earlier],
        )
        acknowledge(
            serving,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{_ASSETS}/{_BUNDLES}]",
            "Assets are named by their hash, and those of earlier deployments are not known here; "
            "the bucket belongs to the CDK, and the role can only read archives in it.",
        )


_BUNDLES = "*.tar.gz"
_ASSETS = "arn:<AWS::Partition>:s3:::cdk-hnb659fds-assets-<AWS::AccountId>-<AWS::Region>"
