"""What the templates promise to those who use and run the stage, as lists of problems."""

from collections.abc import Iterator
from typing import Any

from tests.stacks.calls import tasks
from tests.stacks.contract import definition
from tests.stacks.intrinsics import Deployed
from tests.stacks.synthesis import Finding, Templates, resources

_PROTECTION = {"EnableNetworkIsolation", "EnableInterContainerTrafficEncryption"}
"""What the stage decides about a job, and a request without it would leave off."""


def definition_problems(deployed: Deployed, *, network: bool) -> Iterator[Finding]:
    """Yield tasks that are not tried again, caught, bounded in time or inside the network."""
    machine = definition(deployed)
    for name, task in tasks(machine).items():
        for rule in _task_rules(task):
            yield Finding("definition", rule, name)
        if "createTrainingJob" in task["Resource"]:
            parameters = {key.removesuffix(".$") for key in task["Parameters"]}
            if network != ("VpcConfig" in parameters):
                yield Finding("definition", "network", name)
            for key in _PROTECTION - parameters:
                yield Finding("definition", "unprotected", f"{name} {key}")
    if "TimeoutSeconds" not in machine:
        yield Finding("definition", "no-timeout", "state machine")


def _task_rules(task: dict[str, Any]) -> Iterator[str]:
    retriers = task.get("Retry", ())
    if not retriers:
        yield "no-retry"
    if any(it.get("JitterStrategy") != "FULL" or "MaxDelaySeconds" not in it for it in retriers):
        yield "retries-in-step"
    if ["States.ALL"] not in [item["ErrorEquals"] for item in task.get("Catch", ())]:
        yield "not-caught"
    if not {"TimeoutSeconds", "TimeoutSecondsPath"} & task.keys():
        yield "no-timeout"


_STATEFUL = (
    "AWS::ECR::Repository",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SageMaker::ModelPackageGroup",
)


def retention_problems(templates: Templates, *, retain: bool) -> Iterator[Finding]:
    """Yield what has a state and does not outlive its stack, or does where nothing should."""
    wanted = "Retain" if retain else "Delete"
    for stack, logical_id, resource in resources(templates):
        policies = {resource.get(key) for key in ("DeletionPolicy", "UpdateReplacePolicy")}
        if resource["Type"] in _STATEFUL and policies != {wanted}:
            yield Finding("promise", "retention", f"{stack} {logical_id}")


def transport_problems(deployed: Deployed) -> Iterator[Finding]:
    """Yield what answers without TLS, and state machines without a key of the stage.

    cdk-nag takes an encrypted topic for one that takes messages over TLS alone, and no checker
    looks at the version of TLS or at the key of a state machine.
    """
    wanted = {
        "AWS::S3::BucketPolicy": ("aws:SecureTransport", "s3:TlsVersion"),
        "AWS::SNS::TopicPolicy": ("aws:SecureTransport",),
        "AWS::SQS::QueuePolicy": ("aws:SecureTransport",),
    }
    for kind, keys in wanted.items():
        for stack, logical_id, properties in deployed.of_type(kind):
            document = properties["PolicyDocument"]["Statement"]
            denied = [str(it.get("Condition")) for it in document if it["Effect"] == "Deny"]
            for key in keys:
                if not any(key in condition for condition in denied):
                    yield Finding("promise", "transport", f"{stack} {logical_id} {key}")
    for stack, logical_id, properties in deployed.of_type("AWS::StepFunctions::StateMachine"):
        if not properties.get("EncryptionConfiguration", {}).get("KmsKeyId"):
            yield Finding("promise", "encryption", f"{stack} {logical_id}")


PROMISED = (
    "state-machine-arn",
    "image-uri",
    "endpoint-name",
    "model-package-group",
    "artifact-bucket",
)
TAGS = ("sagemaker:project-name", "stage")
# CloudFormation's types that take no tags, or none that AWS would show.
_UNTAGGED = (
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CloudFormation::CustomResource",
    "AWS::CloudWatch::Dashboard",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::Lambda::Permission",
    "AWS::Logs::MetricFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
)


def promise_problems(deployed: Deployed, *, project: str, stage: str) -> Iterator[Finding]:
    """Yield names and tags of contracts, section 9, that are not kept."""
    for stack in deployed.templates:
        if not stack.startswith(f"{project}-{stage}-"):
            yield Finding("promise", "stack-name", stack)
    names = {item["Name"] for _, _, item in deployed.of_type("AWS::SSM::Parameter")}
    for name in PROMISED:
        if f"/{project}/{stage}/{name}" not in names:
            yield Finding("promise", "parameter", name)
    wanted = {TAGS[0]: project, TAGS[1]: stage}
    for stack, logical_id, resource in resources(deployed.templates):
        if resource["Type"] not in _UNTAGGED:
            tags = resource.get("Properties", {}).get("Tags", {})
            found = tags if isinstance(tags, dict) else {it["Key"]: it["Value"] for it in tags}
            if wanted.items() - found.items():
                yield Finding("promise", "tags", f"{stack} {logical_id}")
