"""Removes what executions made before `cdk destroy` does the rest, so that nothing is left."""

from collections.abc import Sequence

from aws_cdk import CustomResource, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk.aws_logs import ILogGroup
from constructs import Construct

from stacks.config import StageConfig
from stacks.parts.encryption import use_key
from stacks.parts.functions import ARCHITECTURE, RUNTIME, handlers
from stacks.parts.logging import log_group
from stacks.parts.permissions import CLEAN_UP, Names, statements
from stacks.parts.roles import Roles, allow, log_group_arn


class CleanUp(Construct):
    """A custom resource that goes before buckets and model package group do."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        config: StageConfig,
        names: Names,
        roles: Roles,
        buckets: Sequence[s3.Bucket],
        key: kms.IKey,
        before: Sequence[Construct],
    ) -> None:
        super().__init__(scope, id_)
        role = roles["clean_up"]
        logs = log_group(self, "Logs", key=key, days=config.log_days)
        policy = allow(
            role,
            "Policy",
            scope=self,
            description="What the clean-up may do",
            statements=[
                *statements(self, CLEAN_UP, names),
                *_own_statements(self, logs),
                iam.PolicyStatement(
                    actions=["logs:DeleteLogGroup"],
                    resources=[log_group_arn(self, f"/aws/sagemaker/Endpoints/{names.endpoint}")],
                ),
                use_key(key, write=False),
            ],
        )
        resource = CustomResource(
            self,
            "Resource",
            service_token=_function(self, role, logs).function_arn,
            properties={
                "Buckets": [bucket.bucket_name for bucket in buckets],
                "ModelPackageGroup": names.model_package_group,
                "Endpoint": names.endpoint,
            },
        )
        _share(buckets, role)
        # What it needs goes after it, and so does what it empties.
        for needed in (policy, *before, *(it.policy for it in buckets if it.policy)):
            resource.node.add_dependency(needed)


class EndpointCleanUp(Construct):
    """A custom resource that deletes the workflow's endpoint before what its role may do goes.

    It stands in the stack that is destroyed first. The function is one of its own, since a stack
    could not take it back while another one uses it; what it may do of SageMaker comes from
    `CleanUp`, which outlives it.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        endpoint: str,
        roles: Roles,
        key: kms.IKey,
        log_days: int,
        before: Sequence[Construct],
    ) -> None:
        super().__init__(scope, id_)
        role = roles["clean_up"]
        logs = log_group(self, "Logs", key=key, days=log_days)
        policy = allow(
            role,
            "Policy",
            scope=self,
            description="Log and stack of the endpoint's clean-up",
            statements=_own_statements(self, logs),
        )
        resource = CustomResource(
            self,
            "Resource",
            service_token=_function(self, role, logs).function_arn,
            properties={"Endpoint": endpoint},
        )
        resource.node.add_dependency(policy, *before)


def _function(scope: Construct, role: iam.Role, logs: ILogGroup) -> lambda_.Function:
    return lambda_.Function(
        scope,
        "Function",
        description="Removes what executions made when the stage is destroyed",
        code=handlers(),
        handler="lambdas.clean_up.handler",
        runtime=RUNTIME,
        architecture=ARCHITECTURE,
        role=role.without_policy_updates(),
        timeout=Duration.minutes(15),
        log_group=logs,
    )


def _own_statements(scope: Construct, logs: ILogGroup) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[logs.log_group_arn],
        ),
        # Whether the stack goes, or only does without this resource from now on.
        iam.PolicyStatement(
            actions=["cloudformation:DescribeStacks"], resources=[Stack.of(scope).stack_id]
        ),
    ]


def _share(buckets: Sequence[s3.Bucket], role: iam.IRole) -> None:
    for bucket in buckets:
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucketVersions"], principals=[role], resources=[bucket.bucket_arn]
            )
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["s3:DeleteObject", "s3:DeleteObjectVersion"],
                principals=[role],
                resources=[bucket.arn_for_objects("*")],
            )
        )
