"""What people look at, and what calls them."""

import json

from constructs import Construct

from stacks.config import StageConfig
from stacks.parts.alarms import LONGEST_WATCH_DAYS, WorkflowAlarms
from stacks.parts.dashboard import Dashboard
from stacks.parts.edge_alarms import EdgeAlarms
from stacks.parts.events import retrain_rule
from stacks.parts.outcomes import Outcomes
from stacks.parts.training_bundle import metric_definitions
from stacks.serving_stack import ServingStack
from stacks.stage_stack import StageStack
from stacks.workflow_stack import WorkflowStack


class MonitoringStack(StageStack):
    """Dashboard and alarms; nothing depends on it."""

    def __init__(
        self,
        scope: Construct,
        *,
        config: StageConfig,
        workflow: WorkflowStack,
        serving: ServingStack,
    ) -> None:
        super().__init__(
            scope,
            "Monitoring",
            config=config,
            description="Dashboard of the workflow, and its alarms",
        )
        arn, functions = workflow.state_machine.arn, workflow.functions.by_step
        every_days = config.retrain_every_days
        # CloudWatch cannot look back far enough to miss what comes more seldom.
        seldom = every_days >= LONGEST_WATCH_DAYS
        alarms = WorkflowAlarms(
            self,
            "Alarms",
            state_machine_arn=arn,
            functions=functions,
            topic=workflow.topic,
            retrain_every_days=0 if seldom else every_days,
            retrain_rule=retrain_rule(config) if every_days else None,
        )
        devices = EdgeAlarms(
            self,
            "Devices",
            prefix=config.prefix,
            namespace=config.namespace,
            component=config.component,
            edge=config.edge,
            topic=workflow.topic,
        )
        decisions = [serving.decisions, *filter(None, [workflow.decisions])]
        fallbacks = [
            each.alarm(self, percent=config.serving.fallback_percent, topic=workflow.topic)
            for each in decisions
        ]
        outcomes = Outcomes(
            self,
            "Outcomes",
            namespace=config.namespace,
            log_group=workflow.state_machine.log_group,
        )
        Dashboard(
            self,
            "Dashboard",
            name=config.prefix,
            state_machine_arn=arn,
            outcomes=outcomes.metrics,
            metric_names=[each["Name"] for each in json.loads(metric_definitions())],
            endpoint=serving.endpoint_name,
            decisions=decisions,
            functions=functions,
            alarms=[*alarms.all, *serving.alarms.all, *fallbacks, *devices.all],
        )
