"""Alarms on devices: that failed or broke, that decide by a fallback, that are not heard of."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.config import Edge
from stacks.parts.alarms import add_alarm
from stacks.parts.device_events import DeviceEvent, device_events, rule_name
from stacks.parts.edge_bundle import summary_seconds
from stacks.parts.edge_metrics import DECISIONS, FALLBACKS
from stacks.parts.fallbacks import ALARM_MINUTES, fallback_alarm, fallback_share


class EdgeAlarms(Construct):
    """What a person must know of the devices.

    Attributes:
        all: The alarms.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        prefix: str,
        namespace: str,
        component: str,
        edge: Edge,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, id_)
        self._prefix, self._topic = prefix, topic
        self.all = [
            *(self._counted(id_, it) for id_, it in device_events(component).items()),
            self._fallbacks(namespace, edge.fallback_percent),
            *([self._silent(namespace, edge.devices)] if edge.devices else []),
        ]

    def _counted(self, id_: str, event: DeviceEvent) -> cloudwatch.Alarm:
        return add_alarm(
            self,
            f"{id_}Devices",
            description=event.description,
            metric=cloudwatch.Metric(
                namespace="AWS/Events",
                metric_name="MatchedEvents",
                dimensions_map={"RuleName": rule_name(self._prefix, id_)},
                statistic="Sum",
                period=Duration.minutes(5),
            ),
            topic=self._topic,
        )

    def _fallbacks(self, namespace: str, percent: int) -> cloudwatch.Alarm:
        decisions, fallbacks = (
            cloudwatch.Metric(namespace=namespace, metric_name=name)
            for name in (DECISIONS, FALLBACKS)
        )
        return fallback_alarm(
            self,
            "Fallbacks",
            share=fallback_share(decisions, fallbacks, place="devices", minutes=ALARM_MINUTES),
            percent=percent,
            description="a fallback on the devices: their telemetry says why",
            topic=self._topic,
        )

    def _silent(self, namespace: str, devices: int) -> cloudwatch.Alarm:
        period = Duration.minutes(ALARM_MINUTES)
        summaries = cloudwatch.Metric(
            namespace=namespace,
            metric_name=DECISIONS,
            statistic="SampleCount",
            period=period,
        )
        each = period.to_seconds() / summary_seconds()
        return add_alarm(
            self,
            "Silent",
            description=f"Fewer than {devices} devices report decisions: see which one has sent no "
            "summary, and its log on the device",
            metric=cloudwatch.MathExpression(
                expression=f"{devices} - summaries / {each:g}",
                using_metrics={"summaries": summaries},
                label="devices that report no decisions",
                period=period,
            ),
            topic=self._topic,
            # A summary may come a moment later, in the next period.
            above=0.5,
            within=2,
            points=2,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )
