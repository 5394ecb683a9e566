"""The endpoint of a pinned package, and what there is where the workflow makes it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from lambdas.hosting import Hosting
from lambdas.settings import read_settings
from stacks.checked_config import check
from stacks.config import STAGES, Network, Serving, StageConfig
from stacks.errors import ConfigError
from tests.stacks.synthesis import Templates, prepare_node, synthesise

PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/rl-policies/{}"
NETWORK = Network(subnet_ids=("subnet-1", "subnet-2"), security_group_ids=("sg-1",))
ALARMS = ("errors", "refusals", "latency")

PINNED = Serving(
    instance_count=4,
    most_instances=6,
    capture_percent=10,
    canary_percent=30,
    bake_minutes=5,
    model_package=PACKAGE.format(3),
    shadow_model_package=PACKAGE.format(4),
    guard={"most_removed": 2, "peak_factor": 1.25},
)
SERVINGS: Mapping[str, tuple[Serving, Network | None]] = {
    "pinned": (PINNED, NETWORK),
    "next": (replace(PINNED, model_package=PACKAGE.format(5), shadow_model_package=None), NETWORK),
    "single": (Serving(model_package=PACKAGE.format(3)), None),
    "serverless": (
        Serving(serverless_memory_mb=2048, most_instances=6, model_package=PACKAGE.format(3)),
        None,
    ),
    "unpinned": (replace(PINNED, model_package=None, shadow_model_package=None), NETWORK),
}


def stage(project: str) -> StageConfig:
    serving, network = SERVINGS[project]
    return replace(STAGES["prod"], project=project, serving=serving, network=network)


@dataclass(frozen=True)
class Made:
    """Stacks Serving by their projects, and the variables of the functions beside them."""

    templates: Templates
    variables: Mapping[str, Mapping[str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Put a stack Serving for each project beside the other stacks of one stage: they take long."""
    prepare_node()
    from stacks.access_stack import AccessStack
    from stacks.parts.permissions import Names
    from stacks.parts.variables import edge_variables, function_variables
    from stacks.serving_stack import ServingStack
    from stacks.storage_stack import StorageStack
    from stacks.workflow_stack import WorkflowStack

    variables = {}

    def fill(app: Any) -> None:
        shared = stage("pinned")
        roles = AccessStack(app, config=shared).roles
        storage = StorageStack(app, config=shared, roles=roles)
        workflow = WorkflowStack(app, config=shared, roles=roles, storage=storage)
        for project in SERVINGS:
            config = stage(project)
            check(config)
            ServingStack(app, config=config, roles=roles, storage=storage, workflow=workflow)
            workflows_names = Names.of(config, model_package_group="policies")
            variables[project] = function_variables(
                config,
                names=workflows_names,
                roles=roles,
                storage=storage,
                bundle=workflow.node.find_child("Bundle"),
                image="image",
                edge=edge_variables(
                    config, workflows_names, workflow.node.find_child("EdgeBundle")
                ),
            )

    return Made(synthesise(fill, tmp_path_factory.mktemp("serving")).templates, variables)


@pytest.fixture
def templates(made: Made) -> Templates:
    return made.templates


def found(templates: Templates, project: str, kind: str) -> dict[str, dict[str, Any]]:
    """Return the resources of a type in the stack Serving."""
    resources = templates[f"{project}-prod-Serving"]["Resources"]
    return {key: value for key, value in resources.items() if value["Type"] == f"AWS::{kind}"}


def only(templates: Templates, project: str, kind: str) -> dict[str, Any]:
    [resource] = found(templates, project, kind).values()
    properties: dict[str, Any] = resource["Properties"]
    return properties


