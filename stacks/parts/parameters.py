"""The SSM parameters by which other programs find the workflow."""

from collections.abc import Mapping

from aws_cdk import aws_ssm as ssm
from constructs import Construct

from stacks.config import StageConfig


class Parameters(Construct):
    """`/<project>/<stage>/<name>` for each name."""

    def __init__(
        self, scope: Construct, id_: str, *, config: StageConfig, values: Mapping[str, str]
    ) -> None:
        super().__init__(scope, id_)
        for name, value in values.items():
            ssm.StringParameter(
                self,
                name.title().replace("-", ""),
                parameter_name=f"/{config.project}/{config.stage}/{name}",
                string_value=value,
            )
