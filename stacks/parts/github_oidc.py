"""Who may act from GitHub's workflows: by GitHub's tokens, without a secret that could leak."""

from collections.abc import Sequence

from aws_cdk import ArnFormat, CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.config import StageConfig
from stacks.parts.drift import allow_detection
from stacks.parts.drift_reads import READS
from stacks.parts.pipeline_access import (
    DEPLOYING,
    LOOKING,
    acknowledge_executions,
    acknowledge_scorecards,
    assume_bootstrap_roles,
    read_scorecards,
    run_executions,
)
from stacks.parts.roles import allow
from stacks.pipeline_config import GitHub

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
DRIFT, PRESETS = "drift", "presets"
"""Environments beside those of the stages; drift has one for each, `drift-<stage>`."""

LONGEST = Duration.hours(6)
"""Of a session: as long as GitHub lets a job run."""


class GitHubOidc(Construct):
    """The identity provider, and a role for each thing that a workflow does.

    A token is trusted by the environment of its job: GitHub's settings of an environment, such as
    reviewers or the branches it takes, stand before the role.

    Attributes:
        by_purpose: The roles: `deploy-<stage>`, `drift` and, where a stage is executed in this
            account to check a change, `executions`.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        project: str,
        github: GitHub,
        stages: Sequence[StageConfig],
        executed: bool,
    ) -> None:
        super().__init__(scope, id_)
        self._project, self._repository = project, github.repository
        self._provider = self._provider_arn(github)
        self.by_purpose = {f"deploy-{config.stage}": self._deployer(config) for config in stages}
        if executed:
            self.by_purpose["executions"] = self._executor(stages[0])
        self.by_purpose["drift"] = self._looker(stages)

    def _provider_arn(self, github: GitHub) -> str:
        if github.provider_arn is None:
            # Without thumbprints: AWS trusts GitHub's certificates by their authority.
            return iam.CfnOIDCProvider(
                self, "Provider", url=f"https://{ISSUER}", client_id_list=[AUDIENCE]
            ).attr_arn
        if not github.account_per_stage:
            return github.provider_arn
        # The same in every account, but for the account.
        return Stack.of(self).format_arn(
            service="iam",
            region="",
            resource="oidc-provider",
            resource_name=ISSUER,
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )

    def _deployer(self, config: StageConfig) -> iam.Role:
        return self._role(
            f"deploy-{config.stage}",
            environments=[config.stage],
            description=f"Deploys {config.prefix} by the roles of the CDK's bootstrap",
            statements=[assume_bootstrap_roles(self, DEPLOYING)],
        )

    def _looker(self, stages: Sequence[StageConfig]) -> iam.Role:
        role = self._role(
            "drift",
            environments=[f"{DRIFT}-{config.stage}" for config in stages],
            description="Compares what is deployed with git; changes nothing",
            statements=[assume_bootstrap_roles(self, LOOKING)],
        )
        # `cdk diff` compares by the bootstrap's role; `cdk drift` looks with the caller's own.
        for config in stages:
            allow_detection(
                self,
                f"{config.stage.title()}DriftPolicy",
                role=role,
                config=config,
                types=READS,
                results=True,
            )
        return role

    def _executor(self, config: StageConfig) -> iam.Role:
        role = self._role(
            "executions",
            environments=[config.stage, PRESETS],
            description=f"Starts executions of {config.prefix} and reads their scorecards",
            statements=[*run_executions(config), *read_scorecards(config)],
        )
        acknowledge_executions(self)
        acknowledge_scorecards(self, config)
        return role

    def _role(
        self,
        purpose: str,
        *,
        environments: Sequence[str],
        description: str,
        statements: list[iam.PolicyStatement],
    ) -> iam.Role:
        title = purpose.title().replace("-", "")
        role = iam.Role(
            self,
            title,
            role_name=f"{self._project}-github-{purpose}",
            description=description,
            max_session_duration=LONGEST,
            assumed_by=iam.FederatedPrincipal(
                self._provider,
                {
                    "StringEquals": {
                        f"{ISSUER}:aud": AUDIENCE,
                        f"{ISSUER}:sub": [
                            f"repo:{self._repository}:environment:{each}" for each in environments
                        ],
                    }
                },
                "sts:AssumeRoleWithWebIdentity",
            ),
        )
        allow(role, f"{title}Policy", scope=self, statements=statements, description=description)
        CfnOutput(self, f"{title}Arn", value=role.role_arn, description=description)
        return role
