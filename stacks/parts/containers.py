"""What the containers of jobs and endpoints may do beside their part of the bucket."""

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.parts.acknowledge import acknowledge, wildcard_arn
from stacks.parts.encryption import lend_key, use_key
from stacks.parts.roles import Roles, allow, log_group_arn


class Containers(Construct):
    """Policies of the roles that SageMaker runs the project's image with."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        roles: Roles,
        repositories: Sequence[str],
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id_)
        acknowledge(
            self,
            wildcard_arn("logs", f"log-group:{_TRAINING_LOGS}:*"),
            "The group is every job's of the account, and SageMaker names the streams in it.",
        )
        # The endpoint's log group is the stage's own, see EndpointAccess.
        logs = {"training": [write_logs(log_group_arn(self, _TRAINING_LOGS))], "serving": []}
        for step, own in logs.items():
            allow(
                roles[step],
                step.title(),
                scope=self,
                description=f"What the containers of {step} may do",
                statements=[
                    _pull(repositories),
                    *own,
                    use_key(key, write=True),
                    # SageMaker asks for this of whoever's outputs it encrypts.
                    iam.PolicyStatement(actions=["kms:Encrypt"], resources=[key.key_arn]),
                    lend_key(key),
                ],
            )


def write_logs(group: str) -> iam.PolicyStatement:
    """Return what SageMaker needs to write a container's output into the group of this ARN."""
    actions = ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents")
    return iam.PolicyStatement(actions=[f"logs:{it}" for it in actions], resources=[group])


def _pull(repositories: Sequence[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=[
            "ecr:BatchCheckLayerAvailability",
            "ecr:GetDownloadUrlForLayer",
            "ecr:BatchGetImage",
        ],
        resources=list(repositories),
    )


_TRAINING_LOGS = "/aws/sagemaker/TrainingJobs"
