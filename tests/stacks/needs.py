"""Actions that no call in this repository shows, because a service makes the call; each with why.

The rest of what a role needs is read from handlers and definition, see `tests.stacks.calls`. A line
here that no role has is a mistake as well.
"""

from collections.abc import Mapping

_LOGS = {
    "logs:CreateLogStream": "the service writes the log in the role's name",
    "logs:PutLogEvents": "likewise",
}
_LOGS_OF_DEVICES = {
    **_LOGS,
    "logs:CreateLogGroup": "the log manager asks for the group before each new stream",
}
_TRACES = {
    "xray:PutTraceSegments": "tracing is on",
    "xray:PutTelemetryRecords": "likewise",
}
_NETWORK = {
    f"ec2:{name}": "network interfaces in the subnets, as Lambda and SageMaker document them"
    for name in (
        "AssignPrivateIpAddresses",
        "CreateNetworkInterface",
        "CreateNetworkInterfacePermission",
        "DeleteNetworkInterface",
        "DeleteNetworkInterfacePermission",
        "DescribeDhcpOptions",
        "DescribeNetworkInterfaces",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeVpcs",
        "UnassignPrivateIpAddresses",
    )
}
_KEY = {
    "kms:Decrypt": "variables, events and objects are encrypted",
    "kms:GenerateDataKey": "likewise what is written",
    "kms:DescribeKey": "SageMaker and S3 look whether the key may be used",
}
_VOLUMES = {"kms:CreateGrant": "SageMaker hands the key to the volumes of instances"}

_ROLLOUT = {
    "iot:DescribeThingGroup": "Greengrass makes the job of a deployment in the caller's name",
    "iot:DescribeJob": "likewise",
    "iot:UpdateJob": "likewise",
    "iot:CancelJob": "likewise: that of the deployment before",
}

_FUNCTION = {
    **_LOGS,
    **_TRACES,
    **_NETWORK,
    **_KEY,
    "sns:Publish": "Lambda sends failed events to the topic",
}
_CONTAINER = {
    **_LOGS,
    **_NETWORK,
    **_KEY,
    **_VOLUMES,
    "logs:CreateLogGroup": "SageMaker makes the group with the first job or endpoint",
    "logs:DescribeLogStreams": "AWS lists it for the roles of jobs and models",
    "cloudwatch:PutMetricData": "the service's own metrics",
    "ecr:GetAuthorizationToken": "pulls the image",
    "ecr:BatchCheckLayerAvailability": "likewise",
    "ecr:GetDownloadUrlForLayer": "likewise",
    "ecr:BatchGetImage": "likewise",
    "s3:GetObject": "bundle, channels and models",
    "s3:PutObject": "artifacts, checkpoints, captured requests",
}
_ROLLBACK = {"cloudwatch:DescribeAlarms": "SageMaker looks at the alarms of a deployment"}

NEEDS: Mapping[str, Mapping[str, str]] = {
    "prepare": _FUNCTION,
    "gate": _FUNCTION,
    "register": {
        **_FUNCTION,
        "ecr:BatchGetImage": "the registry looks the image up in the caller's name",
        "ecr:DescribeImages": "likewise",
    },
    "decide": _FUNCTION,
    "deploy": {**_FUNCTION, **_VOLUMES, **_ROLLBACK},
    "smoke-test": {**_FUNCTION, **_VOLUMES},
    "edge-publish": {
        **_FUNCTION,
        "s3:GetObject": "Greengrass reads the artifacts of a version in the caller's name",
    },
    "edge-deploy": {**_FUNCTION, **_ROLLOUT},
    "edge-follow": {**_FUNCTION, **_ROLLOUT},
    "training": {
        **_CONTAINER,
        "kms:Encrypt": "SageMaker asks for it of whoever's outputs it encrypts",
        "s3:DeleteObject": "SageMaker keeps the folder of checkpoints as the container has it",
        "s3:ListBucket": "SageMaker lists channels and checkpoints",
        "s3:GetBucketLocation": "likewise",
    },
    "serving": {
        **_CONTAINER,
        **_ROLLBACK,
        "kms:Encrypt": "as for jobs",
    },
    "state-machine": {
        **_TRACES,
        "xray:GetSamplingRules": "Step Functions samples by the account's rules",
        "xray:GetSamplingTargets": "likewise",
        **_KEY,
        **_VOLUMES,
        "sagemaker:ListTags": ".sync looks at the tags of what it made",
        "events:PutTargets": ".sync hears of the end of a job by a rule",
        "events:PutRule": "likewise",
        "events:DescribeRule": "likewise",
        "logs:CreateLogDelivery": "the service sets its own logging up",
        "logs:GetLogDelivery": "likewise",
        "logs:UpdateLogDelivery": "likewise",
        "logs:DeleteLogDelivery": "likewise",
        "logs:ListLogDeliveries": "likewise",
        "logs:PutResourcePolicy": "likewise",
        "logs:DescribeResourcePolicies": "likewise",
        "logs:DescribeLogGroups": "likewise",
    },
    "events": {"states:StartExecution": "the rule starts the workflow", **_KEY},
    "clean-up": {**_LOGS, "kms:Decrypt": "S3 and Lambda ask for it", "kms:DescribeKey": "likewise"},
    "edge": {
        **_LOGS_OF_DEVICES,
        "s3:GetObject": "devices fetch the artifacts of the component",
        "s3:GetBucketLocation": "the Java nucleus asks for their bucket's region first",
        "kms:Decrypt": "objects are encrypted",
        "kms:DescribeKey": "likewise",
    },
    "edge-metrics": {"cloudwatch:PutMetricData": "the rule of AWS IoT counts in the role's name"},
    "provisioning": {
        f"iot:{name}": "AWS IoT carries the provisioning template out in the role's name"
        for name in (
            "AddThingToThingGroup",
            "AttachPolicy",
            "AttachThingPrincipal",
            "CreateThing",
            "DescribeCertificate",
            "DescribeThing",
            "DescribeThingGroup",
            "GetPolicy",
            "ListThingGroupsForThing",
            "UpdateCertificate",
            "UpdateThing",
        )
    },
    "ArtifactsReplicationRole": {
        "s3:GetReplicationConfiguration": "S3 replicates in the role's name",
        "s3:ListBucket": "likewise",
        "s3:GetObjectVersionForReplication": "likewise",
        "s3:GetObjectVersionAcl": "likewise",
        "s3:GetObjectVersionTagging": "likewise",
        "s3:GetObjectRetention": "likewise, where objects are locked",
        "s3:GetObjectLegalHold": "likewise",
        "s3:ReplicateObject": "likewise, into the replica bucket",
        "s3:ReplicateTags": "likewise",
        "kms:Decrypt": "objects are encrypted",
        "kms:DescribeKey": "likewise",
        "kms:Encrypt": "and encrypted again by the replica's key",
    },
}
"""By the role's name without the stage's; a role that is not here is refused."""

MAY_LACK = {
    *_NETWORK,
    *_TRACES,
    *_ROLLBACK,
    "logs:CreateLogGroup",
    "kms:DescribeKey",
    "states:StartExecution",
    "sns:Publish",
}
"""What only some stages or roles need: without a network, a clock, alarms or dead letters none."""


def may_lack(role: str) -> set[str]:
    """Return what a role may lack; devices write logs in one stage of an account alone."""
    return MAY_LACK | (_LOGS_OF_DEVICES.keys() if role == "edge" else set())
