"""What a stage costs, as rows."""

from dataclasses import dataclass, replace

from stacks.config import StageConfig
from stacks.costs.decide import decide_rows
from stacks.costs.endpoint import Endpoint
from stacks.costs.execution import Execution
from stacks.costs.idle import Idle
from stacks.costs.kinds import check
from stacks.costs.prices import Prices, Row
from stacks.costs.templates import Templates, counted, of_type
from stacks.costs.volumes import Volumes


@dataclass(frozen=True, kw_only=True)
class StageCost:
    """What a stage costs.

    Attributes:
        stage: Its name.
        idle: A month in which nothing happens, the endpoint left out.
        execution: An execution that trains, passes the gate and deploys, to devices too.
        endpoint: A month of the endpoint as it is configured, with its least number of instances.
        most: The same with the most instances; empty where it does not scale.
        serverless: The same requests to a serverless endpoint.
        decide: The same requests to the function that decides; empty where there is none.
    """

    stage: str
    idle: list[Row]
    execution: list[Row]
    endpoint: list[Row]
    most: list[Row]
    serverless: list[Row]
    decide: list[Row]

    @property
    def rows(self) -> list[Row]:
        """All rows."""
        parts = (self.idle, self.execution, self.endpoint, self.most, self.serverless, self.decide)
        return [row for part in parts for row in part]


def stage_cost(
    config: StageConfig, templates: Templates, *, prices: Prices, volumes: Volumes
) -> StageCost:
    """Return what a stage costs.

    Args:
        config: The stage.
        templates: What is synthesised of it, by the names of the stacks.
        prices: List prices.
        volumes: What is assumed.

    Raises:
        CostError: A type of resource or an instance type has no price.
    """
    check(templates)
    serving = config.serving
    endpoint = Endpoint(prices, volumes, metrics=counted(templates, "Endpoint"))
    scales = serving.model_package and serving.most_instances > serving.instance_count
    at_most = replace(serving, instance_count=serving.most_instances)
    serverless = replace(
        serving,
        serverless_memory_mb=serving.serverless_memory_mb or int(volumes.serverless_memory_mb),
    )
    return StageCost(
        stage=config.stage,
        idle=Idle(config, prices, volumes).rows(templates),
        execution=Execution(config, prices, volumes).rows(templates),
        endpoint=endpoint.rows(serving),
        most=endpoint.rows(at_most) if scales else [],
        serverless=endpoint.rows(serverless),
        decide=[
            row
            for function in of_type(templates, "AWS::Lambda::Function")
            if function.get("Handler") == "lambdas.decide.handler"
            for row in decide_rows(
                function, prices=prices, volumes=volumes, metrics=counted(templates, "Function")
            )
        ],
    )
