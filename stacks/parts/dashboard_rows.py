"""The rows of the dashboard."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from stacks.parts.decisions import Decisions
from stacks.parts.metrics import (
    endpoint_metric,
    execution_metric,
    instance_metric,
    job_metrics,
)

Widgets = list[cloudwatch.IWidget]

WIDTH = 24
HEIGHT = 6
MOST_IN_A_ROW = 4

JOBS_WITHIN = Duration.days(14)
"""Searches find no metric that is older; what the page shows unless somebody chooses otherwise."""

EVALUATION: Mapping[str, tuple[str, ...]] = {
    "Share of the gap to the optimum that is closed": ("gap_closed",),
    "Cost of the policy": ("J_over_oracle", "J"),
    "Failed load, machine-hours": ("failed_percent", "machine_hours"),
    "Return, where there is no cost": ("episode_reward_mean", "reward-testing"),
}
TRAINING: Mapping[str, tuple[str, ...]] = {
    "Reward": ("reward-training", "episode_reward_mean", "episode_reward_max"),
    "Loss": ("loss", "policy_loss", "value_loss"),
    "Exploration": ("entropy", "approximate_kl", "explained_variance"),
    "Speed": ("steps_per_second", "environment_steps"),
}
"""Titles of graphs, and the metrics of training_src/metrics.json in them; others get one graph."""


def text(markdown: str, *, width: int = WIDTH, height: int = HEIGHT) -> cloudwatch.TextWidget:
    """Return a text."""
    return cloudwatch.TextWidget(markdown=markdown, width=width, height=height)


def overview(name: str, alarms: Sequence[cloudwatch.IAlarm]) -> Widgets:
    """Return what the page is about, and the state of all alarms."""
    about = (
        f"# {name}\n\nTrains a policy, judges it against the baselines, registers it and puts it "
        "behind the endpoint. Jobs are those of the last two weeks, of all stages of this account "
        "and region, since their names say no stage."
    )
    return [
        text(about, width=8),
        cloudwatch.AlarmStatusWidget(
            title="Alarms", alarms=list(alarms), width=WIDTH - 8, height=HEIGHT
        ),
    ]


def executions(arn: str, outcomes: Mapping[str, cloudwatch.IMetric]) -> Widgets:
    """Return how many executions there were, how they ended, and how long they took."""
    counts = {
        "ExecutionsStarted": "started",
        "ExecutionsSucceeded": "ended well",
        "ExecutionsFailed": "failed",
        "ExecutionsTimedOut": "timed out",
        "ExecutionsAborted": "aborted",
    }
    return _row(
        ("Executions", [execution_metric(arn, key, label=it) for key, it in counts.items()]),
        ("How they ended well", list(outcomes.values())),
        (
            "Duration (ms)",
            [
                execution_metric(arn, "ExecutionTime", "Average", label="mean"),
                execution_metric(arn, "ExecutionTime", "Maximum", label="longest"),
            ],
        ),
    )


def training(metric_names: Sequence[str]) -> Widgets:
    """Return what training jobs print."""
    shown = {name for group in (*TRAINING.values(), *EVALUATION.values()) for name in group}
    others = tuple(name for name in metric_names if name not in shown)
    groups = {**TRAINING, **({"Others": others} if others else {})}
    return _jobs(groups, metric_names, "training")


def evaluation(metric_names: Sequence[str]) -> Widgets:
    """Return what evaluation jobs print: the policy's figures, set in relation to baselines."""
    about = (
        "`gap_closed`: 0 is as good as `target_tracking_tuned`, 1 as good as the optimum in "
        "hindsight. `J_over_oracle`: cost as a multiple of that optimum. The figures of every "
        "baseline are in the scorecard and the report that an execution names, under "
        "`executions/` in the bucket."
    )
    return [*_jobs(EVALUATION, metric_names, "evaluation"), text(about, height=2)]


def decisions(counted: Sequence[Decisions]) -> Widgets:
    """Return how many decisions there were, and how many not by the policy itself."""
    return _row(
        ("Decisions", [metric for each in counted for metric in each.metrics.values()]),
        (
            "Share by the reactive rule (%)",
            [each.fallback_share() for each in counted],
        ),
    )


