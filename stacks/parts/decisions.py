"""Decisions, counted from a log: how many, and how many the policy did not make by itself.

Endpoint and function write one line for each, see `docs/endpoint.md`.
"""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.parts.fallbacks import ALARM_MINUTES, fallback_alarm, fallback_share

_MINUTES = 5


class Decisions(Construct):
    """Metrics of the decisions that a log tells of.

    Attributes:
        metrics: Number of decisions, of fallbacks, and of decisions that a guard changed.
    """

    def __init__(
        self, scope: Construct, id_: str, *, namespace: str, place: str, log_group: logs.ILogGroup
    ) -> None:
        """Count what `place`, such as `Endpoint`, decides."""
        super().__init__(scope, id_)
        self._place = place
        decision = logs.FilterPattern.string_value("$.message", "=", "decision")
        patterns = {
            "Decisions": decision,
            "Fallbacks": logs.FilterPattern.all(
                decision, logs.FilterPattern.boolean_value("$.fallback", True)
            ),
            "Guarded": logs.FilterPattern.all(
                decision, logs.FilterPattern.exists("$.guards[0].guard")
            ),
        }
        self._filters = {
            name: logs.MetricFilter(
                self,
                name,
                log_group=log_group,
                filter_pattern=pattern,
                metric_namespace=namespace,
                metric_name=f"{place}{name}",
                metric_value="1",
                default_value=0,
            )
            for name, pattern in patterns.items()
        }
        labels = {"Decisions": "decisions", "Fallbacks": "by the reactive rule"}
        labels["Guarded"] = "changed by a guard"
        self.metrics = {
            name: each.metric(
                statistic="Sum",
                period=Duration.minutes(_MINUTES),
                label=f"{place.lower()}: {labels[name]}",
            )
            for name, each in self._filters.items()
        }

    def fallback_share(self, minutes: int = _MINUTES) -> cloudwatch.MathExpression:
        """Return the percentage of decisions that the reactive rule made."""
        decisions, fallbacks = (self._filters[it].metric() for it in ("Decisions", "Fallbacks"))
        return fallback_share(decisions, fallbacks, place=self._place.lower(), minutes=minutes)

    def alarm(self, scope: Construct, *, percent: int, topic: sns.ITopic) -> cloudwatch.Alarm:
        """Add the alarm on the share of fallbacks to `scope`."""
        return fallback_alarm(
            scope,
            f"{self._place}Fallbacks",
            share=self.fallback_share(ALARM_MINUTES),
            percent=percent,
            description="the reactive rule: the lines `decision` of the log say which doubts there "
            "were",
            topic=topic,
        )
