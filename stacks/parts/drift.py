"""Looks for changes that were made by hand: what is deployed must be what is in git.

Written after AWS's documentation, not tried on AWS: that EventBridge Scheduler takes
`detectStackDrift` (it refuses actions that begin like reading ones, which this does not), that
CloudFormation looks with the schedule's role, and that `drift_reads.py` lets it read enough. Where
it does not, detection ends as failed, or is complete with a stack whose status is unknown. Both are
told as well, and so is a detection that Scheduler could not start: silence means that all was read
that CloudFormation can read.
"""

import json
from collections.abc import Collection, Sequence

from aws_cdk import Aws, CfnResource, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.config import StageConfig
from stacks.parts.acknowledge import acknowledge, wildcard, wildcard_arn
from stacks.parts.alarms import add_alarm
from stacks.parts.drift_reads import read_findings, read_statements
from stacks.parts.metrics import total
from stacks.parts.roles import allow

_TARGET = "scheduler:::aws-sdk:cloudformation:detectStackDrift"
_SPREAD_MINUTES = 60


class Drift(Construct):
    """Detection for every stack of a stage by the clock, and word of what it finds.

    Attributes:
        role: What detection runs with: it reads the stage's configuration, and changes nothing.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        config: StageConfig,
        stacks: Sequence[Stack],
        topic: sns.ITopic,
        every_days: int,
    ) -> None:
        super().__init__(scope, id_)
        self._config = config
        types = {
            each.cfn_resource_type
            for stack in stacks
            for each in stack.node.find_all()
            if isinstance(each, CfnResource)
        }
        self.role = iam.Role(
            self,
            "Role",
            description=f"Reads the configuration of {config.prefix} to find drift",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            ),
        )
        allow_detection(self, "Policy", role=self.role, config=config, types=types)
        # A group of their own: Scheduler counts by group.
        group = scheduler.CfnScheduleGroup(self, "Schedules")
        for stack in stacks:
            self._schedule(group, stack.stack_name, every_days)
        self._tell(topic)
        self._tell_refused(topic, group)

    def _schedule(self, group: scheduler.CfnScheduleGroup, stack: str, every_days: int) -> None:
        scheduler.CfnSchedule(
            group,
            stack.removeprefix(f"{self._config.prefix}-"),
            group_name=group.ref,
            description=f"Looks for drift of {stack}",
            schedule_expression=f"rate({every_days} day{'s' if every_days > 1 else ''})",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(
                mode="FLEXIBLE", maximum_window_in_minutes=_SPREAD_MINUTES
            ),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=f"arn:{Aws.PARTITION}:{_TARGET}",
                role_arn=self.role.role_arn,
                input=json.dumps({"StackName": stack}),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(maximum_retry_attempts=3),
            ),
        )

    def _tell(self, topic: sns.ITopic) -> None:
        events.Rule(
            self,
            "Found",
            description=f"A stack of {self._config.prefix} is not what git says, or was not read",
            event_pattern=events.EventPattern(
                source=["aws.cloudformation"],
                detail_type=["CloudFormation Drift Detection Status Change"],
                detail={
                    "stack-id": [{"prefix": _stacks(f"{self._config.prefix}-")}],
                    "$or": [
                        {"status-details": {"stack-drift-status": ["DRIFTED"]}},
                        {"status-details": {"detection-status": ["DETECTION_FAILED"]}},
                        # While it looks, it may not know yet: that is no news.
                        {
                            "status-details": {
                                "stack-drift-status": ["UNKNOWN"],
                                "detection-status": ["DETECTION_COMPLETE"],
                            }
                        },
                    ],
                },
            ),
            targets=[targets.SnsTopic(topic)],
        )
        acknowledge(
            self,
            "Serverless::Serverless-EventBusDLQ",
            "What is lost after a day of tries is found again by the next detection.",
        )

    def _tell_refused(self, topic: sns.ITopic, group: scheduler.CfnScheduleGroup) -> None:
        # Where nothing was started, CloudFormation has no event.
        counted = [
            cloudwatch.Metric(
                namespace="AWS/Scheduler",
                metric_name=name,
                dimensions_map={"ScheduleGroup": group.ref},
                statistic="Sum",
                period=Duration.minutes(5),
            )
            for name in ("TargetErrorCount", "InvocationDroppedCount")
        ]
        add_alarm(
            self,
            "Refused",
            description=f"Drift detection of {self._config.prefix} could not be started: see the "
            "schedules' role, and whether a stack was being deployed",
            metric=total(counted, label="detections refused or given up"),
            topic=topic,
        )


def allow_detection(
    scope: Construct,
    id_: str,
    *,
    role: iam.IRole,
    config: StageConfig,
    types: Collection[str],
    results: bool = False,
) -> None:
    """Let a role detect drift of a stage's stacks.

    Args:
        scope: Where the policy stands.
        id_: Its id.
        role: The role.
        config: The stage.
        types: Types of the resources that are read.
        results: Whether it may read what was found, too.
    """
    actions = ["DetectStackDrift", "DetectStackResourceDrift"]
    unbound = ["BatchDescribeTypeConfigurations"]
    if results:
        actions.append("DescribeStackResourceDrifts")
        unbound.append("DescribeStackDriftDetectionStatus")
    policy = allow(
        role,
        id_,
        scope=scope,
        description=f"What looking for drift in {config.prefix} takes",
        statements=[
            iam.PolicyStatement(
                actions=[f"cloudformation:{action}" for action in actions],
                resources=[_stacks(f"{config.prefix}-*")],
            ),
            iam.PolicyStatement(
                actions=[f"cloudformation:{action}" for action in unbound], resources=["*"]
            ),
            *read_statements(types, config),
        ],
    )
    reason = (
        "Reads configuration alone: names begin with that of the stage, or tags are the stage's, "
        "or the action takes no resource."
    )
    acknowledge(policy, wildcard_arn("cloudformation", f"stack/{config.prefix}-*"), reason)
    for resource in sorted(read_findings(types, config) | {"*"}):
        if "*" in resource:
            acknowledge(policy, wildcard(resource), reason)


def _stacks(name: str) -> str:
    return f"arn:{Aws.PARTITION}:cloudformation:{Aws.REGION}:{Aws.ACCOUNT_ID}:stack/{name}"
