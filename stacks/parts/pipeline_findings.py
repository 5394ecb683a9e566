"""Findings of cdk-nag on what CDK Pipelines writes by itself, apart from those of the project.

The library makes the roles of the pipeline and their policies; each finding is acknowledged with
what bounds it.
"""

from aws_cdk import Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.parts.acknowledge import acknowledge, wildcard, wildcard_arn

_IAM5 = "AwsSolutions::AwsSolutions-IAM5"
_BUCKET_ACTIONS = ("Abort", "DeleteObject", "GetBucket", "GetObject", "List")
_KEY_ACTIONS = ("GenerateDataKey", "ReEncrypt")
_PACKS = ("HIPAA.Security", "NIST.800.53.R4", "NIST.800.53.R5", "PCI.DSS.321")
# The fourth pack has no such rule.
_SOURCE_PACKS = ("HIPAA.Security", "NIST.800.53.R4", "PCI.DSS.321")


def acknowledge_delivery(scope: Construct, bucket: s3.IBucket) -> None:
    """Say why the findings on the pipeline's own roles and projects are no risk.

    Args:
        scope: What holds the pipeline, which is complete.
        bucket: Its artifacts.
    """
    _acknowledge_artifacts(scope, bucket)
    for each in scope.node.find_all():
        # The projects that publish assets share a role; see below.
        if isinstance(each, codebuild.CfnProject) and "/Assets/" not in each.node.path:
            _acknowledge_project(scope, each)
    publishing = "The role that publishes assets is shared by its projects, and named for any."
    acknowledge(scope, wildcard_arn("logs", "log-group:/aws/codebuild/*"), publishing)
    acknowledge(scope, wildcard_arn("codebuild", "report-group/*"), publishing)
    acknowledge(
        scope,
        wildcard("arn:*:iam::<AWS::AccountId>:role/*"),
        "The update of the pipeline assumes roles by their tag aws-cdk:bootstrap-role alone.",
    )
    acknowledge(
        scope,
        wildcard("*"),
        "CDK Pipelines describes stacks, lists the bootstrap's bucket, and asks for no more.",
    )
    for pack in _PACKS:
        acknowledge(
            scope,
            f"{pack}::{pack}-IAMNoInlinePolicy",
            "CDK Pipelines writes these policies, each for one role that nobody else has.",
        )
    for pack in _SOURCE_PACKS:
        acknowledge(
            scope,
            f"{pack}::{pack}-CodeBuildProjectSourceRepoUrl",
            "The source comes from the pipeline, by a connection; no project has one of its own.",
        )
    acknowledge(
        scope,
        "Serverless::Serverless-EventBusDLQ",
        "EventBridge tries for a day; the pipeline itself goes on showing what failed.",
    )


def _acknowledge_artifacts(scope: Construct, bucket: s3.IBucket) -> None:
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)
    name = Stack.of(scope).get_logical_id(resource)
    only = "Bounded to the pipeline's own bucket and key, which hold copies of git and builds."
    acknowledge(scope, wildcard(f"<{name}.Arn>/*"), only)
    for action in _BUCKET_ACTIONS:
        acknowledge(scope, f"{_IAM5}[Action::s3:{action}*]", only)
    for action in _KEY_ACTIONS:
        acknowledge(scope, f"{_IAM5}[Action::kms:{action}*]", only)


def _acknowledge_project(scope: Construct, project: codebuild.CfnProject) -> None:
    name = Stack.of(scope).get_logical_id(project)
    own = "CodeBuild names the streams and report groups of this project, below its own name."
    acknowledge(scope, wildcard_arn("logs", f"log-group:/aws/codebuild/<{name}>:*"), own)
    acknowledge(scope, wildcard_arn("codebuild", f"report-group/<{name}>-*"), own)
