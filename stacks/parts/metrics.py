"""The metrics that AWS keeps of the workflow's parts, named once for alarms and dashboard."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

VARIANT = "AllTraffic"
SHADOW_VARIANT = "ShadowTraffic"


def endpoint_metric(
    endpoint: str, name: str, statistic: str, *, label: str | None = None
) -> cloudwatch.Metric:
    """Return a metric of the requests to an endpoint, which need not exist yet."""
    return _of_variant("AWS/SageMaker", endpoint, name, statistic, label)


def instance_metric(
    endpoint: str, name: str, statistic: str, *, minutes: int = 1, label: str | None = None
) -> cloudwatch.Metric:
    """Return a metric of the instances behind an endpoint."""
    return _of_variant("/aws/sagemaker/Endpoints", endpoint, name, statistic, label, minutes)


def _of_variant(
    namespace: str, endpoint: str, name: str, statistic: str, label: str | None, minutes: int = 1
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map={"EndpointName": endpoint, "VariantName": VARIANT},
        statistic=statistic,
        period=Duration.minutes(minutes),
        label=label,
    )


def execution_metric(
    state_machine_arn: str,
    name: str,
    statistic: str = "Sum",
    *,
    minutes: int = 5,
    label: str | None = None,
) -> cloudwatch.Metric:
    """Return a metric of the executions of a state machine."""
    return cloudwatch.Metric(
        namespace="AWS/States",
        metric_name=name,
        dimensions_map={"StateMachineArn": state_machine_arn},
        statistic=statistic,
        period=Duration.minutes(minutes),
        label=label,
    )


def job_metrics(name: str, *, step: str) -> cloudwatch.SearchExpression:
    """Return a metric that the programs of a step print, a line for each job of two weeks."""
    # Unquoted, `rl-training` finds all names that hold these two words in this order.
    schema = '{"/aws/sagemaker/TrainingJobs",TrainingJobName}'
    terms = f'MetricName="{name}" TrainingJobName=rl-{step}'
    return cloudwatch.SearchExpression(
        expression=f"SEARCH('{schema} {terms}', 'Average')",
        label="${PROP('Dim.TrainingJobName')} ${PROP('MetricName')}",
        period=Duration.minutes(1),
    )


def total(
    metrics: Sequence[cloudwatch.IMetric], *, label: str, minutes: int = 5
) -> cloudwatch.MathExpression:
    """Return the sum of metrics, of those that have a value at the time."""
    named = {f"m{index}": metric for index, metric in enumerate(metrics)}
    return cloudwatch.MathExpression(
        expression=f"SUM([{', '.join(named)}])",
        using_metrics=named,
        label=label,
        period=Duration.minutes(minutes),
    )
