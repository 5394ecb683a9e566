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
        # Named in any case: a stack cannot take back a name that another still uses, so a setting
        # that ends the use of a role could never be changed.
        for role in self.roles.by_step.values():
            self.export_value(role.role_arn)
            self.export_value(role.role_name)
