"""`cdk bootstrap`, `deploy --all`, an execution, a second deploy and `destroy`, on the local AWS.

The CDK's own command line does it, with the pinned version. The local AWS is an emulator: what it
accepts AWS may still refuse. A resource counts only when the service itself shows it.
"""

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_mode.local_aws import LocalAws

ROOT = Path(__file__).parents[2]
CDK = ROOT / "node_modules" / ".bin" / "cdk"
PREFIX = "rl-autoscaling-dev"
PARTS = ("Access", "Storage", "Workflow", "Serving", "Edge", "Monitoring")
# The emulator provisions no fleet.
PASSED_OVER = ("AWS::IoT::ProvisioningTemplate",)
ACCOUNT = "123456789012"
COMPONENT = "com.example.rl-autoscaling.Policy"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CDK.exists(), reason="no CDK command line: make setup-cdk"),
]

Cdk = Callable[..., str]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    folder = tmp_path_factory.mktemp("deployed")
    with LocalAws(state_dir=folder / "state", cache_dir=folder / "cache") as started:
        yield started


@pytest.fixture(scope="module")
def cdk(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Cdk:
    """Return a function that runs the command line against the local AWS, from one synthesis."""
    assembly = tmp_path_factory.mktemp("assembly")
    url = aws.endpoint_url
    environment = {
        **os.environ,
        "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": url,
        # The address of a template is understood only with this host name.
        "AWS_ENDPOINT_URL_S3_FOR_CLOUDFORMATION": url.replace("127.0.0.1", "localhost"),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "CDK_DISABLE_CLI_TELEMETRY": "1",
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [CDK, *arguments, "--no-notices"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("synth", "--quiet", "--output", str(assembly), "-c", "stage=dev")

    def from_assembly(command: str, *arguments: str) -> str:
        return run(command, "--app", str(assembly), *arguments)

    run("bootstrap", f"aws://{ACCOUNT}/us-east-1")
    return from_assembly


def resources(aws: LocalAws) -> list[dict[str, Any]]:
    """Return what CloudFormation says it made."""
    formation = aws.client("cloudformation")
    return [
        resource
        for part in PARTS
        for resource in formation.list_stack_resources(StackName=f"{PREFIX}-{part}")[
            "StackResourceSummaries"
        ]
    ]


# How each service lists what it has, and what tells that a thing is the stage's.
LISTS = {
    "AWS::IAM::Role": ("iam", "list_roles", "Roles", "RoleName"),
    "AWS::IAM::ManagedPolicy": ("iam", "list_policies", "Policies", "PolicyName"),
    "AWS::Lambda::Function": ("lambda", "list_functions", "Functions", "FunctionName"),
    "AWS::StepFunctions::StateMachine": (
        "stepfunctions",
        "list_state_machines",
        "stateMachines",
        "name",
    ),
    "AWS::CloudWatch::Alarm": ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    "AWS::CloudWatch::Dashboard": (
        "cloudwatch",
        "list_dashboards",
        "DashboardEntries",
        "DashboardName",
    ),
    "AWS::ECR::Repository": ("ecr", "describe_repositories", "repositories", "repositoryName"),
    "AWS::SSM::Parameter": ("ssm", "describe_parameters", "Parameters", "Name"),
    "AWS::SNS::Topic": ("sns", "list_topics", "Topics", "TopicArn"),
    "AWS::Events::Rule": ("events", "list_rules", "Rules", "Name"),
    "AWS::SageMaker::ModelPackageGroup": (
        "sagemaker",
        "list_model_package_groups",
        "ModelPackageGroupSummaryList",
        "ModelPackageGroupName",
    ),
    "AWS::IoT::Policy": ("iot", "list_policies", "policies", "policyName"),
    "AWS::IoT::TopicRule": ("iot", "list_topic_rules", "rules", "ruleName"),
    "AWS::GreengrassV2::ComponentVersion": (
        "greengrassv2",
        "list_components",
        "components",
        "componentName",
    ),
    "AWS::IoT::RoleAlias": ("iot", "list_role_aliases", "roleAliases", None),
    "AWS::IoT::ThingGroup": ("iot", "list_thing_groups", "thingGroups", "groupName"),
    "AWS::Logs::LogGroup": ("logs", "describe_log_groups", "logGroups", "logGroupName"),
}
# The emulator logs functions to groups of its own, and jobs as SageMaker does.
NOT_BY_STACKS = ("/aws/lambda/", "/aws/sagemaker/TrainingJobs")


def shown(aws: LocalAws) -> Counter[str]:
    """Count, by asking each service, what there is of the stage."""
    found = Counter({kind: _count(aws, *where) for kind, where in LISTS.items()})
    kms, s3, logs = (aws.client(service) for service in ("kms", "s3", "logs"))
    states = [
        kms.describe_key(KeyId=it["KeyId"])["KeyMetadata"]["KeyState"]
        for it in kms.list_keys()["Keys"]
    ]
    found["AWS::KMS::Key"] = states.count("Enabled")
    buckets = [it["Name"] for it in s3.list_buckets()["Buckets"] if PREFIX in it["Name"]]
    found["AWS::S3::Bucket"] = len(buckets)
    found["AWS::S3::BucketPolicy"] = sum(
        bool(s3.get_bucket_policy(Bucket=name)["Policy"]) for name in buckets
    )
    found["AWS::Logs::MetricFilter"] = len(logs.describe_metric_filters()["metricFilters"])
    return +found


def _count(aws: LocalAws, service: str, operation: str, member: str, key: str | None) -> int:
    client = aws.client(service)
    pages = (
        client.get_paginator(operation).paginate()
        if client.can_paginate(operation)
        else [getattr(client, operation)()]
    )
    names = [str(item[key] if key else item) for page in pages for item in page[member]]
    marks = (PREFIX, PREFIX.replace("-dev", "/dev"), PREFIX.replace("-", "_"), COMPONENT)
    return sum(
        any(mark in name for mark in marks) and not name.startswith(NOT_BY_STACKS) for name in names
    )


# Not things of their own: part of what another service shows.
PARTS_OF_OTHERS = {"AWS::SNS::TopicPolicy", "AWS::CloudFormation::CustomResource"}


def test_a_stage_is_deployed_works_and_goes_again(aws: LocalAws, cdk: Cdk) -> None:
    cdk("deploy", "--all", "--method", "direct", "--require-approval", "never")
    claimed = resources(aws)
    expected = Counter(it["ResourceType"] for it in claimed if it["PhysicalResourceId"])
    nameless = [it for it in claimed if not it["PhysicalResourceId"]]
    assert len(nameless) == len(PASSED_OVER), "the emulator passed over more than is known"
    for kind in PARTS_OF_OTHERS:
        expected.pop(kind)
    assert shown(aws) == expected

    assert execute(aws) == "Deployed"
    tidy_up(aws)
    assert execute(aws) == "Deployed"
    second = cdk("deploy", "--all", "--method", "direct", "--require-approval", "never")
    assert second.count("(no changes)") == len(PARTS)

    cdk("destroy", "--all", "--force")
    # The version that the workflow published is no stack's, and devices may run it.
    assert shown(aws) == {"AWS::GreengrassV2::ComponentVersion": 1}
    [left] = aws.client("greengrassv2").list_components()["components"]
    assert left["latestVersion"]["componentVersion"] == "1.0.0"
    sagemaker = aws.client("sagemaker")
    assert not sagemaker.list_endpoints()["Endpoints"]
    assert not sagemaker.list_endpoint_configs()["EndpointConfigs"]
    assert not sagemaker.list_models()["Models"]


def tidy_up(aws: LocalAws) -> None:
    """Take the training bundle out of the CDK's bucket, as `cdk gc` may one day."""
    s3 = aws.client("s3")
    [bucket] = [it["Name"] for it in s3.list_buckets()["Buckets"] if it["Name"].startswith("cdk-")]
    keys = [it["Key"] for it in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    [bundle] = [key for key in keys if key.endswith(".gz")]
    s3.delete_object(Bucket=bucket, Key=bundle)


def execute(aws: LocalAws) -> str:
    """Run the workflow once and return its status; a fault fails the test with its cause."""
    parameter = aws.client("ssm").get_parameter(Name="/rl-autoscaling/dev/state-machine-arn")
    states = aws.client("stepfunctions")
    # Trained for seconds: good enough to beat a fleet that never changes.
    request = {
        "preset": "smoke",
        "gate": {"baseline": "static_best", "confidence": 0.5},
        "edge": {"run": True},
    }
    started = states.start_execution(
        stateMachineArn=parameter["Parameter"]["Value"], input=json.dumps(request)
    )
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline:
        found = states.describe_execution(executionArn=started["executionArn"])
        if found["status"] != "RUNNING":
            assert found["status"] == "SUCCEEDED", found.get("cause")
            return str(json.loads(found["output"])["status"])
        time.sleep(0.5)
    raise AssertionError("the execution goes on for more than 400 s")
