"""What delivers the stages: the order of things, and who may do what."""

import json
import re
from typing import Any

from tests.stacks.delivery import (
    CONNECTION,
    Resources,
    allowed,
    of_type,
    role_named,
    spelt,
    stacks_of,
    text,
)
from tests.stacks.synthesis import PROJECT, ROOT, Synthesis

STAGES_BELOW = re.compile(rf"^/?{PROJECT}-pipeline/(dev|prod)/")
MOST_ACKNOWLEDGEMENTS = 41
"""Beside what reading each type of resource takes, which `drift_reads.READS` decides."""

READING = re.compile(r"/(Dev|Prod)Drift/?Policy$")
BUILDING = {"codebuild", "codeconnections", "codestar-connections", "logs"}
"""Services that every build on a clone needs."""

MANAGED_POLICY_LIMIT = 6144


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
    delivery: Synthesis, dev: Synthesis
) -> None:
    nested = stacks_of(delivery.folder / f"assembly-{PROJECT}-pipeline-dev")
    alone = stacks_of(dev.folder)
    assert set(nested) == set(alone)
    assert all(name.startswith(f"{PROJECT}-dev-") for name in nested)
    for name, template in nested.items():
        assert template == alone[name], name


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


def test_failures_of_the_pipeline_are_told(pipeline: Resources) -> None:
    (rule,) = [
        rule
        for rule in of_type(pipeline, "Events::Rule").values()
        if rule["EventPattern"]["source"] == ["aws.codepipeline"]
    ]
    assert rule["EventPattern"]["detail"]["state"] == ["FAILED"]
    (email,) = of_type(pipeline, "SNS::Subscription").values()
    assert email["Endpoint"] == "team@example.com"


def test_every_role_is_bounded(delivery: Synthesis) -> None:
    for stack in ("pipeline", "github"):
        roles = of_type(delivery.templates[f"{PROJECT}-{stack}"]["Resources"], "IAM::Role")
        for name, role in roles.items():
            assert "organisation-boundary" in text(role["PermissionsBoundary"]), name


def test_managed_policies_are_within_the_size_that_aws_takes(delivery: Synthesis) -> None:
    for stack in ("pipeline", "github"):
        resources = delivery.templates[f"{PROJECT}-{stack}"]["Resources"]
        for name, policy in of_type(resources, "IAM::ManagedPolicy").items():
            document = json.dumps(spelt(policy["PolicyDocument"]), separators=(",", ":"))
            assert len(document) < MANAGED_POLICY_LIMIT, name


def test_nag_finds_nothing_that_is_not_acknowledged(delivery: Synthesis) -> None:
    found = [it for it in delivery.findings if not STAGES_BELOW.match(it.resource)]
    assert [str(finding) for finding in found] == []
    # The stages below are looked at by themselves; that they were seen shows that nag ran.
    assert len(delivery.findings) > len(found)


def test_acknowledgements_are_argued_and_used(delivery: Synthesis) -> None:
    own = [it for it in delivery.acknowledgements if not STAGES_BELOW.match(it.construct)]
    others = [it for it in own if not READING.search(it.construct)]
    assert 0 < len(others) <= MOST_ACKNOWLEDGEMENTS
    assert all("IAM5[Resource::" in it.finding for it in own if it not in others)
    for item in own:
        assert re.fullmatch(r"[\w.]+::[\w.]+-\w+(\[.+\])?", item.finding), item
        assert len(item.reason.split()) > 3, item
        assert item.used, f"acknowledges nothing: {item}"
