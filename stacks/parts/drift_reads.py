"""What looking for drift reads of each type of resource.

CloudFormation looks with the permissions of whoever asks it to. The actions are those that the
types' published schemas name for reading, without those that read tags of other types or hand
roles on. Names of resources begin with the name of their stack, but for those told by tags.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from stacks.config import StageConfig
from stacks.parts.pipeline_access import stage_tags


@dataclass(frozen=True)
class Read:
    """Actions of one service, and what they may read.

    Attributes:
        actions: With the service's name.
        resource: End of the ARN; `{prefix}` is `<project>-<stage>`; `*` for actions without one.
        tagged: Only what has the tags of the stage: its names say nothing of it.
    """

    actions: str
    resource: str
    tagged: bool = False


_KEY = Read("kms:Decrypt", "key/*", tagged=True)
_ROLE = Read(
    "iam:GetRole iam:ListAttachedRolePolicies iam:ListRolePolicies iam:GetRolePolicy",
    "role/{prefix}-*",
)
_TOPIC = Read(
    "sns:GetTopicAttributes sns:ListTagsForResource sns:ListSubscriptionsByTopic "
    "sns:GetDataProtectionPolicy",
    "{prefix}-*",
)
_LOGS = Read(
    "logs:DescribeLogGroups logs:DescribeIndexPolicies logs:DescribeMetricFilters "
    "logs:DescribeResourcePolicies",
    "*",
)
_ALARM = Read("cloudwatch:DescribeAlarms cloudwatch:ListTagsForResource", "alarm:{prefix}-*")
# One statement for four types: a managed policy has 6,144 characters.
_IOT = Read(
    "iot:GetPolicy iot:ListPolicyVersions iot:DescribeProvisioningTemplate iot:DescribeRoleAlias "
    "iot:DescribeThingGroup iot:ListTagsForResource",
    "*/{prefix}*",
)
_SCALING = Read(
    "application-autoscaling:DescribeScalableTargets "
    "application-autoscaling:DescribeScalingPolicies "
    "application-autoscaling:DescribeScheduledActions "
    "application-autoscaling:ListTagsForResource",
    "*",
)

READS: Mapping[str, tuple[Read, ...]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": (_SCALING,),
    "AWS::ApplicationAutoScaling::ScalingPolicy": (_SCALING,),
    "AWS::CloudWatch::Alarm": (_ALARM,),
    "AWS::CloudWatch::CompositeAlarm": (
        Read("cloudwatch:DescribeAlarms", "*"),  # of these CloudWatch tells only who may see all
    ),
    "AWS::CloudWatch::Dashboard": (
        Read("cloudwatch:GetDashboard cloudwatch:ListTagsForResource", "dashboard/{prefix}"),
    ),
    "AWS::ECR::Repository": (
        Read(
            "ecr:DescribeRepositories ecr:GetLifecyclePolicy ecr:GetRepositoryPolicy "
            "ecr:ListTagsForResource",
            "repository/{prefix}-*",
        ),
    ),
    "AWS::Events::Rule": (
        Read(
            "events:DescribeRule events:ListTargetsByRule events:ListTagsForResource",
            "rule/{prefix}-*",
        ),
    ),
    # Of a version that nobody can change, CloudFormation compares the tags.
    "AWS::GreengrassV2::ComponentVersion": (
        Read("greengrass:DescribeComponent greengrass:ListTagsForResource", "components:com.*"),
    ),
    "AWS::IoT::Policy": (_IOT,),
    "AWS::IoT::ProvisioningTemplate": (_IOT,),
    "AWS::IoT::RoleAlias": (_IOT,),
    "AWS::IoT::ThingGroup": (_IOT,),
    # Its name takes no hyphens, so the stage's name is not to be seen in it.
    "AWS::IoT::TopicRule": (
        Read("iot:GetTopicRule iot:ListTagsForResource", "rule/*", tagged=True),
    ),
    "AWS::IAM::ManagedPolicy": (
        Read("iam:GetPolicy iam:GetPolicyVersion iam:ListEntitiesForPolicy", "policy/{prefix}-*"),
    ),
    "AWS::IAM::Policy": (_ROLE,),
    "AWS::IAM::Role": (_ROLE,),
    "AWS::KMS::Key": (
        Read(
            "kms:DescribeKey kms:GetKeyPolicy kms:GetKeyRotationStatus kms:ListResourceTags",
            "key/*",
            tagged=True,
        ),
    ),
    "AWS::Lambda::Function": (
        Read(
            "lambda:GetFunction lambda:GetFunctionCodeSigningConfig "
            "lambda:GetFunctionRecursionConfig lambda:GetFunctionScalingConfig "
            "lambda:GetRuntimeManagementConfig",
            "function:{prefix}-*",
        ),
        _KEY,
    ),
    "AWS::Lambda::Permission": (Read("lambda:GetPolicy", "function:{prefix}-*"),),
    "AWS::Logs::LogGroup": (
        _LOGS,
        Read("logs:ListTagsForResource logs:GetDataProtectionPolicy", "log-group:*{prefix}*"),
        Read("logs:ListTagsForResource logs:GetDataProtectionPolicy", "log-group:*/{component}:*"),
    ),
    "AWS::Logs::MetricFilter": (_LOGS,),
    "AWS::S3::Bucket": (
        Read(
            "s3:GetAccelerateConfiguration s3:GetLifecycleConfiguration "
            "s3:GetBucketPublicAccessBlock s3:GetAnalyticsConfiguration s3:GetBucketCORS "
            "s3:GetEncryptionConfiguration s3:GetInventoryConfiguration s3:GetBucketLogging "
            "s3:GetMetricsConfiguration s3:GetBucketNotification s3:GetBucketVersioning "
            "s3:GetReplicationConfiguration s3:GetBucketWebsite "
            "s3:GetBucketObjectLockConfiguration s3:GetBucketTagging s3:ListTagsForResource "
            "s3:GetBucketAbac s3:GetBucketOwnershipControls "
            "s3:GetIntelligentTieringConfiguration s3:GetBucketMetadataTableConfiguration "
            "s3:ListBucket",
            "{prefix}-*",
        ),
    ),
    "AWS::S3::BucketPolicy": (Read("s3:GetBucketPolicy", "{prefix}-*"),),
    "AWS::SNS::Subscription": (Read("sns:GetSubscriptionAttributes", "*"),),
    "AWS::SNS::Topic": (_TOPIC,),
    "AWS::SNS::TopicPolicy": (_TOPIC,),
    "AWS::SSM::Parameter": (
        Read("ssm:GetParameters ssm:ListTagsForResource", "parameter/{project}/{stage}/*"),
    ),
    "AWS::SageMaker::Endpoint": (
        Read("sagemaker:DescribeEndpoint sagemaker:ListTags", "endpoint/{prefix}"),
    ),
    "AWS::SageMaker::EndpointConfig": (
        Read(
            "sagemaker:DescribeEndpointConfig sagemaker:ListTags", "endpoint-config/*", tagged=True
        ),
    ),
    "AWS::SageMaker::Model": (
        Read("sagemaker:DescribeModel sagemaker:ListTags", "model/*", tagged=True),
    ),
    "AWS::SageMaker::ModelPackageGroup": (
        Read(
            "sagemaker:DescribeModelPackageGroup sagemaker:GetModelPackageGroupPolicy "
            "sagemaker:ListTags",
            "model-package-group/{prefix}-*",
        ),
    ),
    "AWS::StepFunctions::StateMachine": (
        Read(
            "states:DescribeStateMachine states:ListTagsForResource", "stateMachine:*", tagged=True
        ),
        _KEY,
    ),
}
"""By type; a test finds types of the stages that are missing here."""


def read_statements(types: Iterable[str], config: StageConfig) -> list[iam.PolicyStatement]:
    """Return what reading resources of these types takes.

    Args:
        types: Types of resources; one that is not in the table is left out.
        config: The stage that they belong to.
    """
    return [
        iam.PolicyStatement(
            actions=read.actions.split(),
            resources=[_arn(read, config, Aws.PARTITION, Aws.REGION, Aws.ACCOUNT_ID)],
            conditions={"StringEquals": stage_tags(config)} if read.tagged else None,
        )
        for read in _reads(types)
    ]


def read_findings(types: Iterable[str], config: StageConfig) -> set[str]:
    """Return the resources of these statements as cdk-nag's findings spell them."""
    spelt = ("<AWS::Partition>", "<AWS::Region>", "<AWS::AccountId>")
    return {_arn(read, config, *spelt) for read in _reads(types)}


def _reads(types: Iterable[str]) -> list[Read]:
    return sorted({read for each in types for read in READS.get(each, ())}, key=str)


def _arn(read: Read, config: StageConfig, partition: str, region: str, account: str) -> str:
    service = read.actions.partition(":")[0]
    if read.resource == "*":
        return "*"
    resource = read.resource.format(
        prefix=config.prefix,
        project=config.project,
        stage=config.stage,
        component=config.component,
    )
    if service == "s3":
        return f"arn:{partition}:s3:::{resource}"
    worldwide = service == "iam" or resource.startswith("dashboard/")
    return f"arn:{partition}:{service}:{'' if worldwide else region}:{account}:{resource}"
