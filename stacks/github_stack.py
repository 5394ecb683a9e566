"""Who may act from GitHub's workflows."""

from aws_cdk import Stack
from constructs import Construct

from stacks.parts.github_oidc import GitHubOidc
from stacks.pipeline_config import GitHub, Pipeline


class GitHubStack(Stack):
    """The stack `<project>-github`: an identity provider and roles; see `stacks.parts.github_oidc`.

    Attributes:
        oidc: Provider and roles.
    """

    def __init__(
        self, scope: Construct, *, config: Pipeline, github: GitHub, stage: str | None = None
    ) -> None:
        """Make the roles of all stages, or those of one in an account of its own."""
        name = f"{config.project}-github" + (f"-{stage}" if stage else "")
        super().__init__(
            scope,
            name,
            stack_name=name,
            description="Roles that GitHub's workflows act with",
            termination_protection=True,
        )
        stages = [each for each in config.stage_configs if stage in (None, each.stage)]
        self.oidc = GitHubOidc(
            self,
            "Oidc",
            project=config.project,
            github=github,
            stages=stages,
            executed=stage in (None, config.stages[0]),
        )


def github_stacks(scope: Construct, config: Pipeline, github: GitHub) -> list[Stack]:
    """Return the stack of the account, or one for the account of each stage."""
    stages = config.stages if github.account_per_stage else (None,)
    return [GitHubStack(scope, config=config, github=github, stage=stage) for stage in stages]
