"""The share of decisions that the policy did not make, and the alarm on it."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.parts.alarms import add_alarm

ALARM_MINUTES = 15


def fallback_share(
    decisions: cloudwatch.Metric, fallbacks: cloudwatch.Metric, *, place: str, minutes: int
) -> cloudwatch.MathExpression:
    """Return the percentage of decisions that come from a fallback, over so many minutes."""
    period = Duration.minutes(minutes)
    all_, fell = f"{place}_decisions", f"{place}_fallbacks"
    return cloudwatch.MathExpression(
        expression=f"IF({all_} > 0, 100 * {fell} / {all_})",
        using_metrics={
            name: metric.with_(statistic="Sum", period=period)
            for name, metric in ((all_, decisions), (fell, fallbacks))
        },
        label=f"{place}: share of fallbacks (%)",
        period=period,
    )


def fallback_alarm(
    scope: Construct,
    id_: str,
    *,
    share: cloudwatch.MathExpression,
    percent: int,
    description: str,
    topic: sns.ITopic,
) -> cloudwatch.Alarm:
    """Add an alarm on a share of fallbacks to `scope`; it goes off after half an hour of them."""
    return add_alarm(
        scope,
        id_,
        description=f"Over {percent} % of the decisions come from {description}",
        metric=share,
        topic=topic,
        above=percent,
        within=2,
        points=2,
    )
