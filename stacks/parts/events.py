"""What happens without a person: retraining by the clock, and word of faults and approvals."""

import json

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.config import StageConfig
from stacks.parts.acknowledge import acknowledge
from stacks.parts.device_events import DeviceEvents
from stacks.parts.encryption import use_key
from stacks.parts.roles import Roles, allow

_ENDED = ["FAILED", "TIMED_OUT", "ABORTED"]


def retrain_rule(config: StageConfig) -> str:
    """Return the name of the rule that starts executions by the clock."""
    return f"{config.prefix}-retrain"


class Events(Construct):
    """EventBridge rules of the workflow."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        config: StageConfig,
        roles: Roles,
        state_machine_arn: str,
        model_package_group: str,
        topic: sns.ITopic,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id_)
        self._topic = topic
        self._tell(
            "FailedExecution",
            "An execution of the workflow did not end well",
            events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [state_machine_arn], "status": _ENDED},
            ),
        )
        self._tell(
            "ApprovedPackage",
            "A policy was approved: pin its version to deploy it to a stage that pins one",
            events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Package State Change"],
                detail={
                    "ModelPackageGroupName": [model_package_group],
                    "ModelApprovalStatus": ["Approved"],
                },
            ),
        )
        if config.retrain_every_days:
            self._retrain(config, roles, state_machine_arn, key)
        DeviceEvents(self, "Devices", prefix=config.prefix, component=config.component)
        acknowledge(
            self,
            "Serverless::Serverless-EventBusDLQ",
            "EventBridge tries for a day; what then is lost is word of something that its own "
            "console and log still show, or one retraining before the next; what devices tell is "
            "counted and goes nowhere.",
        )

    def _tell(self, id_: str, description: str, pattern: events.EventPattern) -> None:
        events.Rule(
            self,
            id_,
            description=description,
            event_pattern=pattern,
            targets=[targets.SnsTopic(self._topic)],
        )

    def _retrain(
        self, config: StageConfig, roles: Roles, state_machine_arn: str, key: kms.IKey
    ) -> None:
        allow(
            roles["events"],
            "Policy",
            scope=self,
            description="Starts the workflow by the clock",
            statements=[
                iam.PolicyStatement(
                    actions=["states:StartExecution"], resources=[state_machine_arn]
                ),
                use_key(key, write=True),
            ],
        )
        training = config.training
        preset = {"preset": config.retrain_preset} if config.retrain_preset else {}
        request = preset | {
            "training": {
                "instance_type": training.instance_types[0],
                "instance_count": training.instance_count,
                "use_spot": training.use_spot,
            }
        }
        rule = events.Rule(
            self,
            "Retrain",
            rule_name=retrain_rule(config),
            description="Trains again, and deploys what passes the gate",
            schedule=events.Schedule.rate(Duration.days(config.retrain_every_days)),
        )
        resource = rule.node.default_child
        assert isinstance(resource, events.CfnRule)
        resource.targets = [
            events.CfnRule.TargetProperty(
                id="workflow",
                arn=state_machine_arn,
                role_arn=roles["events"].role_arn,
                input=json.dumps(request),
            )
        ]
