"""Stacks on the local AWS: every resource is really there, and really gone afterwards."""

import json

import pytest
from botocore.exceptions import ClientError

from local_mode.aws.formation.deletion import deletion_order
from local_mode.aws.formation.kinds import KINDS

TAGS = [{"Key": "stage", "Value": "dev"}]
ALLOW = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::x"}],
}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
REFUSE = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": {"Fn::Join": ["", [{"Fn::GetAtt": ["Bucket", "Arn"]}, "/*"]]},
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}


def template(**resources):
    """Return a template of resources: type and properties each."""
    bodies = {}
    for name, (kind, properties) in resources.items():
        bodies[name] = {"Type": kind, "Properties": properties}
    return {"Resources": bodies}


def full_template():
    """Return one resource of most kinds, tagged as the stacks' are."""
    return template(
        Key=("AWS::KMS::Key", {"KeyPolicy": ALLOW, "EnableKeyRotation": True, "Tags": TAGS}),
        Role=("AWS::IAM::Role", {"RoleName": "formed", "AssumeRolePolicyDocument": TRUST}),
        Policy=(
            "AWS::IAM::ManagedPolicy",
            {"PolicyDocument": ALLOW, "Roles": [{"Ref": "Role"}], "Description": "x"},
        ),
        Bucket=("AWS::S3::Bucket", {}),
        Refusal=(
            "AWS::S3::BucketPolicy",
            {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": REFUSE},
        ),
        Repository=("AWS::ECR::Repository", {"ImageTagMutability": "IMMUTABLE"}),
        Topic=("AWS::SNS::Topic", {}),
        TopicPolicy=(
            "AWS::SNS::TopicPolicy",
            {"Topics": [{"Ref": "Topic"}], "PolicyDocument": ALLOW},
        ),
        Email=(
            "AWS::SNS::Subscription",
            {"TopicArn": {"Ref": "Topic"}, "Protocol": "email", "Endpoint": "a@example.org"},
        ),
        Alarm=(
            "AWS::CloudWatch::Alarm",
            {
                "AlarmName": "formed",
                "MetricName": "Errors",
                "Namespace": "AWS/Lambda",
                "Statistic": "Sum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanThreshold",
                "AlarmActions": [{"Ref": "Topic"}],
            },
        ),
        Logs=("AWS::Logs::LogGroup", {"LogGroupName": "formed"}),
        Filter=(
            "AWS::Logs::MetricFilter",
            {
                "LogGroupName": {"Ref": "Logs"},
                "FilterPattern": "x",
                "MetricTransformations": [
                    {"MetricName": "m", "MetricNamespace": "n", "MetricValue": "1"}
                ],
            },
        ),
        Group=(
            "AWS::SageMaker::ModelPackageGroup",
            {"ModelPackageGroupName": "formed", "Tags": TAGS},
        ),
        Things=("AWS::IoT::ThingGroup", {"ThingGroupName": "formed"}),
        Device=("AWS::IoT::Policy", {"PolicyName": "formed", "PolicyDocument": ALLOW}),
        Alias=(
            "AWS::IoT::RoleAlias",
            {"RoleAlias": "formed", "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}},
        ),
        Parameter=(
            "AWS::SSM::Parameter",
            {
                "Name": "/formed/key",
                "Type": "String",
                "Value": {"Fn::GetAtt": ["Key", "Arn"]},
                "Tags": {"stage": "dev"},
            },
        ),
    )


def create(aws, name, body):
    """Create a stack and return its resources: logical id to physical id."""
    formation = aws.client("cloudformation")
    formation.create_stack(StackName=name, TemplateBody=json.dumps(body))
    assert status(aws, name) == "CREATE_COMPLETE"
    found = formation.list_stack_resources(StackName=name)["StackResourceSummaries"]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}


def status(aws, name):
    return aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]


def names(client, operation, member, key):
    """Return one field of everything that a List operation shows."""
    return [each[key] for each in getattr(client, operation)()[member]]


def test_every_resource_of_a_stack_is_there_and_goes_with_it(aws):
    made = create(aws, "formed", full_template())
    assert all(made.values())
    key = aws.client("kms").describe_key(KeyId=made["Key"])["KeyMetadata"]
    assert aws.client("kms").get_key_rotation_status(KeyId=made["Key"])["KeyRotationEnabled"]
    parameter = aws.client("ssm").get_parameter(Name="/formed/key")["Parameter"]
    assert parameter["Value"] == key["Arn"]
    roles = aws.client("iam").list_attached_role_policies(RoleName="formed")["AttachedPolicies"]
    assert [role["PolicyArn"] for role in roles] == [made["Policy"]]
    policy = aws.client("s3").get_bucket_policy(Bucket=made["Bucket"])["Policy"]
    assert f"arn:aws:s3:::{made['Bucket']}/*" in policy
    assert made["Repository"] == made["Repository"].lower()
    groups = aws.client("sagemaker").list_model_package_groups(NameContains="formed")
    assert len(groups["ModelPackageGroupSummaryList"]) == 1
    (alarm,) = aws.client("cloudwatch").describe_alarms(AlarmNames=["formed"])["MetricAlarms"]
    assert alarm["AlarmActions"] == [made["Topic"]]
    subscriptions = aws.client("sns").list_subscriptions_by_topic(TopicArn=made["Topic"])
    assert [it["Endpoint"] for it in subscriptions["Subscriptions"]] == ["a@example.org"]
    filters = aws.client("logs").describe_metric_filters(logGroupName="formed")
    assert len(filters["metricFilters"]) == 1

    iot = aws.client("iot")
    assert [it["groupName"] for it in iot.list_thing_groups()["thingGroups"]] == ["formed"]
    assert [it["policyName"] for it in iot.list_policies()["policies"]] == ["formed"]
    assert iot.list_role_aliases()["roleAliases"] == ["formed"]

    aws.client("cloudformation").delete_stack(StackName="formed")
    assert not iot.list_thing_groups()["thingGroups"]
    assert not iot.list_policies()["policies"]
    assert not iot.list_role_aliases()["roleAliases"]
    assert aws.client("kms").describe_key(KeyId=made["Key"])["KeyMetadata"]["KeyState"] == (
        "PendingDeletion"
    )
    assert "formed" not in names(aws.client("iam"), "list_roles", "Roles", "RoleName")
    assert made["Bucket"] not in names(aws.client("s3"), "list_buckets", "Buckets", "Name")
    repositories = names(
        aws.client("ecr"), "describe_repositories", "repositories", "repositoryName"
    )
    assert made["Repository"] not in repositories
    assert made["Topic"] not in names(aws.client("sns"), "list_topics", "Topics", "TopicArn")
    assert not aws.client("cloudwatch").describe_alarms(AlarmNames=["formed"])["MetricAlarms"]
    with pytest.raises(ClientError):
        aws.client("ssm").get_parameter(Name="/formed/key")


def test_a_bucket_with_content_keeps_its_stack(aws):
    made = create(aws, "full", template(Bucket=("AWS::S3::Bucket", {})))
    s3 = aws.client("s3")
    s3.put_object(Bucket=made["Bucket"], Key="x", Body=b"x")
    with pytest.raises(ClientError, match=r"Bucket \(AWS::S3::Bucket\).*not empty"):
        aws.client("cloudformation").delete_stack(StackName="full")
    assert made["Bucket"] in names(s3, "list_buckets", "Buckets", "Name")
    s3.delete_object(Bucket=made["Bucket"], Key="x")


def test_what_is_to_be_retained_stays(aws):
    body = template(Bucket=("AWS::S3::Bucket", {}), Topic=("AWS::SNS::Topic", {}))
    body["Resources"]["Bucket"]["DeletionPolicy"] = "Retain"
    made = create(aws, "kept", body)
    aws.client("cloudformation").delete_stack(StackName="kept")
    assert made["Bucket"] in names(aws.client("s3"), "list_buckets", "Buckets", "Name")
    assert made["Topic"] not in names(aws.client("sns"), "list_topics", "Topics", "TopicArn")


def test_asking_for_the_outputs_of_a_deleted_stack_makes_nothing_again(aws):
    body = template(Bucket=("AWS::S3::Bucket", {}))
    body["Outputs"] = {"Name": {"Value": {"Fn::GetAtt": ["Bucket", "Arn"]}}}
    formation = aws.client("cloudformation")
    create(aws, "gone", body)
    identity = formation.describe_stacks(StackName="gone")["Stacks"][0]["StackId"]
    before = len(aws.client("s3").list_buckets()["Buckets"])
    formation.delete_stack(StackName="gone")
    assert "Outputs" not in formation.describe_stacks(StackName=identity)["Stacks"][0]
    assert len(aws.client("s3").list_buckets()["Buckets"]) == before - 1


def test_a_changed_stack_changes_its_resources(aws):
    body = template(
        Parameter=("AWS::SSM::Parameter", {"Name": "/c/x", "Type": "String", "Value": "1"}),
        Group=("AWS::SageMaker::ModelPackageGroup", {"ModelPackageGroupName": "first"}),
    )
    create(aws, "changed", body)
    body["Resources"]["Parameter"]["Properties"]["Value"] = "2"
    body["Resources"]["Group"]["Properties"]["ModelPackageGroupName"] = "second"
    formation = aws.client("cloudformation")
    formation.update_stack(StackName="changed", TemplateBody=json.dumps(body))
    assert status(aws, "changed") == "UPDATE_COMPLETE"
    assert aws.client("ssm").get_parameter(Name="/c/x")["Parameter"]["Value"] == "2"
    groups = aws.client("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"]
    found = [each["ModelPackageGroupName"] for each in groups]
    assert "second" in found
    assert "first" not in found
    formation.delete_stack(StackName="changed")


@pytest.mark.parametrize("fails", [False, True])
def test_a_custom_resource_is_what_its_function_says(aws, deploy, fails):
    arn = deploy(f"custom-{fails}", "custom.answer")
    body = template(
        Custom=("AWS::CloudFormation::CustomResource", {"ServiceToken": arn, "FailOn": "Delete"})
    )
    if not fails:
        body["Resources"]["Custom"]["Properties"].pop("FailOn")
    made = create(aws, f"custom-{fails}", body)
    assert made["Custom"] == "made by its function"
    formation = aws.client("cloudformation")
    if fails:
        with pytest.raises(ClientError, match=r"Custom \(.*told to fail on Delete"):
            formation.delete_stack(StackName=f"custom-{fails}")
    else:
        formation.delete_stack(StackName=f"custom-{fails}")


def test_nothing_goes_before_what_needs_it():
    body = {
        "Key": {},
        "Bucket": {"Properties": {"Key": {"Fn::GetAtt": ["Key", "Arn"]}}},
        "Policy": {"Properties": {"On": [{"Ref": "Bucket"}, {"Ref": "AWS::Region"}]}},
        "Name": {"Properties": {"Is": {"Fn::Sub": "${Bucket}-${Key.Arn}-${AWS::Region}"}}},
        "Last": {"DependsOn": ["Policy", "Name"]},
        "More": {"DependsOn": "Last", "Properties": {"Fn::GetAtt": "Key.Arn"}},
    }
    order = deletion_order(body)
    assert sorted(order) == sorted(body)
    assert order[:2] == ["More", "Last"]
    assert order[-2:] == ["Bucket", "Key"]


def test_every_kind_names_a_type():
    assert all(type_.startswith("AWS::") and type_.count("::") == 2 for type_ in KINDS)
