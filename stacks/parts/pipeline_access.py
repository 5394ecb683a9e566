"""What those who deliver may do: pipeline steps and workflows on GitHub.

They begin before there is a stage, and outlive it: what they may touch is told by tags and names,
which are promised, instead of by ARNs.
"""

from collections.abc import Sequence

from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.config import StageConfig
from stacks.parts.acknowledge import acknowledge, wildcard, wildcard_arn

DEPLOYING = ("deploy", "file-publishing", "image-publishing", "lookup")
"""Roles of `cdk bootstrap` that the CDK's command line assumes to deploy."""

LOOKING = ("lookup",)
"""The one that it assumes to compare: it may read, and change nothing."""


def assume_bootstrap_roles(scope: Construct, kinds: Sequence[str]) -> iam.PolicyStatement:
    """Return the statement that lets the CDK's command line work, by its bootstrap's roles alone.

    Args:
        scope: Whose account, region and qualifier are meant.
        kinds: `DEPLOYING` or `LOOKING`.
    """
    qualifier = Stack.of(scope).synthesizer.bootstrap_qualifier
    assert qualifier is not None
    return iam.PolicyStatement(
        sid="Bootstrap",
        actions=["sts:AssumeRole"],
        resources=[
            f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/"
            f"cdk-{qualifier}-{kind}-role-{Aws.ACCOUNT_ID}-{Aws.REGION}"
            for kind in kinds
        ],
    )


def run_executions(config: StageConfig) -> list[iam.PolicyStatement]:
    """Return what `tools/run_execution.py` needs to start an execution and to wait for it.

    Args:
        config: The stage. Executions inherit the tags of their state machine.
    """
    return [
        iam.PolicyStatement(
            sid="Parameter",
            actions=["ssm:GetParameter"],
            resources=[_arn("ssm", f"parameter/{config.project}/{config.stage}/state-machine-arn")],
        ),
        iam.PolicyStatement(
            sid="Executions",
            actions=["states:StartExecution", "states:DescribeExecution"],
            resources=[_arn("states", "stateMachine:*"), _arn("states", "execution:*")],
            conditions={"StringEquals": stage_tags(config)},
        ),
        use_key_through("states", config, write=True),
    ]


def read_scorecards(config: StageConfig) -> list[iam.PolicyStatement]:
    """Return what reading the scorecards of a stage takes.

    Args:
        config: The stage. CloudFormation names its bucket after the stack; a long name it
            shortens, which was not tried.
    """
    return [
        iam.PolicyStatement(
            sid="Scorecards",
            actions=["s3:GetObject"],
            resources=[f"arn:{Aws.PARTITION}:s3:::{config.prefix}-*/executions/*"],
        ),
        use_key_through("s3", config, write=False),
    ]


def use_key_through(service: str, config: StageConfig, *, write: bool) -> iam.PolicyStatement:
    """Return the statement that lets a service use the stage's key for the caller."""
    return iam.PolicyStatement(
        sid=f"KeyThrough{service.title()}",
        actions=["kms:Decrypt", *(["kms:GenerateDataKey"] if write else [])],
        resources=[_arn("kms", "key/*")],
        conditions={
            "StringEquals": {
                "kms:ViaService": f"{service}.{Aws.REGION}.amazonaws.com",
                **stage_tags(config),
            }
        },
    )


def acknowledge_executions(scope: Construct) -> None:
    """Say why the wildcards of `run_executions` are no risk."""
    tagged = "Bounded by the tags of the project and the stage, which only its own resources have."
    acknowledge(scope, wildcard_arn("states", "stateMachine:*"), tagged)
    acknowledge(scope, wildcard_arn("states", "execution:*"), tagged)
    acknowledge(scope, wildcard_arn("kms", "key/*"), tagged)


def acknowledge_scorecards(scope: Construct, config: StageConfig) -> None:
    """Say why the wildcard of `read_scorecards` is no risk."""
    acknowledge(
        scope,
        wildcard(f"arn:<AWS::Partition>:s3:::{config.prefix}-*/executions/*"),
        "CloudFormation ends the bucket's name; only scorecards and reports are below executions/.",
    )


def stage_tags(config: StageConfig) -> dict[str, str]:
    """Return the conditions on what has the tags of a stage, which only its resources have."""
    return {
        "aws:ResourceTag/sagemaker:project-name": config.project,
        "aws:ResourceTag/stage": config.stage,
    }


def _arn(service: str, resource: str) -> str:
    return f"arn:{Aws.PARTITION}:{service}:{Aws.REGION}:{Aws.ACCOUNT_ID}:{resource}"
