"""What a stage costs while nothing happens in it."""

from collections.abc import Callable, Mapping, Sequence

from stacks.config import StageConfig
from stacks.costs.prices import HOURS, CostError, Prices, Row
from stacks.costs.templates import Properties, Templates, of_type
from stacks.costs.volumes import Volumes

_TRACKING_ALARMS = 2
"""Alarms that target tracking makes for itself."""


class Idle:
    """Rows for a month, for each type of resources that costs without being used."""

    def __init__(self, config: StageConfig, prices: Prices, volumes: Volumes) -> None:
        self._config, self._prices, self._volumes = config, prices, volumes

    def rows(self, templates: Templates) -> list[Row]:
        """Return the rows of what the templates hold."""
        return [
            row
            for kind, priced in PRICED.items()
            if (found := of_type(templates, kind))
            for row in priced(self, found)
        ]

    def keys(self, found: Sequence[Properties]) -> list[Row]:
        """Price keys."""
        return [self._prices.row("kms-key", "customer-managed key", len(found))]

    def alarms(self, found: Sequence[Properties]) -> list[Row]:
        """Price alarms by the metrics they watch."""
        watched = sum(len(_watched(alarm)) for alarm in found)
        return [
            self._prices.row("alarm-metric", f"metrics that {len(found)} alarms watch", watched)
        ]

    def tracking(self, found: Sequence[Properties]) -> list[Row]:
        """Price the alarms of target tracking."""
        count = _TRACKING_ALARMS * len(found)
        return [self._prices.row("alarm-metric", "alarms of the automatic scaling", count)]

    def dashboards(self, found: Sequence[Properties]) -> list[Row]:
        """Price dashboards."""
        return [self._prices.row("dashboard", "dashboard", len(found))]

    def logs(self, found: Sequence[Properties]) -> list[Row]:
        """Price what executions left in log groups."""
        days, volumes = self._config.log_days, self._volumes
        own = volumes.executions * volumes.log_megabytes / 1000 * min(days / 30, volumes.months)
        jobs = volumes.executions * volumes.job_log_megabytes / 1000 * volumes.months
        what = f"{len(found)} log groups, events kept {days} days"
        return [
            self._prices.row("log-storage", what, own),
            self._prices.row("log-storage", "logs of jobs, which SageMaker keeps for ever", jobs),
        ]

    def buckets(self, found: Sequence[Properties]) -> list[Row]:
        """Price what executions left in the bucket, and access logs."""
        volumes = self._volumes
        left = volumes.executions * volumes.months * volumes.object_megabytes / 1000
        what = f"{len(found)} S3 {'bucket' if len(found) == 1 else 'buckets'}, access logs included"
        return [self._prices.row("s3-storage", what, left + volumes.access_log_gigabytes)]

    def repositories(self, found: Sequence[Properties]) -> list[Row]:
        """Price images."""
        volumes = self._volumes
        stored = volumes.images * volumes.image_gigabytes * len(found)
        return [self._prices.row("ecr-storage", "images in ECR", stored)]

    def parameters(self, found: Sequence[Properties]) -> list[Row]:
        """Price parameters, of which the standard ones are free.

        Raises:
            CostError: There is an advanced one.
        """
        if any(item.get("Tier", "Standard") != "Standard" for item in found):
            raise CostError("AWS::SSM::Parameter: an advanced one costs; price it in costs/idle.py")
        return []

    def vpc_endpoints(self, found: Sequence[Properties]) -> list[Row]:
        """Price interface endpoints by their availability zones; gateways are free."""
        interfaces = [it for it in found if it.get("VpcEndpointType") == "Interface"]
        zones = sum(len(item.get("SubnetIds", ())) or 1 for item in interfaces)
        return [self._prices.row("vpc-endpoint", "interface endpoints, by zone", zones * HOURS)]


def _watched(alarm: Properties) -> list[Properties]:
    """Return the metrics of an alarm.

    Raises:
        CostError: It looks at less than a minute, which costs more.
    """
    stats = [item["MetricStat"] for item in alarm.get("Metrics", ()) if "MetricStat" in item]
    if any(item.get("Period", 60) < 60 for item in (*stats, alarm)):
        raise CostError("AWS::CloudWatch::Alarm: high resolution costs more; price it in idle.py")
    return stats or [alarm]


PRICED: Mapping[str, Callable[[Idle, Sequence[Properties]], list[Row]]] = {
    "AWS::KMS::Key": Idle.keys,
    "AWS::CloudWatch::Alarm": Idle.alarms,
    "AWS::ApplicationAutoScaling::ScalingPolicy": Idle.tracking,
    "AWS::CloudWatch::Dashboard": Idle.dashboards,
    "AWS::Logs::LogGroup": Idle.logs,
    "AWS::S3::Bucket": Idle.buckets,
    "AWS::ECR::Repository": Idle.repositories,
    "AWS::SSM::Parameter": Idle.parameters,
    "AWS::EC2::VPCEndpoint": Idle.vpc_endpoints,
}
"""How types of resources are priced that cost by being there."""
