"""One page about the whole workflow, from its executions to what it costs."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.parts import dashboard_rows as rows
from stacks.parts.decisions import Decisions


class Dashboard(Construct):
    """The dashboard, a row for each part of the workflow."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        state_machine_arn: str,
        outcomes: Mapping[str, cloudwatch.IMetric],
        metric_names: Sequence[str],
        endpoint: str,
        decisions: Sequence[Decisions],
        functions: Mapping[str, lambda_.IFunction],
        alarms: Sequence[cloudwatch.IAlarm],
    ) -> None:
        super().__init__(scope, id_)
        dashboard = cloudwatch.Dashboard(
            self, "Dashboard", dashboard_name=name, default_interval=rows.JOBS_WITHIN
        )
        dashboard.add_widgets(*rows.overview(name, alarms))
        for title, widgets in (
            ("Executions", rows.executions(state_machine_arn, outcomes)),
            ("Training", rows.training(metric_names)),
            ("Evaluation", rows.evaluation(metric_names)),
            ("Decisions", rows.decisions(decisions)),
            ("Endpoint", rows.endpoint(endpoint)),
            ("Functions", rows.functions(functions)),
            ("Cost", rows.cost(endpoint)),
        ):
            dashboard.add_widgets(rows.text(f"## {title}", height=1))
            dashboard.add_widgets(*widgets)
