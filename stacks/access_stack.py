"""The identities of the workflow."""

from constructs import Construct

from stacks.config import StageConfig
from stacks.parts.roles import Roles
from stacks.stage_stack import StageStack


class AccessStack(StageStack):
    """Roles without permissions; see `stacks.parts.roles`.

    Attributes:
        roles: The roles.
    """

    def __init__(self, scope: Construct, *, config: StageConfig) -> None:
        super().__init__(scope, "Access", config=config, description="Identities of the workflow")
        self.roles = Roles(self, "Roles", prefix=config.prefix)
