"""What devices report, as metrics: how many decisions they made, and how many by a fallback."""

from aws_cdk import aws_iot as iot
from constructs import Construct

from stacks.parts.roles import Roles

DECISIONS, FALLBACKS = "EdgeDecisions", "EdgeFallbacks"
COUNTS = {DECISIONS: "decisions", FALLBACKS: "fallbacks"}
"""Metrics of the stage's namespace, and the count in the component's summaries."""


class EdgeMetrics(Construct):
    """A rule of AWS IoT that turns the component's summaries into metrics.

    What its role may do stands in `Unscoped`.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        prefix: str,
        namespace: str,
        component: str,
        roles: Roles,
    ) -> None:
        super().__init__(scope, id_)
        role = roles["edge_metrics"]
        iot.CfnTopicRule(
            self,
            "Rule",
            # IoT takes no hyphens here.
            rule_name=f"{prefix}_summaries".replace("-", "_"),
            topic_rule_payload=iot.CfnTopicRule.TopicRulePayloadProperty(
                aws_iot_sql_version="2016-03-23",
                description="Counts decisions and fallbacks of the devices",
                # The component has the same name in every stage: things tell which one it is.
                sql=f"SELECT * FROM 'dt/{component}/+/telemetry' "
                "WHERE type = 'summary' AND counts.decisions > 0 "
                f"AND startswith(topic(3), '{prefix}-')",
                actions=[
                    iot.CfnTopicRule.ActionProperty(
                        cloudwatch_metric=iot.CfnTopicRule.CloudwatchMetricActionProperty(
                            metric_name=metric,
                            metric_namespace=namespace,
                            metric_unit="Count",
                            metric_value=f"${{counts.{count}}}",
                            role_arn=role.role_arn,
                        )
                    )
                    for metric, count in COUNTS.items()
                ],
            ),
        )
