"""Types of resources, so that none is forgotten: each is priced, paid by use, or free."""

from collections.abc import Mapping

from stacks.costs.idle import PRICED
from stacks.costs.prices import CostError
from stacks.costs.templates import Templates

BY_USE: Mapping[str, str] = {
    "AWS::Lambda::Function": "an execution: requests and seconds",
    "AWS::Logs::MetricFilter": "an execution or the endpoint: a custom metric while it counts",
    "AWS::SNS::Subscription": "an execution: mails",
    "AWS::SNS::Topic": "an execution: messages",
    "AWS::StepFunctions::StateMachine": "an execution: transitions",
    "AWS::SageMaker::Endpoint": "the endpoint: instances, or seconds",
}
"""What costs by its use, and in which table that is."""

FREE: Mapping[str, str] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "what it adds is priced as instances",
    "AWS::CloudFormation::CustomResource": "the function behind it is paid by use",
    "AWS::Events::Rule": "events of AWS's own services and schedules cost nothing",
    "AWS::GreengrassV2::ComponentVersion": "devices cost by the month, see below the tables",
    "AWS::IAM::ManagedPolicy": "IAM costs nothing",
    "AWS::IAM::Policy": "likewise",
    "AWS::IAM::Role": "likewise",
    "AWS::IoT::Policy": "a policy",
    "AWS::IoT::ProvisioningTemplate": "costs nothing; its devices pay for messages",
    "AWS::IoT::RoleAlias": "costs nothing",
    "AWS::IoT::ThingGroup": "costs nothing; its devices pay for messages",
    "AWS::IoT::TopicRule": "costs by the messages of devices, see below the tables",
    "AWS::Lambda::Permission": "a policy",
    "AWS::S3::BucketPolicy": "a policy",
    "AWS::SNS::TopicPolicy": "a policy",
    "AWS::SageMaker::EndpointConfig": "only the endpoint costs",
    "AWS::SageMaker::Model": "likewise",
    "AWS::SageMaker::ModelPackageGroup": "the model registry costs nothing but storage in S3",
}
"""What costs nothing, and why."""


def check(templates: Templates) -> None:
    """Refuse resources of which nobody has looked up what they cost.

    Raises:
        CostError: Names type and place of each.
    """
    unknown = [
        f"{resource['Type']} ({stack}/{logical_id})"
        for stack, template in templates.items()
        for logical_id, resource in template.get("Resources", {}).items()
        if resource["Type"] not in {*PRICED, *BY_USE, *FREE}
    ]
    if unknown:
        raise CostError(
            "nobody has looked up what this costs; add it to stacks/costs/kinds.py or idle.py: "
            + ", ".join(unknown)
        )
