"""What one writes without thinking: proof that the checkers find something when there is something.

An empty report of cdk-nag may mean that nothing was looked at. Over this stack it must be long.
"""

from typing import Any


def naive(app: Any) -> None:
    """Add one stack with what the workflow has, in its plainest form."""
    from aws_cdk import Stack

    stack = Stack(app, "Naive")
    role = _role(stack)
    bucket = _storage(stack)
    vpc = _network(stack)
    _function(stack, role)
    _state_machine(stack, role)
    _messages(stack)
    _serving(stack, role, bucket, vpc)


def _role(stack: Any) -> Any:
    from aws_cdk import aws_iam as iam

    role = iam.Role(
        stack,
        "Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        managed_policies=[
            iam.ManagedPolicy.from_aws_managed_policy_name("AmazonSageMakerFullAccess"),
            iam.ManagedPolicy.from_aws_managed_policy_name("AmazonS3FullAccess"),
        ],
    )
    for service in ("sagemaker", "s3", "iam", "kms", "logs"):
        role.add_to_policy(iam.PolicyStatement(actions=[f"{service}:*"], resources=["*"]))
    return role


def _storage(stack: Any) -> Any:
    from aws_cdk import aws_ecr as ecr
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3

    kms.CfnKey(
        stack,
        "Key",
        key_policy={
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
            ],
        },
    )
    ecr.CfnRepository(stack, "Repository")
    s3.CfnBucket(stack, "Logs")
    return s3.CfnBucket(stack, "Bucket")


def _network(stack: Any) -> Any:
    from aws_cdk import aws_ec2 as ec2

    vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
    group = ec2.SecurityGroup(stack, "Group", vpc=vpc)
    group.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(22))
    return vpc


def _function(stack: Any, role: Any) -> None:
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_logs as logs

    lambda_.CfnFunction(
        stack,
        "Function",
        role=role.role_arn,
        handler="index.handler",
        runtime="python3.9",
        code=lambda_.CfnFunction.CodeProperty(zip_file="def handler(event, context): ..."),
    )
    logs.CfnLogGroup(stack, "LogGroup")


def _state_machine(stack: Any, role: Any) -> None:
    from aws_cdk import aws_stepfunctions as sfn

    sfn.CfnStateMachine(
        stack,
        "StateMachine",
        role_arn=role.role_arn,
        definition_string='{"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}',
    )


def _messages(stack: Any) -> None:
    from aws_cdk import aws_events as events
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

    topic = sns.CfnTopic(stack, "Topic")
    sqs.CfnQueue(stack, "Queue")
    events.CfnRule(
        stack,
        "Rule",
        schedule_expression="rate(1 day)",
        targets=[events.CfnRule.TargetProperty(id="topic", arn=topic.ref)],
    )


def _serving(stack: Any, role: Any, bucket: Any, vpc: Any) -> None:
    from aws_cdk import aws_codebuild as codebuild
    from aws_cdk import aws_sagemaker as sagemaker

    sagemaker.CfnEndpointConfig(
        stack,
        "EndpointConfig",
        production_variants=[
            sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                model_name="model",
                variant_name="AllTraffic",
                initial_variant_weight=1,
                initial_instance_count=1,
                instance_type="ml.m5.large",
            )
        ],
    )
    sagemaker.CfnNotebookInstance(
        stack,
        "Notebook",
        instance_type="ml.t3.medium",
        role_arn=role.role_arn,
        subnet_id=vpc.public_subnets[0].subnet_id,
    )
    codebuild.CfnProject(
        stack,
        "Build",
        service_role=role.role_arn,
        artifacts=codebuild.CfnProject.ArtifactsProperty(type="NO_ARTIFACTS"),
        environment=codebuild.CfnProject.EnvironmentProperty(
            compute_type="BUILD_GENERAL1_SMALL",
            image="aws/codebuild/standard:7.0",
            type="LINUX_CONTAINER",
            privileged_mode=True,
        ),
        source=codebuild.CfnProject.SourceProperty(type="S3", location=bucket.ref),
    )
