"""What delivers the stages, typed, checked before anything is synthesised.

`PIPELINE` below is the one place to change; `-c stage=pipeline` synthesises it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from stacks.checked_config import LOG_DAYS, stage_config
from stacks.checks.existing import boundary_problems, bucket_problems
from stacks.checks.presets import preset_problems
from stacks.checks.setting_types import type_problems
from stacks.config import STAGES, StageConfig
from stacks.errors import ConfigError

_CONNECTION = re.compile(
    r"arn:[a-z-]+:(codestar-connections|codeconnections):[a-z0-9-]+:\d{12}:connection/[0-9a-f-]{36}"
)
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_SUBJECT = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+|[A-Za-z0-9_.-]+@\d+/[A-Za-z0-9_.-]+@\d+")
_PROVIDER = re.compile(
    r"arn:[a-z-]+:iam::\d{12}:oidc-provider/token\.actions\.githubusercontent\.com"
)


@dataclass(frozen=True, kw_only=True)
class GitHub:
    """The repository whose GitHub workflows may act in the account.

    Attributes:
        repository: As the `sub` of GitHub's tokens names it: `owner/name`, or
            `owner@id/name@id` for repositories that were made or renamed since July 2026.
        provider_arn: The account's identity provider for GitHub, of which it can have only one;
            None makes it.
        account_per_stage: Whether each stage is in an account of its own, and has a stack of its
            own there, `<project>-github-<stage>`, without a role for the others. Each account then
            has a provider, or none has.
    """

    repository: str
    provider_arn: str | None = None
    account_per_stage: bool = False


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """How changes reach the stages.

    Attributes:
        project: First part of every name; from the context.
        connection_arn: Connection to where the repository is (made and confirmed in the console);
            None: no pipeline on AWS.
        repository: `owner/name` behind the connection.
        branch: What is deployed.
        stages: In this order, all in the pipeline's own account and region. An execution checks
            each but the last, a person approves the last.
        check_preset: Preset of the execution that checks; None: the default one.
        drift_every_days: 0: nobody looks for changes made by hand.
        access_logs_bucket: Name of an existing bucket for access logs; None: a bucket of its own.
        alarm_email: Who hears of failures, approvals to give and drift.
        permissions_boundary: Name of a managed policy that bounds every role.
        log_days: How long logs of builds are kept.
        github: Who may act from GitHub's workflows; None: nobody.
    """

    project: str = ""
    connection_arn: str | None = None
    repository: str = ""
    branch: str = "main"
    stages: tuple[str, ...] = ("dev", "prod")
    check_preset: str | None = None
    drift_every_days: int = 7
    access_logs_bucket: str | None = None
    alarm_email: str | None = None
    permissions_boundary: str | None = None
    log_days: int = 365
    github: GitHub | None = None

    @property
    def stage_configs(self) -> list[StageConfig]:
        """The stages, in order."""
        return [stage_config(self.project, stage) for stage in self.stages]


PIPELINE = Pipeline()


def pipeline_config(project: object, pipeline: Pipeline = PIPELINE) -> Pipeline:
    """Return the checked configuration of what delivers the stages.

    Args:
        project: The context key `project`.
        pipeline: What to check.

    Raises:
        ConfigError: Every mistake, a line each.
    """
    problems = type_problems(pipeline) or [line for rule in _RULES for line in rule(pipeline)]
    if problems:
        raise ConfigError("\n".join(f"stacks/pipeline_config.py: {each}" for each in problems))
    for stage in pipeline.stages:
        config = stage_config(project, stage)
        # The last one is not checked, but approved by a person.
        checked = pipeline.check_preset is not None and stage != pipeline.stages[-1]
        if checked and (problems := preset_problems("check_preset", pipeline.check_preset, config)):
            raise ConfigError(f"stacks/pipeline_config.py: {problems[0]}")
    return replace(pipeline, project=str(project))


def _source(pipeline: Pipeline) -> list[str]:
    if pipeline.connection_arn is None:
        if pipeline.github:
            return []
        return ["connection_arn: is not set, nor is github; set one of them, or choose a stage"]
    problems = []
    if not _CONNECTION.fullmatch(pipeline.connection_arn):
        problems.append(
            f"connection_arn: {pipeline.connection_arn!r} is none; copy it from the console "
            "(Developer Tools, Settings, Connections)"
        )
    if not _REPOSITORY.fullmatch(pipeline.repository):
        problems.append(f"repository: {pipeline.repository!r} is none; use owner/name")
    if not pipeline.branch:
        problems.append("branch: is empty; use main")
    return problems


def _github(pipeline: Pipeline) -> list[str]:
    github, problems = pipeline.github, []
    if github and not _SUBJECT.fullmatch(github.repository):
        problems.append(
            f"github.repository: {github.repository!r} is none; use owner/name, or "
            "owner@id/name@id as the repository's OIDC settings show it"
        )
    if github and github.provider_arn and not _PROVIDER.fullmatch(github.provider_arn):
        problems.append(
            f"github.provider_arn: {github.provider_arn!r} is not GitHub's; leave it out to make it"
        )
    return problems


def _stages(pipeline: Pipeline) -> list[str]:
    problems = []
    if len(pipeline.stages) < 2 or len(set(pipeline.stages)) < len(pipeline.stages):
        problems.append(
            f"stages: {', '.join(pipeline.stages) or 'none'}; name two or more, each once: what "
            "is approved must have run somewhere"
        )
    unknown = [stage for stage in pipeline.stages if stage not in STAGES]
    if unknown:
        problems.append(
            f"stages: {unknown[0]!r} does not exist; choose from {', '.join(STAGES)}, or add it "
            "in stacks/config.py"
        )
    return problems


def _others(pipeline: Pipeline) -> list[str]:
    problems = []
    # It becomes a word of a command.
    if pipeline.check_preset is not None and not re.fullmatch(r"[\w-]+", pipeline.check_preset):
        problems.append(f"check_preset: {pipeline.check_preset!r} is the name of no preset")
    if not 0 <= pipeline.drift_every_days <= 365:
        problems.append(f"drift_every_days: {pipeline.drift_every_days} must be within 0 and 365")
    if pipeline.alarm_email is not None and "@" not in pipeline.alarm_email:
        problems.append(f"alarm_email: {pipeline.alarm_email!r} is no address")
    if pipeline.log_days not in LOG_DAYS:
        problems.append(f"log_days: CloudWatch keeps {', '.join(map(str, LOG_DAYS))} days")
    problems += boundary_problems(pipeline.permissions_boundary)
    return problems + bucket_problems("access_logs_bucket", pipeline.access_logs_bucket)


_RULES: tuple[Callable[[Pipeline], list[str]], ...] = (_source, _github, _stages, _others)
