"""What a month of the function that decides costs, as many requests as an endpoint gets."""

from stacks.costs.prices import Prices, Row
from stacks.costs.templates import Properties
from stacks.costs.volumes import Volumes


def decide_rows(
    function: Properties, *, prices: Prices, volumes: Volumes, metrics: int
) -> list[Row]:
    """Return the rows.

    Args:
        function: Its properties.
        prices: List prices.
        volumes: What is assumed.
        metrics: How many metrics are made from its log.
    """
    row = prices.row
    [architecture] = function["Architectures"]
    used = volumes.requests * volumes.decide_seconds * function["MemorySize"] / 1024
    return [
        row("lambda-request", "calls of the function", volumes.requests),
        row(f"lambda-{architecture}", f"the function on {architecture}", used),
        row("log-ingestion", "its logs", volumes.endpoint_log_megabytes / 1000),
        row("custom-metric", "metrics of its decisions", metrics),
    ]
