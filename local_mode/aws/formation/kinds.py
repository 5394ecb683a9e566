"""Resources that moto's CloudFormation does not know or makes wrong, through their public API.

A stack on the local AWS would otherwise end as CREATE_COMPLETE without them.
"""

import json
from collections.abc import Callable, Mapping

from local_mode.aws.formation.custom import answer_custom
from local_mode.aws.formation.devices import DEVICE_KINDS
from local_mode.aws.formation.kind import ClientFactory, Kind, Made, Properties


def _key(client: ClientFactory, name: str, properties: Properties) -> Made:
    # moto's own hands the tags on in another service's form, and fails.
    kms = client("kms")
    tags = [{"TagKey": it["Key"], "TagValue": it["Value"]} for it in properties.get("Tags", ())]
    found = kms.create_key(
        Policy=json.dumps(properties["KeyPolicy"]),
        Description=properties.get("Description", ""),
        Tags=tags,
    )["KeyMetadata"]
    if properties.get("EnableKeyRotation"):
        kms.enable_key_rotation(KeyId=found["KeyId"])
    return Made(found["KeyId"], {"Arn": found["Arn"], "KeyId": found["KeyId"]})


def _forget_key(client: ClientFactory, identifier: str, properties: Properties) -> None:
    days = properties.get("PendingWindowInDays", 30)
    client("kms").schedule_key_deletion(KeyId=identifier, PendingWindowInDays=days)


def _change_key(client: ClientFactory, identifier: str, properties: Properties) -> Made:
    policy = json.dumps(properties["KeyPolicy"])
    client("kms").put_key_policy(KeyId=identifier, PolicyName="default", Policy=policy)
    found = client("kms").describe_key(KeyId=identifier)["KeyMetadata"]
    return Made(identifier, {"Arn": found["Arn"], "KeyId": identifier})


def _bucket_policy(client: ClientFactory, name: str, properties: Properties) -> Made:
    bucket = properties["Bucket"]
    client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(properties["PolicyDocument"]))
    return Made(bucket)


def _no_bucket_policy(client: ClientFactory, identifier: str, properties: Properties) -> None:
    client("s3").delete_bucket_policy(Bucket=properties["Bucket"])


def _topic_policy(client: ClientFactory, name: str, properties: Properties) -> Made:
    for topic in properties["Topics"]:
        client("sns").set_topic_attributes(
            TopicArn=topic,
            AttributeName="Policy",
            AttributeValue=json.dumps(properties["PolicyDocument"]),
        )
    return Made(name)


def _subscription(client: ClientFactory, name: str, properties: Properties) -> Made:
    found = client("sns").subscribe(
        TopicArn=properties["TopicArn"],
        Protocol=properties["Protocol"],
        Endpoint=properties["Endpoint"],
        ReturnSubscriptionArn=True,
    )
    return Made(found["SubscriptionArn"])


def _unsubscribe(client: ClientFactory, identifier: str, properties: Properties) -> None:
    client("sns").unsubscribe(SubscriptionArn=identifier)


def _managed_policy(client: ClientFactory, name: str, properties: Properties) -> Made:
    # moto's own is not detached when its stack goes, and then keeps its roles from going.
    iam = client("iam")
    arn = iam.create_policy(
        PolicyName=name,
        PolicyDocument=json.dumps(properties["PolicyDocument"]),
        Description=properties.get("Description", ""),
    )["Policy"]["Arn"]
    for role in properties.get("Roles", ()):
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    return Made(arn, {"PolicyArn": arn})


def _no_managed_policy(client: ClientFactory, identifier: str, properties: Properties) -> None:
    iam = client("iam")
    for role in properties.get("Roles", ()):
        iam.detach_role_policy(RoleName=role, PolicyArn=identifier)
    iam.delete_policy(PolicyArn=identifier)


def _custom(request: str) -> Callable[[ClientFactory, str, Properties], Made]:
    def ask(client: ClientFactory, name: str, properties: Properties) -> Made:
        return Made(answer_custom(client, request, name, properties))

    return ask


def _no_custom(client: ClientFactory, identifier: str, properties: Properties) -> None:
    answer_custom(client, "Delete", identifier, properties)


def _alarm(client: ClientFactory, name: str, properties: Properties) -> Made:
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName=name, **_without(properties, "AlarmName"))
    found = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    return Made(name, {"Arn": found["AlarmArn"]})


def _no_alarm(client: ClientFactory, identifier: str, properties: Properties) -> None:
    client("cloudwatch").delete_alarms(AlarmNames=[identifier])


def _parameter(client: ClientFactory, name: str, properties: Properties) -> Made:
    # moto's own takes the tags, which are a map here, for a list.
    value, kind = properties["Value"], properties.get("Type", "String")
    ssm = client("ssm")
    ssm.put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)
    pairs = [{"Key": key, "Value": text} for key, text in properties.get("Tags", {}).items()]
    if pairs:
        ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=pairs)
    return Made(name, {"Type": kind, "Value": value})