def endpoint(name: str) -> Widgets:
    """Return requests, faults, time and instances."""
    requests = endpoint_metric(name, "Invocations", "Sum", label="requests")
    errors = {"Invocation5XXErrors": "faults", "Invocation4XXErrors": "refused requests"}
    quantiles = ("p50", "p95", "p99")
    return _row(
        (
            "Requests",
            [
                requests,
                *(endpoint_metric(name, it, "Sum", label=as_) for it, as_ in errors.items()),
            ],
        ),
        (
            "Time for a decision (µs)",
            [
                *(endpoint_metric(name, "ModelLatency", it, label=it) for it in quantiles),
                endpoint_metric(name, "OverheadLatency", "p95", label="SageMaker's own, p95"),
                endpoint_metric(name, "ModelSetupTime", "p95", label="cold start, p95"),
            ],
        ),
        (
            "Instances",
            # Each instance says once in a minute how busy it is.
            [instance_metric(name, "CPUUtilization", "SampleCount", label="instances")],
        ),
        (
            "Use of the instances (%)",
            [
                instance_metric(name, f"{kind}Utilization", "Average", label=kind)
                for kind in ("CPU", "Memory", "Disk")
            ],
        ),
    )


def functions(by_step: Mapping[str, lambda_.IFunction]) -> Widgets:
    """Return faults, time and throttling of each function."""

    def each(name: str, statistic: str) -> list[cloudwatch.IMetric]:
        period = Duration.minutes(5)
        return [
            it.metric(name, statistic=statistic, period=period, label=step)
            for step, it in by_step.items()
        ]

    return _row(
        ("Errors", each("Errors", "Sum")),
        ("Duration (ms, longest)", each("Duration", "Maximum")),
        ("Throttles", each("Throttles", "Sum")),
    )


def cost(endpoint_name: str) -> Widgets:
    """Return instance-hours, and the account's charges as far as CloudWatch knows them."""
    about = (
        "Instance-hours are counted from the minutes in which instances report; multiply by the "
        "price of their type. Charges are those of the **whole account** for SageMaker this "
        "month, which AWS keeps in us-east-1 alone, and only where billing alerts are switched on "
        "in the billing preferences. The tags `sagemaker:project-name` and `stage` split them in "
        "Cost Explorer once they are activated as cost allocation tags."
    )
    minutes = instance_metric(endpoint_name, "CPUUtilization", "SampleCount", minutes=60)
    jobs = (
        'SUM(SEARCH(\'{"/aws/sagemaker/TrainingJobs",Host} MetricName="CPUUtilization" Host=rl\', '
        "'SampleCount')) / 60"
    )
    hours = [
        _hours("n / 60", {"n": minutes}, "endpoint"),
        _hours(jobs, {}, "jobs of all stages"),
    ]
    charges = cloudwatch.Metric(
        namespace="AWS/Billing",
        metric_name="EstimatedCharges",
        dimensions_map={"ServiceName": "AmazonSageMaker", "Currency": "USD"},
        region="us-east-1",
        statistic="Maximum",
        period=Duration.hours(6),
        label="SageMaker, this month",
    )
    return [
        *_row(("Instance-hours, each hour", hours), ("Charges (USD)", [charges])),
        text(about, height=3),
    ]


def _hours(
    expression: str, metrics: Mapping[str, cloudwatch.IMetric], label: str
) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression=expression, using_metrics=dict(metrics), label=label, period=Duration.hours(1)
    )


def _jobs(groups: Mapping[str, Sequence[str]], known: Sequence[str], step: str) -> Widgets:
    graphs = {
        title: [job_metrics(name, step=step) for name in names if name in known]
        for title, names in groups.items()
    }
    return _row(*(graph for graph in graphs.items() if graph[1]))


def _row(*graphs: tuple[str, Sequence[cloudwatch.IMetric]]) -> Widgets:
    # What is more than a row holds goes on below.
    width = WIDTH // min(len(graphs), MOST_IN_A_ROW)
    return [
        cloudwatch.GraphWidget(title=title, left=list(metrics), width=width, height=HEIGHT)
        for title, metrics in graphs
    ]
