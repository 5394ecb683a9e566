"""What delivers the stages: the order of things, who may do what, and word of drift."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stacks.errors import ConfigError
from stacks.pipeline_config import GitHub, Pipeline, pipeline_config
from tests.stacks.synthesis import PACKS, PROJECT, ROOT, Synthesis, prepare_node, synthesise

CONNECTION = (
    "arn:aws:codeconnections:eu-central-1:123456789012:connection/"
    "0a1b2c3d-0000-1111-2222-333344445555"
)
CONFIGURED = Pipeline(
    connection_arn=CONNECTION,
    repository="example/autoscaling",
    access_logs_bucket="organisation-access-logs",
    alarm_email="team@example.com",
    permissions_boundary="organisation-boundary",
    github=GitHub(repository="example@1234/autoscaling@5678"),
)
STAGES_BELOW = re.compile(rf"^/?{PROJECT}-pipeline/(dev|prod)/")
MOST_ACKNOWLEDGEMENTS = 125
BUILDING = {"codebuild", "codeconnections", "codestar-connections", "logs"}
"""Services that every build on a clone needs."""

MANAGED_POLICY_LIMIT = 6144

Resources = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def synthesis(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    prepare_node()
    from stacks.pipeline_stack import build_pipeline

    config = pipeline_config(PROJECT, CONFIGURED)
    folder = tmp_path_factory.mktemp("pipeline")
    return synthesise(lambda app: build_pipeline(app, config), folder, packs=PACKS)


@pytest.fixture(scope="module")
def pipeline(synthesis: Synthesis) -> Resources:
    return synthesis.templates[f"{PROJECT}-pipeline"]["Resources"]


@pytest.fixture(scope="module")
def github(synthesis: Synthesis) -> Resources:
    return synthesis.templates[f"{PROJECT}-github"]["Resources"]


def of_type(resources: Resources, kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == f"AWS::{kind}"
    }


def text(value: Any) -> str:
    """Return a value with its intrinsics spelt out, as far as a test asks for them."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(text(each) for each in value)
    if "Ref" in value:
        return f"<{value['Ref']}>"
    if "Fn::GetAtt" in value:
        return f"<{'.'.join(value['Fn::GetAtt'])}>"
    return text(value["Fn::Join"][1])


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def allowed(resources: Resources, role: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield action, resource and condition of everything that a role may do."""
    for kind in ("IAM::Policy", "IAM::ManagedPolicy"):
        for policy in of_type(resources, kind).values():
            if {"Ref": role} in policy.get("Roles", ()):
                for statement in policy["PolicyDocument"]["Statement"]:
                    assert statement["Effect"] == "Allow"
                    for action in listed(statement["Action"]):
                        for resource in listed(statement["Resource"]):
                            yield action, text(resource), statement.get("Condition", {})


def role_named(resources: Resources, part: str) -> str:
    (name,) = [name for name in of_type(resources, "IAM::Role") if part in name]
    return name


def pipeline_stages(resources: Resources) -> dict[str, list[str]]:
    (found,) = of_type(resources, "CodePipeline::Pipeline").values()
    return {
        stage["Name"]: [
            action["Name"] for action in sorted(stage["Actions"], key=lambda it: it["RunOrder"])
        ]
        for stage in found["Stages"]
    }


def project_running(resources: Resources, command: str) -> dict[str, Any]:
    (found,) = [
        project
        for project in of_type(resources, "CodeBuild::Project").values()
        if command in project["Source"]["BuildSpec"]
    ]
    return found


def commands(project: dict[str, Any]) -> list[str]:
    return json.loads(project["Source"]["BuildSpec"])["phases"]["build"]["commands"]


def test_a_change_passes_the_tests_then_dev_then_prod(pipeline: Resources) -> None:
    stages = pipeline_stages(pipeline)
    assert list(stages) == ["Source", "Build", "UpdatePipeline", "Assets", "dev", "prod"]
    assert stages["Source"] == ["Clone"]


def test_an_execution_checks_dev_after_it_is_deployed(pipeline: Resources) -> None:
    *deployed, last = pipeline_stages(pipeline)["dev"]
    assert last == "Execute"
    assert deployed[-1].endswith(".Deploy")
    (run,) = [it for it in commands(project_running(pipeline, "run_execution")) if "tools" in it]
    assert f"--project {PROJECT} --stage dev" in run
    assert (ROOT / run.split()[1]).is_file()


def test_a_person_approves_before_anything_of_prod_changes(pipeline: Resources) -> None:
    first, *others = pipeline_stages(pipeline)["prod"]
    assert first == "Approve"
    assert others
    assert "Execute" not in others
    (found,) = of_type(pipeline, "CodePipeline::Pipeline").values()
    approval = found["Stages"][-1]["Actions"][0]
    assert approval["ActionTypeId"]["Category"] == "Approval"
    assert approval["RunOrder"] < min(it["RunOrder"] for it in found["Stages"][-1]["Actions"][1:])
    assert approval["Configuration"]["NotificationArn"]["Ref"] in of_type(pipeline, "SNS::Topic")


def test_nothing_is_synthesised_that_did_not_pass_the_checks(pipeline: Resources) -> None:
    run = commands(project_running(pipeline, "make test"))
    *before, synthesised = run
    assert before[-2:] == ["make check", "make test"]
    assert "npm ci" in before
    assert synthesised.startswith("npx cdk synth")
    assert f"-c stage=pipeline -c project={PROJECT}" in synthesised


def test_the_pipeline_updates_itself_with_the_locked_command_line(pipeline: Resources) -> None:
    package = json.loads((ROOT / "package.json").read_text())
    version = package["devDependencies"]["aws-cdk"]
    spec = json.loads(project_running(pipeline, "npm install -g")["Source"]["BuildSpec"])
    assert spec["phases"]["install"]["commands"] == [f"npm install -g aws-cdk@{version}"]


def test_stages_have_the_names_and_templates_of_their_own_deployment(
    synthesis: Synthesis, dev: Synthesis
) -> None:
    nested = stacks_of(synthesis.folder / f"assembly-{PROJECT}-pipeline-dev")
    alone = stacks_of(dev.folder)
    assert set(nested) == set(alone)
    assert all(name.startswith(f"{PROJECT}-dev-") for name in nested)
    for name, template in nested.items():
        assert template == alone[name], name


def stacks_of(folder: Path) -> dict[str, Any]:
    """Return the templates of an assembly by the names of their stacks."""
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    return {
        each["properties"].get("stackName", name): json.loads(
            (folder / each["properties"]["templateFile"]).read_text()
        )
        for name, each in artifacts.items()
        if each["type"] == "aws:cloudformation:stack"
    }


def test_the_check_may_start_executions_of_dev_and_no_more(pipeline: Resources) -> None:
    may = list(allowed(pipeline, role_named(pipeline, "Execute")))
    states = [it for it in may if it[0].startswith("states:")]
    assert {action for action, _, _ in states} == {
        "states:StartExecution",
        "states:DescribeExecution",
    }
    for _, _, condition in states:
        assert condition["StringEquals"] == {
            "aws:ResourceTag/sagemaker:project-name": PROJECT,
            "aws:ResourceTag/stage": "dev",
        }
    parameters = [resource for action, resource, _ in may if action == "ssm:GetParameter"]
    assert [it.rpartition(":")[2] for it in parameters] == [
        f"parameter/{PROJECT}/dev/state-machine-arn"
    ]
    services = {action.partition(":")[0] for action, _, _ in may}
    assert services - BUILDING == {"kms", "s3", "ssm", "states"}


def test_what_the_check_starts_has_the_tags_that_it_is_told_by(dev: Synthesis) -> None:
    for kind in ("StepFunctions::StateMachine", "KMS::Key"):
        found = [
            properties
            for template in dev.templates.values()
            for properties in of_type(template["Resources"], kind).values()
        ]
        assert found
        for properties in found:
            tags = {tag["Key"]: tag["Value"] for tag in properties["Tags"]}
            assert tags["sagemaker:project-name"] == PROJECT
            assert tags["stage"] == "dev"


def test_the_synthesis_may_change_nothing(pipeline: Resources) -> None:
    artifacts = role_named(pipeline, "SynthCdkBuildProjectRole")
    outside = {
        action
        for action, resource, _ in allowed(pipeline, artifacts)
        if not resource.startswith(("<ArtifactsBucket", "<EncryptionKey"))
    }
    assert {action.partition(":")[0] for action in outside} == BUILDING


def test_everything_that_clones_may_use_the_connection_by_both_names(pipeline: Resources) -> None:
    for part in ("CloneCodePipelineActionRole", "SynthCdkBuildProjectRole", "ExecuteRole"):
        uses = {
            action: resource
            for action, resource, _ in allowed(pipeline, role_named(pipeline, part))
            if action.endswith(":UseConnection")
        }
        assert uses == {
            "codestar-connections:UseConnection": CONNECTION,
            "codeconnections:UseConnection": CONNECTION,
        }


def test_artifacts_are_encrypted_and_expire(pipeline: Resources) -> None:
    (bucket,) = of_type(pipeline, "S3::Bucket").values()
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 30
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    for project in of_type(pipeline, "CodeBuild::Project").values():
        assert text(project["EncryptionKey"]).startswith("<EncryptionKey")
        assert project["Environment"]["PrivilegedMode"] is False


def test_drift_is_looked_for_every_week_in_every_stack(
    synthesis: Synthesis, pipeline: Resources
) -> None:
    schedules = of_type(pipeline, "Scheduler::Schedule").values()
    looked_at = {json.loads(it["Target"]["Input"])["StackName"] for it in schedules}
    deployed = {
        name
        for stage in ("dev", "prod")
        for name in stacks_of(synthesis.folder / f"assembly-{PROJECT}-pipeline-{stage}")
    }
    assert looked_at == deployed
    for schedule in schedules:
        assert schedule["ScheduleExpression"] == "rate(7 days)"
        target = text(schedule["Target"]["Arn"])
        assert target.endswith(":scheduler:::aws-sdk:cloudformation:detectStackDrift")


def test_drift_and_failed_detections_are_told(pipeline: Resources) -> None:
    rules = [
        rule
        for rule in of_type(pipeline, "Events::Rule").values()
        if rule["EventPattern"]["source"] == ["aws.cloudformation"]
    ]
    assert len(rules) == 2
    for rule, stage in zip(rules, ("dev", "prod"), strict=True):
        detail = rule["EventPattern"]["detail"]
        (prefix,) = detail["stack-id"]
        assert text(prefix["prefix"]).endswith(f":stack/{PROJECT}-{stage}-")
        told = [it["status-details"] for it in detail["$or"]]
        assert told == [
            {"stack-drift-status": ["DRIFTED"]},
            {"detection-status": ["DETECTION_FAILED"]},
        ]
        (target,) = rule["Targets"]
        assert target["Arn"]["Ref"] in of_type(pipeline, "SNS::Topic")


def test_what_looks_for_drift_can_read_every_type_of_the_stages_and_change_none(
    synthesis: Synthesis, checked: Synthesis, pipeline: Resources
) -> None:
    from stacks.parts.drift_reads import READS

    # Neither is a resource that could drift.
    known = {*READS, "AWS::CDK::Metadata", "AWS::CloudFormation::CustomResource"}
    folders = [synthesis.folder / f"assembly-{PROJECT}-pipeline-{it}" for it in ("dev", "prod")]
    types = {
        resource["Type"]
        for folder in (*folders, checked.folder)
        for template in stacks_of(folder).values()
        for resource in template["Resources"].values()
        if not resource["Type"].startswith("Custom::")
    }
    assert types - known == set(), "say in stacks/parts/drift_reads.py what reading them takes"
    reading = re.compile(r"\w+:(Get|List|Describe|Detect|BatchDescribe|BatchGet)\w+|kms:Decrypt")
    for part in ("DevDriftRole", "ProdDriftRole"):
        actions = {action for action, _, _ in allowed(pipeline, role_named(pipeline, part))}
        assert len(actions) > 20
        assert [action for action in actions if not reading.fullmatch(action)] == []
        assert not {"s3:GetObject", "ssm:GetParametersByPath"} & actions


def test_failures_of_the_pipeline_are_told(pipeline: Resources) -> None:
    (rule,) = [
        rule
        for rule in of_type(pipeline, "Events::Rule").values()
        if rule["EventPattern"]["source"] == ["aws.codepipeline"]
    ]
    assert rule["EventPattern"]["detail"]["state"] == ["FAILED"]
    (email,) = of_type(pipeline, "SNS::Subscription").values()
    assert email["Endpoint"] == "team@example.com"


def test_every_role_is_bounded(synthesis: Synthesis) -> None:
    for stack in ("pipeline", "github"):
        roles = of_type(synthesis.templates[f"{PROJECT}-{stack}"]["Resources"], "IAM::Role")
        for name, role in roles.items():
            assert "organisation-boundary" in text(role["PermissionsBoundary"]), name


def test_a_role_is_trusted_by_the_environment_of_its_job_alone(github: Resources) -> None:
    (provider,) = of_type(github, "IAM::OIDCProvider")
    subjects = {}
    for role in of_type(github, "IAM::Role").values():
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
        assert trust["Principal"] == {"Federated": {"Fn::GetAtt": [provider, "Arn"]}}
        (condition,) = trust["Condition"].items()
        operator, keys = condition
        assert operator == "StringEquals"  # no pattern could match more than is meant
        issuer = "token.actions.githubusercontent.com"
        assert keys[f"{issuer}:aud"] == "sts.amazonaws.com"
        subjects[role["RoleName"]] = listed(keys[f"{issuer}:sub"])
    repository = "repo:example@1234/autoscaling@5678:environment"
    assert subjects == {
        f"{PROJECT}-github-deploy-dev": [f"{repository}:dev"],
        f"{PROJECT}-github-deploy-prod": [f"{repository}:prod"],
        f"{PROJECT}-github-executions": [f"{repository}:dev", f"{repository}:presets"],
        f"{PROJECT}-github-drift": [f"{repository}:drift"],
    }


def test_those_who_deploy_assume_the_four_bootstrap_roles_and_no_more(github: Resources) -> None:
    for stage in ("Dev", "Prod"):
        may = list(allowed(github, role_named(github, f"OidcDeploy{stage}")))
        assert {action for action, _, _ in may} == {"sts:AssumeRole"}
        names = [resource.partition(":role/")[2].partition("-<")[0] for _, resource, _ in may]
        kinds = ("deploy", "file-publishing", "image-publishing", "lookup")
        assert names == [f"cdk-hnb659fds-{kind}-role" for kind in kinds]
        assert not any("*" in resource for _, resource, _ in may)


def test_presets_are_tried_in_dev_and_only_scores_are_read(github: Resources) -> None:
    may = list(allowed(github, role_named(github, "OidcExecutions")))
    assert {action for action, _, _ in may} == {
        "ssm:GetParameter",
        "states:StartExecution",
        "states:DescribeExecution",
        "s3:GetObject",
        "kms:Decrypt",
        "kms:GenerateDataKey",
    }
    (objects,) = [resource for action, resource, _ in may if action == "s3:GetObject"]
    assert objects.endswith(f":s3:::{PROJECT}-dev-*/executions/*")
    for action, _, condition in may:
        if action.startswith("kms:"):
            assert "kms:ViaService" in condition["StringEquals"]
            assert condition["StringEquals"]["aws:ResourceTag/stage"] == "dev"


def test_who_looks_for_drift_from_github_changes_nothing(github: Resources) -> None:
    for action, resource, _ in allowed(github, role_named(github, "OidcDrift")):
        if action == "sts:AssumeRole":
            assert "-lookup-role-" in resource
        else:
            assert re.search(r":(Get|List|Describe|Detect|BatchDescribe)|kms:Decrypt", action)


def test_managed_policies_are_within_the_size_that_aws_takes(synthesis: Synthesis) -> None:
    for stack in ("pipeline", "github"):
        resources = synthesis.templates[f"{PROJECT}-{stack}"]["Resources"]
        for name, policy in of_type(resources, "IAM::ManagedPolicy").items():
            document = json.dumps(spelt(policy["PolicyDocument"]), separators=(",", ":"))
            assert len(document) < MANAGED_POLICY_LIMIT, name


def spelt(value: Any) -> Any:
    if isinstance(value, list):
        return [spelt(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() & {"Ref", "Fn::GetAtt", "Fn::Join"}:
        return text(value)
    return {key: spelt(each) for key, each in value.items()}


def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis) -> None:
    found = [it for it in synthesis.findings if not STAGES_BELOW.match(it.resource)]
    assert [str(finding) for finding in found] == []
    # The stages below are looked at by themselves; that they were seen shows that nag ran.
    assert len(synthesis.findings) > len(found)


def test_acknowledgements_are_argued_and_used(synthesis: Synthesis) -> None:
    own = [it for it in synthesis.acknowledgements if not STAGES_BELOW.match(it.construct)]
    assert 0 < len(own) <= MOST_ACKNOWLEDGEMENTS
    for item in own:
        assert re.fullmatch(r"[\w.]+::[\w.]+-\w+(\[.+\])?", item.finding), item
        assert len(item.reason.split()) > 3, item
        assert item.used, f"acknowledges nothing: {item}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"connection_arn": None, "github": None}, "connection_arn: is not set, nor is github"),
        ({"connection_arn": "arn:aws:iam::1:role/x"}, "connection_arn: 'arn:aws:iam::1:role/x'"),
        ({"repository": "autoscaling"}, "repository: 'autoscaling' is none; use owner/name"),
        ({"branch": ""}, "branch: is empty"),
        ({"stages": ("dev",)}, "stages: dev; name two or more"),
        ({"stages": ("dev", "dev")}, "stages: dev, dev; name two or more, each once"),
        ({"stages": ("dev", "live")}, "stages: 'live' does not exist"),
        ({"check_preset": "a b"}, "check_preset: 'a b'"),
        ({"drift_every_days": -1}, "drift_every_days: -1 must be within 0 and 365"),
        ({"alarm_email": "team"}, "alarm_email: 'team' is no address"),
        ({"log_days": 2}, "log_days: CloudWatch keeps"),
        ({"github": GitHub(repository="o")}, "github.repository: 'o' is none"),
        ({"github": GitHub(repository="o/r@1")}, "github.repository: 'o/r@1' is none"),
        ({"github": GitHub(repository="o/r", provider_arn="x")}, "github.provider_arn: 'x'"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_synthesised(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        pipeline_config(PROJECT, replace(CONFIGURED, **change))
    assert str(caught.value).startswith(f"stacks/pipeline_config.py: {message}")


def test_every_mistake_gets_a_line() -> None:
    with pytest.raises(ConfigError) as caught:
        pipeline_config(PROJECT, replace(CONFIGURED, repository="", branch="", log_days=0))
    assert len(str(caught.value).splitlines()) == 3


def test_a_project_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="project: None is no name"):
        pipeline_config(None, CONFIGURED)


def test_github_alone_needs_no_connection(tmp_path: Path) -> None:
    prepare_node()
    from stacks.pipeline_stack import build_pipeline

    provider = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    config = pipeline_config(
        PROJECT, Pipeline(github=GitHub(repository="o/r", provider_arn=provider))
    )
    made = synthesise(lambda app: build_pipeline(app, config), tmp_path / "assembly")
    assert list(made.templates) == [f"{PROJECT}-github"]
    resources = made.templates[f"{PROJECT}-github"]["Resources"]
    assert not of_type(resources, "IAM::OIDCProvider")
    (role, *_) = of_type(resources, "IAM::Role").values()
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Federated": provider}
