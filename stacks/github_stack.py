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

    def __init__(self, scope: Construct, *, config: Pipeline, github: GitHub) -> None:
        name = f"{config.project}-github"
        super().__init__(
            scope,
            name,
            stack_name=name,
            description="Roles that GitHub's workflows act with",
            termination_protection=True,
        )
        self.oidc = GitHubOidc(
            self, "Oidc", project=config.project, github=github, stages=config.stage_configs
        )
