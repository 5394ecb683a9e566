"""What a month of the endpoint costs, on instances or serverless."""

from collections.abc import Iterator

from stacks.config import Serving
from stacks.costs.prices import HOURS, Prices, Row
from stacks.costs.volumes import Volumes

_CAPTURED_MONTHS = 3
"""The bucket drops captured requests after 90 days."""


class Endpoint:
    """Rows for a month.

    Args:
        prices: List prices.
        volumes: What is assumed.
        metrics: How many metrics are made from its log; each gets a value every minute.
    """

    def __init__(self, prices: Prices, volumes: Volumes, *, metrics: int) -> None:
        self._row, self._volumes, self._metrics = prices.row, volumes, metrics

    def rows(self, serving: Serving) -> list[Row]:
        """Return the rows of an endpoint, with its least number of instances."""
        if serving.serverless_memory_mb:
            return [*self._serverless(serving), *self._common()]
        return [*self._instances(serving), *self._common(), *self._captured(serving)]

    def _instances(self, serving: Serving) -> Iterator[Row]:
        # A shadow variant has as many instances as the one that answers.
        count = serving.instance_count * (2 if serving.shadow_model_package else 1)
        kind = serving.instance_type
        yield self._row(f"hosting {kind}", f"{count} x {kind}", count * HOURS)
        stored = count * self._volumes.endpoint_volume_gigabytes
        yield self._row("instance-storage", "volumes of the instances", stored)

    def _serverless(self, serving: Serving) -> Iterator[Row]:
        volumes = self._volumes
        seconds = volumes.requests * volumes.request_seconds
        memory = serving.serverless_memory_mb
        what = f"serverless, {memory} MB"
        yield self._row("serverless-inference", what, seconds * memory / 1024)

    def _common(self) -> Iterator[Row]:
        volumes = self._volumes
        data = volumes.requests * (volumes.request_kilobytes + volumes.answer_kilobytes) / 1e6
        yield self._row("endpoint-data", "requests and answers", data)
        logged = volumes.endpoint_log_megabytes / 1000
        yield self._row("log-ingestion", "logs of the endpoint", logged)
        yield self._row("custom-metric", "metrics of the decisions", self._metrics)

    def _captured(self, serving: Serving) -> Iterator[Row]:
        if not serving.capture_percent:
            return
        volumes, share = self._volumes, serving.capture_percent / 100
        size = (volumes.request_kilobytes + volumes.answer_kilobytes) / 1e6
        kept = volumes.requests * share * size * _CAPTURED_MONTHS
        what = f"captured requests ({serving.capture_percent} %)"
        yield self._row("s3-storage", what, kept)
        # SageMaker gathers requests; at worst each is an object of its own.
        yield self._row("s3-write", "writes of captured requests", volumes.requests * share)
