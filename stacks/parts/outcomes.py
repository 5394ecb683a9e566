"""How executions ended, counted: Step Functions knows a rejected policy as a success."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

STATES = ("Deployed", "DeployedToDevices", "Registered", "Rejected")
"""Last states of `stacks/workflow.asl.json`; each writes the execution's output."""


class Outcomes(Construct):
    """A metric for each way to end well, from the log of the state machine.

    Attributes:
        metrics: The metrics; keys are the names of the last states.
    """

    def __init__(
        self, scope: Construct, id_: str, *, namespace: str, log_group: logs.ILogGroup
    ) -> None:
        super().__init__(scope, id_)
        self.metrics = {
            state: logs.MetricFilter(
                self,
                state,
                log_group=log_group,
                filter_pattern=logs.FilterPattern.all(
                    logs.FilterPattern.string_value("$.type", "=", "PassStateEntered"),
                    logs.FilterPattern.string_value("$.details.name", "=", state),
                ),
                metric_namespace=namespace,
                metric_name=f"Executions{state}",
                metric_value="1",
                default_value=0,
            ).metric(statistic="Sum", period=Duration.minutes(5), label=state.lower())
            for state in STATES
        }

    def __getitem__(self, state: str) -> cloudwatch.Metric:
        """Return the metric of a last state."""
        return self.metrics[state]
