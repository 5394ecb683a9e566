"""Who may act from GitHub's workflows: the environment of a job, for one purpose each."""

from pathlib import Path

import pytest

from stacks.pipeline_config import GitHub, Pipeline
from tests.stacks.delivery import (
    Resources,
    allowed,
    of_type,
    resources_of,
    role_named,
    synthesise_delivery,
    text,
)
from tests.stacks.grants import listed
from tests.stacks.synthesis import PACKS, PROJECT


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
        f"{PROJECT}-github-drift": [f"{repository}:drift-dev", f"{repository}:drift-prod"],
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


def drift_stacks(resources: Resources) -> set[str]:
    """Return the stacks whose drift may be asked for."""
    return {
        resource.partition(":stack/")[2]
        for action, resource, _ in allowed(resources, role_named(resources, "OidcDrift"))
        if action == "cloudformation:DescribeStackResourceDrifts"
    }


def test_who_looks_for_drift_may_ask_what_could_not_be_read(github: Resources) -> None:
    assert drift_stacks(github) == {f"{PROJECT}-dev-*", f"{PROJECT}-prod-*"}


def test_github_alone_needs_no_connection(tmp_path: Path) -> None:
    provider = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    github = GitHub(repository="o/r", provider_arn=provider)
    made = synthesise_delivery(Pipeline(github=github), tmp_path / "assembly")
    assert list(made.templates) == [f"{PROJECT}-github"]
    resources = resources_of(made, "github")
    assert not of_type(resources, "IAM::OIDCProvider")
    (role, *_) = of_type(resources, "IAM::Role").values()
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Federated": provider}


def test_accounts_of_stages_have_no_role_for_another_stage(tmp_path: Path) -> None:
    github = GitHub(repository="o/r", account_per_stage=True)
    made = synthesise_delivery(Pipeline(github=github), tmp_path / "assembly")
    trusted = {}
    for stack, template in made.templates.items():
        assert of_type(template["Resources"], "IAM::OIDCProvider")
        for role in of_type(template["Resources"], "IAM::Role").values():
            (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
            subjects = trust["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
            trusted[stack, role["RoleName"]] = [
                each.removeprefix("repo:o/r:environment:") for each in listed(subjects)
            ]
    assert trusted == {
        (f"{PROJECT}-github-dev", f"{PROJECT}-github-deploy-dev"): ["dev"],
        (f"{PROJECT}-github-dev", f"{PROJECT}-github-executions"): ["dev", "presets"],
        (f"{PROJECT}-github-dev", f"{PROJECT}-github-drift"): ["drift-dev"],
        (f"{PROJECT}-github-prod", f"{PROJECT}-github-deploy-prod"): ["prod"],
        (f"{PROJECT}-github-prod", f"{PROJECT}-github-drift"): ["drift-prod"],
    }
    assert drift_stacks(resources_of(made, "github-prod")) == {f"{PROJECT}-prod-*"}


def test_each_account_of_a_stage_trusts_its_own_provider(tmp_path: Path) -> None:
    provider = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    github = GitHub(repository="o/r", provider_arn=provider, account_per_stage=True)
    made = synthesise_delivery(Pipeline(github=github), tmp_path / "assembly")
    for template in made.templates.values():
        assert not of_type(template["Resources"], "IAM::OIDCProvider")
        for role in of_type(template["Resources"], "IAM::Role").values():
            (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
            assert text(trust["Principal"]["Federated"]) == (
                "arn:<AWS::Partition>:iam::<AWS::AccountId>:"
                "oidc-provider/token.actions.githubusercontent.com"
            )


@pytest.mark.slow
def test_nothing_is_found_in_the_accounts_of_stages(tmp_path: Path) -> None:
    github = GitHub(repository="o/r", account_per_stage=True)
    made = synthesise_delivery(Pipeline(github=github), tmp_path / "assembly", packs=PACKS)
    assert [str(finding) for finding in made.findings] == []
    assert [each.finding for each in made.acknowledgements if not each.used] == []
