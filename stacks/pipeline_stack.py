"""What delivers the stages, put together; `app.py` calls this for `-c stage=pipeline`."""

from aws_cdk import Stack, Stage, Tags
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.build import build
from stacks.config import StageConfig
from stacks.github_stack import github_stacks
from stacks.parts.drift import Drift
from stacks.parts.encryption import Encryption
from stacks.parts.notifications import Notifications
from stacks.parts.pipeline_artifacts import PipelineArtifacts
from stacks.parts.pipeline_delivery import Delivery
from stacks.pipeline_config import Pipeline


class PipelineStack(Stack):
    """The stack `<project>-pipeline`, and below it the stages that it deploys.

    Attributes:
        topic: Where failures, approvals to give and drift go.
        delivery: The pipeline.
    """

    def __init__(self, scope: Construct, *, config: Pipeline) -> None:
        name = f"{config.project}-pipeline"
        super().__init__(
            scope,
            name,
            stack_name=name,
            description="Delivers the workflow from a branch to its stages",
            termination_protection=True,
        )
        key = Encryption(self, "Encryption", prefix=name, retain=False).key
        self.topic = Notifications(self, "Notifications", key=key, email=config.alarm_email).topic
        bucket = PipelineArtifacts(
            self, "Artifacts", key=key, access_logs_bucket=config.access_logs_bucket
        ).bucket
        self.delivery = Delivery(
            self, "Delivery", config=config, bucket=bucket, key=key, topic=self.topic
        )
        for stage in config.stage_configs:
            self._deliver(stage, drift_every_days=config.drift_every_days)
        self.delivery.finish()

    def _deliver(self, config: StageConfig, *, drift_every_days: int) -> None:
        stage = Stage(self, config.stage)
        build(stage, config)
        self.delivery.add(stage, config)
        if drift_every_days:
            Drift(
                self,
                f"{config.stage.title()}Drift",
                config=config,
                stacks=[each for each in stage.node.children if isinstance(each, Stack)],
                topic=self.topic,
                every_days=drift_every_days,
            )


def build_pipeline(scope: Construct, config: Pipeline) -> None:
    """Add `<project>-pipeline` and `<project>-github`, as far as they are configured.

    Args:
        scope: The app.
        config: What to deploy.
    """
    stacks: list[Stack] = []
    if config.connection_arn:
        stacks.append(PipelineStack(scope, config=config))
    if config.github:
        stacks += github_stacks(scope, config, config.github)
    Tags.of(scope).add("sagemaker:project-name", config.project)
    for stack in stacks:
        if config.permissions_boundary:
            boundary = iam.ManagedPolicy.from_managed_policy_name(
                stack, "Boundary", config.permissions_boundary
            )
            iam.PermissionsBoundary.of(stack).apply(boundary)