def test_the_package_is_served_by_the_role_for_it_in_the_network(templates: Templates) -> None:
    prepare_node()
    from aws_cdk.assertions import Match, Template

    template = Template.from_json(templates["pinned-prod-Serving"])
    for version in (3, 4):
        template.has_resource_properties(
            "AWS::SageMaker::Model",
            {
                "ModelName": Match.absent(),
                "PrimaryContainer": {"ModelPackageName": PACKAGE.format(version)},
                "ExecutionRoleArn": {
                    "Fn::ImportValue": Match.string_like_regexp("prod-Access.*RolesServing")
                },
                "VpcConfig": {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
            },
        )
    template.resource_count_is("AWS::SageMaker::Model", 2)
    assert "VpcConfig" not in only(templates, "single", "SageMaker::Model")


def test_variants_have_the_names_of_the_contract(templates: Templates) -> None:
    config = only(templates, "pinned", "SageMaker::EndpointConfig")
    [main], [shadow] = config["ProductionVariants"], config["ShadowProductionVariants"]
    assert (main["VariantName"], shadow["VariantName"]) == ("AllTraffic", "ShadowTraffic")
    for variant in (main, shadow):
        assert (variant["InitialInstanceCount"], variant["InstanceType"]) == (4, "ml.c7i.large")
    assert main["ModelName"] != shadow["ModelName"]
    assert "ShadowProductionVariants" not in only(templates, "single", "SageMaker::EndpointConfig")


def test_volumes_and_what_is_captured_are_encrypted_with_the_stages_key(
    templates: Templates,
) -> None:
    config = only(templates, "pinned", "SageMaker::EndpointConfig")
    capture = config["DataCaptureConfig"]
    assert "EncryptionKey" in str(config["KmsKeyId"])
    assert capture["KmsKeyId"] == config["KmsKeyId"]
    assert capture["DestinationS3Uri"]["Fn::Join"][1][::2] == ["s3://", "/captured"]
    assert (capture["EnableCapture"], capture["InitialSamplingPercentage"]) == (True, 10)
    for project in ("single", "serverless"):
        config = only(templates, project, "SageMaker::EndpointConfig")
        assert "EncryptionKey" in str(config["KmsKeyId"])
        assert "DataCaptureConfig" not in config


def test_a_serverless_endpoint_has_a_size_and_no_fleet(templates: Templates) -> None:
    [variant] = only(templates, "serverless", "SageMaker::EndpointConfig")["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    assert not {"InitialInstanceCount", "InstanceType"} & set(variant)
    assert "DeploymentConfig" not in only(templates, "serverless", "SageMaker::Endpoint")
    assert not found(templates, "serverless", "ApplicationAutoScaling::ScalableTarget")


def test_the_endpoint_alone_has_a_name(templates: Templates) -> None:
    for project in ("pinned", "single", "serverless"):
        endpoint = only(templates, project, "SageMaker::Endpoint")
        assert endpoint["EndpointName"] == f"{project}-prod"
        for kind in ("Model", "EndpointConfig"):
            for resource in found(templates, project, f"SageMaker::{kind}").values():
                assert f"{kind}Name" not in resource["Properties"]


def test_another_package_changes_what_cloudformation_replaces(templates: Templates) -> None:
    before = found(templates, "pinned", "SageMaker::Model")
    after = found(templates, "next", "SageMaker::Model")
    [kept] = before.keys() & after.keys()
    packages = [
        each[kept]["Properties"]["PrimaryContainer"]["ModelPackageName"] for each in (before, after)
    ]
    assert packages == [PACKAGE.format(3), PACKAGE.format(5)]
    config = only(templates, "next", "SageMaker::EndpointConfig")
    # The model's new name replaces the configuration, whose new name updates the endpoint.
    assert config["ProductionVariants"][0]["ModelName"] == {"Fn::GetAtt": [kept, "ModelName"]}
    [name] = found(templates, "next", "SageMaker::EndpointConfig")
    endpoint = only(templates, "next", "SageMaker::Endpoint")
    assert endpoint["EndpointConfigName"] == {"Fn::GetAtt": [name, "EndpointConfigName"]}


def test_a_part_of_the_fleet_goes_first_and_every_alarm_takes_it_back(templates: Templates) -> None:
    config = only(templates, "pinned", "SageMaker::Endpoint")["DeploymentConfig"]
    policy = config["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"] == {
        "Type": "CANARY",
        "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
        "WaitIntervalInSeconds": 300,
    }
    assert policy["TerminationWaitInSeconds"] == 300
    assert policy["MaximumExecutionTimeoutInSeconds"] > 2 * 300
    names = [alarm["AlarmName"] for alarm in config["AutoRollbackConfiguration"]["Alarms"]]
    alarms = found(templates, "pinned", "CloudWatch::Alarm")
    assert names == [alarm["Properties"]["AlarmName"] for alarm in alarms.values()]
    [endpoint] = found(templates, "pinned", "SageMaker::Endpoint").values()
    assert {*alarms} < {*endpoint["DependsOn"]}


def test_one_instance_is_replaced_at_once_and_still_watched(templates: Templates) -> None:
    config = only(templates, "single", "SageMaker::Endpoint")["DeploymentConfig"]
    routing = config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing == {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    assert len(config["AutoRollbackConfiguration"]["Alarms"]) == len(ALARMS)


@pytest.mark.parametrize("project", ["pinned", "single", "serverless"])
def test_the_workflow_would_roll_out_alike(made: Made, project: str) -> None:
    templates = made.templates
    hosting = read_settings(Hosting, made.variables[project])
    endpoint = only(templates, project, "SageMaker::Endpoint")
    assert hosting.rollout().get("DeploymentConfig") == endpoint.get("DeploymentConfig")
    config = only(templates, project, "SageMaker::EndpointConfig")
    [variant] = config["ProductionVariants"]
    assert hosting.variant("m") == {**variant, "ModelName": "m"}
    capture = config.get("DataCaptureConfig", {})
    ours = hosting.storage().get("DataCaptureConfig", {})
    assert isinstance(ours, dict)
    where = ("DestinationS3Uri", "KmsKeyId")
    assert {k: v for k, v in ours.items() if k not in where} == {
        key: value for key, value in capture.items() if key not in where
    }


def test_instances_follow_the_requests_and_an_update_keeps_their_number(
    templates: Templates,
) -> None:
    target = only(templates, "pinned", "ApplicationAutoScaling::ScalableTarget")
    assert target["ResourceId"] == "endpoint/pinned-prod/variant/AllTraffic"
    assert (target["MinCapacity"], target["MaxCapacity"]) == (4, 6)
    policy = only(templates, "pinned", "ApplicationAutoScaling::ScalingPolicy")
    assert policy["PolicyType"] == "TargetTrackingScaling"
    endpoint = only(templates, "pinned", "SageMaker::Endpoint")
    assert endpoint["RetainAllVariantProperties"] is True
    left = [each["VariantPropertyType"] for each in endpoint["ExcludeRetainedVariantProperties"]]
    assert left == ["DesiredWeight", "DataCaptureConfig"]
    assert not found(templates, "single", "ApplicationAutoScaling::ScalableTarget")
    assert "RetainAllVariantProperties" not in only(templates, "single", "SageMaker::Endpoint")


@pytest.mark.parametrize("project", ["pinned", "unpinned"])
def test_alarms_watch_the_endpoint_whoever_makes_it(made: Made, project: str) -> None:
    templates = made.templates
    alarms = [
        alarm["Properties"] for alarm in found(templates, project, "CloudWatch::Alarm").values()
    ]
    names = [alarm["AlarmName"] for alarm in alarms]
    assert names == [f"{project}-prod-endpoint-{kind}" for kind in ALARMS]
    assert made.variables[project]["ROLLBACK_ALARMS"] == ",".join(names)
    for alarm in alarms:
        dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        assert dimensions == {"EndpointName": f"{project}-prod", "VariantName": "AllTraffic"}
        assert alarm["TreatMissingData"] == "notBreaching"
        [told] = alarm["AlarmActions"]
        assert "NotificationsTopic" in told["Fn::ImportValue"]


def test_without_a_package_there_is_no_endpoint(made: Made) -> None:
    templates = made.templates
    for kind in ("Model", "EndpointConfig", "Endpoint"):
        assert not found(templates, "unpinned", f"SageMaker::{kind}")
    assert not found(templates, "unpinned", "ApplicationAutoScaling::ScalableTarget")
    assert made.variables["unpinned"]["PINNED_MODEL_PACKAGE"] == ""
    assert made.variables["pinned"]["PINNED_MODEL_PACKAGE"] == PACKAGE.format(3)
    assert made.variables["pinned"]["SUBNET_IDS"] == "subnet-1,subnet-2"


def test_sagemaker_may_ask_for_the_alarms(templates: Templates) -> None:
    alarms = [*found(templates, "unpinned", "CloudWatch::Alarm")]
    policies = found(templates, "unpinned", "IAM::ManagedPolicy").values()
    for policy in policies:
        watch = policy["Properties"]["PolicyDocument"]["Statement"][0]
        assert watch["Action"] == "cloudwatch:DescribeAlarms"
        named = {each["Fn::GetAtt"][0] for each in watch["Resource"]}
        assert named == {*alarms}
    assert len(policies) == 2


def test_the_endpoint_writes_to_the_log_group_of_the_stage_alone(templates: Templates) -> None:
    [group] = found(templates, "unpinned", "Logs::LogGroup")
    [write] = [
        statement
        for policy in found(templates, "unpinned", "IAM::ManagedPolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "logs:PutLogEvents" in statement["Action"]
    ]
    assert write["Resource"] == {"Fn::GetAtt": [group, "Arn"]}


def test_guard_rails_of_the_stage_reach_every_container(made: Made) -> None:
    settings = '{"most_removed": 2, "peak_factor": 1.25}'
    for project in ("pinned", "unpinned"):
        assert made.variables[project]["GUARD_SETTINGS"] == settings
    models = found(made.templates, "pinned", "SageMaker::Model").values()
    assert len(models) == 2
    for model in models:
        container = model["Properties"]["PrimaryContainer"]
        assert container["Environment"] == {"GUARD_SETTINGS": settings}
    [plain] = found(made.templates, "single", "SageMaker::Model").values()
    assert "Environment" not in plain["Properties"]["PrimaryContainer"]


def test_the_variables_fit_into_a_function(templates: Templates) -> None:
    resources = templates["pinned-prod-Workflow"]["Resources"].values()
    environments = [
        resource["Properties"]["Environment"]["Variables"]
        for resource in resources
        if resource["Type"] == "AWS::Lambda::Function"
    ]
    assert environments
    for environment in environments:
        # Lambda takes 4 KB of JSON; what only a deployment knows is at most an ARN or an address.
        known = {
            name: value if isinstance(value, str) else "x" * 130
            for name, value in environment.items()
        }
        assert len(json.dumps(known)) < 4096


@pytest.mark.parametrize(
    ("serving", "network", "expected"),
    [
        (
            Serving(model_package="arn:aws:sagemaker:us-east-1:123456789012:model-package/x"),
            None,
            "serving.model_package: .* is no ARN of a version",
        ),
        (
            Serving(model_package=PACKAGE.format(1), shadow_model_package="newest"),
            None,
            "serving.shadow_model_package: 'newest' is no ARN of a version",
        ),
        (Serving(shadow_model_package=PACKAGE.format(1)), None, "needs an endpoint to copy"),
        (Serving(instance_type="ml.m5d.large"), None, "ml.m5d.large has disks of its own"),
        (Serving(instance_type="ml.g5.xlarge"), None, "ml.g5.xlarge has disks of its own"),
        (Serving(instance_type="ml.dl1.24xlarge"), None, "ml.dl1.24xlarge has disks of its own"),
        (Serving(serverless_memory_mb=2048), NETWORK, "runs outside any network"),
        (Serving(serverless_memory_mb=2000), None, "SageMaker offers 1024 to 6144"),
        (
            Serving(serverless_memory_mb=2048, capture_percent=1),
            None,
            "serving.capture_percent: a serverless endpoint has none",
        ),
        (Serving(instance_count=2), None, "serving.most_instances: 1 is below instance_count"),
        (Serving(canary_percent=51), None, "serving.canary_percent: 51 must be within 1 and 50"),
    ],
)
def test_what_could_only_fail_later_is_refused(
    serving: Serving, network: Network | None, expected: str
) -> None:
    config = replace(STAGES["prod"], project="rl", serving=serving, network=network)
    with pytest.raises(ConfigError, match=expected) as caught:
        check(config)
    assert len(str(caught.value).splitlines()) == 1
