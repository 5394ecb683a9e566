"""What the stacks of a stage have in common."""

from aws_cdk import Stack
from constructs import Construct

from stacks.config import StageConfig


class StageStack(Stack):
    """A stack named `<project>-<stage>-<Part>`, kept from deletion where data is kept."""

    def __init__(
        self, scope: Construct, part: str, *, config: StageConfig, description: str
    ) -> None:
        name = f"{config.prefix}-{part}"
        super().__init__(
            scope,
            name,
            stack_name=name,
            description=description,
            termination_protection=config.retain_data,
        )