def _no_parameter(client: ClientFactory, identifier: str, properties: Properties) -> None:
    client("ssm").delete_parameter(Name=identifier)


def _metric_filter(client: ClientFactory, name: str, properties: Properties) -> Made:
    client("logs").put_metric_filter(
        logGroupName=properties["LogGroupName"],
        filterName=name,
        filterPattern=properties["FilterPattern"],
        metricTransformations=[
            {
                "metricName": it["MetricName"],
                "metricNamespace": it["MetricNamespace"],
                "metricValue": it["MetricValue"],
            }
            for it in properties["MetricTransformations"]
        ],
    )
    return Made(name)


def _no_metric_filter(client: ClientFactory, identifier: str, properties: Properties) -> None:
    client("logs").delete_metric_filter(
        logGroupName=properties["LogGroupName"], filterName=identifier
    )


def _nothing(client: ClientFactory, identifier: str, properties: Properties) -> None:
    """Do nothing: it goes with what it belongs to."""


def _without(properties: Properties, *names: str) -> Properties:
    return {key: value for key, value in properties.items() if key not in names}


def _sagemaker(member: str, operation: str, *, arn: str) -> Kind:
    """Return the kind of a SageMaker resource whose properties are its request."""

    def create(client: ClientFactory, name: str, properties: Properties) -> Made:
        request = _without(properties, f"{member}Name", *_ONLY_IN_TEMPLATES)
        answer = getattr(client("sagemaker"), f"create_{operation}")(
            **{f"{member}Name": name}, **request
        )
        # CloudFormation's Ref of these is the ARN; moto's engine asks for the same by Fn::GetAtt.
        return Made(answer[arn], {arn: answer[arn], f"{member}Name": name})

    def delete(client: ClientFactory, identifier: str, properties: Properties) -> None:
        name = identifier.rpartition("/")[2]
        getattr(client("sagemaker"), f"delete_{operation}")(**{f"{member}Name": name})

    attributes = (arn, f"{member}Name")
    return Kind(create=create, delete=delete, name=f"{member}Name", attributes=attributes)


_ONLY_IN_TEMPLATES = ("RetainAllVariantProperties", "ExcludeRetainedVariantProperties")


def _change_endpoint(client: ClientFactory, identifier: str, properties: Properties) -> Made:
    name = identifier.rpartition("/")[2]
    wanted = {
        key: properties[key]
        for key in ("EndpointConfigName", "DeploymentConfig")
        if key in properties
    }
    answer = client("sagemaker").update_endpoint(EndpointName=name, **wanted)
    return Made(identifier, {"EndpointArn": answer["EndpointArn"], "EndpointName": name})


_ENDPOINT = _sagemaker("Endpoint", "endpoint", arn="EndpointArn")

KINDS: Mapping[str, Kind] = {
    **DEVICE_KINDS,
    "AWS::KMS::Key": Kind(
        create=_key, delete=_forget_key, update=_change_key, attributes=("Arn", "KeyId")
    ),
    "AWS::S3::BucketPolicy": Kind(
        create=_bucket_policy, delete=_no_bucket_policy, update=_bucket_policy
    ),
    "AWS::IAM::ManagedPolicy": Kind(
        name="ManagedPolicyName",
        create=_managed_policy,
        delete=_no_managed_policy,
        attributes=("PolicyArn",),
    ),
    "AWS::CloudFormation::CustomResource": Kind(
        create=_custom("Create"), delete=_no_custom, update=_custom("Update")
    ),
    "AWS::SSM::Parameter": Kind(
        name="Name",
        create=_parameter,
        delete=_no_parameter,
        update=_parameter,
        attributes=("Type", "Value"),
    ),
    "AWS::SNS::TopicPolicy": Kind(create=_topic_policy, delete=_nothing, update=_topic_policy),
    "AWS::SNS::Subscription": Kind(create=_subscription, delete=_unsubscribe),
    "AWS::CloudWatch::Alarm": Kind(
        name="AlarmName", create=_alarm, delete=_no_alarm, update=_alarm, attributes=("Arn",)
    ),
    "AWS::Logs::MetricFilter": Kind(
        name="FilterName",
        create=_metric_filter,
        delete=_no_metric_filter,
        update=_metric_filter,
    ),
    "AWS::SageMaker::ModelPackageGroup": _sagemaker(
        "ModelPackageGroup", "model_package_group", arn="ModelPackageGroupArn"
    ),
    "AWS::SageMaker::Model": _sagemaker("Model", "model", arn="ModelArn"),
    "AWS::SageMaker::EndpointConfig": _sagemaker(
        "EndpointConfig", "endpoint_config", arn="EndpointConfigArn"
    ),
    "AWS::SageMaker::Endpoint": Kind(
        name="EndpointName",
        create=_ENDPOINT.create,
        delete=_ENDPOINT.delete,
        update=_change_endpoint,
        attributes=_ENDPOINT.attributes,
    ),
}
