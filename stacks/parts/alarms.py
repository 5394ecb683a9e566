"""Alarms, all of which tell the topic; those of the workflow itself."""

from collections.abc import Iterable, Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.parts.definition import waiting_states
from stacks.parts.metrics import execution_metric, total
from stacks.parts.roles import title

LONGEST_WATCH_DAYS = 7
"""CloudWatch looks back no further."""

_PASSING = 2
"""Faults of functions within five minutes that the state machine gets over by trying again."""

_ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_NOT_BREACHING = cloudwatch.TreatMissingData.NOT_BREACHING


def add_alarm(
    scope: Construct,
    id_: str,
    *,
    description: str,
    metric: cloudwatch.IMetric,
    topic: sns.ITopic,
    above: float = 0,
    within: int = 1,
    points: int = 1,
    missing: cloudwatch.TreatMissingData = _NOT_BREACHING,
    name: str | None = None,
) -> cloudwatch.Alarm:
    """Add an alarm that tells the topic of its beginning and of its end.

    Args:
        scope: The construct that it watches for.
        id_: Its id.
        description: What has happened, and what to do.
        metric: What is watched.
        topic: Who hears of it.
        above: The largest good value.
        within: Periods that are looked back.
        points: How many of them must be bad.
        missing: What no value is; a good value, if nothing else is said.
        name: Only where somebody must know it beforehand.
    """
    alarm = cloudwatch.Alarm(
        scope,
        id_,
        alarm_name=name,
        alarm_description=description,
        metric=metric,
        comparison_operator=_ABOVE,
        threshold=above,
        evaluation_periods=within,
        datapoints_to_alarm=points,
        treat_missing_data=missing,
    )
    return _tell(alarm, topic)


def _tell(alarm: cloudwatch.Alarm, topic: sns.ITopic) -> cloudwatch.Alarm:
    action = actions.SnsAction(topic)
    alarm.add_alarm_action(action)
    alarm.add_ok_action(action)
    return alarm


class WorkflowAlarms(Construct):
    """What a person must know of executions and functions.

    Attributes:
        all: The alarms.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        state_machine_arn: str,
        functions: Mapping[str, lambda_.IFunction],
        topic: sns.ITopic,
        retrain_every_days: int,
        retrain_rule: str | None,
    ) -> None:
        super().__init__(scope, id_)
        self._topic = topic
        self.all = [self._executions(state_machine_arn), *self._functions(functions)]
        if retrain_every_days:
            self.all.append(self._retraining(state_machine_arn, retrain_every_days))
        if retrain_rule:
            self.all.append(self._refused(retrain_rule))

    def _executions(self, state_machine_arn: str) -> cloudwatch.Alarm:
        names = ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted")
        ended = [execution_metric(state_machine_arn, name) for name in names]
        return add_alarm(
            self,
            "FailedExecution",
            description="An execution of the workflow failed: its Cause says why",
            metric=total(ended, label="executions that did not end well"),
            topic=self._topic,
        )

    def _functions(self, functions: Mapping[str, lambda_.IFunction]) -> list[cloudwatch.Alarm]:
        waiting = waiting_states()
        left_out = {step for step in functions if title(step) in waiting}
        return [
            add_alarm(
                self,
                "FunctionErrors",
                description="Functions of the workflow fail again and again: see their logs. "
                f"Without {' and '.join(sorted(waiting))}, which fail and are tried again while "
                "they wait: an execution that waits in vain fails",
                metric=_summed("Errors", [functions[it] for it in functions if it not in left_out]),
                topic=self._topic,
                above=_PASSING,
            ),
            add_alarm(
                self,
                "FunctionThrottles",
                description="Functions of the workflow are throttled: raise reserved_concurrency "
                "in stacks/config.py, or the account's quota",
                metric=_summed("Throttles", functions.values()),
                topic=self._topic,
                above=_PASSING,
            ),
        ]

    def _retraining(self, state_machine_arn: str, every_days: int) -> cloudwatch.Alarm:
        days = min(every_days + 1, LONGEST_WATCH_DAYS)
        started = execution_metric(state_machine_arn, "ExecutionsStarted", minutes=24 * 60)
        alarm = cloudwatch.Alarm(
            self,
            "MissingRetraining",
            alarm_description=f"No execution for {days} days, though one is due every "
            f"{every_days}: see the rule Retrain. After the first deployment start one by hand",
            metric=started,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            threshold=1,
            evaluation_periods=days,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
        )
        return _tell(alarm, self._topic)

    def _refused(self, rule: str) -> cloudwatch.Alarm:
        return add_alarm(
            self,
            "RefusedRetraining",
            description="The rule Retrain could not start the workflow: see its role",
            metric=cloudwatch.Metric(
                namespace="AWS/Events",
                metric_name="FailedInvocations",
                dimensions_map={"RuleName": rule},
                statistic="Sum",
                period=Duration.minutes(5),
            ),
            topic=self._topic,
        )


def _summed(name: str, functions: Iterable[lambda_.IFunction]) -> cloudwatch.MathExpression:
    period = Duration.minutes(5)
    each = [it.metric(name, statistic="Sum", period=period) for it in functions]
    return total(each, label=name)
