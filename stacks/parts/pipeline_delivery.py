"""The pipeline: source, synthesis with all tests, stages, and what stands between them."""

from collections.abc import Sequence

from aws_cdk import Duration, Stage, pipelines
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.config import StageConfig
from stacks.parts.logging import log_group
from stacks.parts.pipeline_access import acknowledge_executions, run_executions
from stacks.parts.pipeline_assets import asset_publishing
from stacks.parts.pipeline_findings import acknowledge_delivery
from stacks.pipeline_config import Pipeline

CLI_VERSION = "2.1148.1"
"""Of the CDK's command line where the pipeline updates itself; a test compares it with the lock."""
ASSETS_CLI_VERSION = "4.7.3"
"""Of `cdk-assets`, which publishes what the stages deploy; likewise compared."""

PYTHON_VERSION = "3.12"
CHECK_HOURS = 5
"""Of an execution that checks: spot capacity may take its time."""


class Delivery(Construct):
    """A pipeline that changes itself first, then the stages, from a branch.

    Attributes:
        pipeline: The pipeline; complete after `finish`.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        config: Pipeline,
        bucket: s3.IBucket,
        key: kms.IKey,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, id_)
        assert config.connection_arn is not None
        self._config, self._bucket, self._topic = config, bucket, topic
        self._clones: list[pipelines.CodeBuildStep] = []
        self._source = pipelines.CodePipelineSource.connection(
            config.repository,
            config.branch,
            connection_arn=config.connection_arn,
            action_name="Clone",
            # A clone keeps the history and the modes of files, which tests look at.
            code_build_clone_output=True,
        )
        logs = log_group(self, "Logs", key=key, days=config.log_days)
        self.pipeline = pipelines.CodePipeline(
            self,
            "Pipeline",
            pipeline_name=f"{config.project}-pipeline",
            artifact_bucket=bucket,
            synth=self._synth(),
            cli_version=CLI_VERSION,
            cdk_assets_cli_version=ASSETS_CLI_VERSION,
            asset_publishing_code_build_defaults=asset_publishing(),
            publish_assets_in_parallel=False,
            pipeline_type=codepipeline.PipelineType.V2,
            use_pipeline_role_for_actions=False,
            code_build_defaults=pipelines.CodeBuildOptions(
                build_environment=codebuild.BuildEnvironment(
                    build_image=codebuild.LinuxBuildImage.STANDARD_7_0,
                    compute_type=codebuild.ComputeType.MEDIUM,
                    environment_variables={
                        # The pipeline updates itself outside the checkout, without its cdk.json.
                        "CDK_DISABLE_CLI_TELEMETRY": codebuild.BuildEnvironmentVariable(
                            value="true"
                        )
                    },
                ),
                logging=codebuild.LoggingOptions(
                    cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=logs)
                ),
            ),
        )

    def add(self, stage: Stage, config: StageConfig) -> None:
        """Deploy a stage after those before it: check what it does, or ask before the last.

        Args:
            stage: Its stacks.
            config: Its configuration.
        """
        last = config.stage == self._config.stages[-1]
        self.pipeline.add_stage(
            stage,
            pre=[self._approval(config)] if last else [],
            post=[] if last else [self._check(config)],
        )

    def finish(self) -> None:
        """Build the pipeline, once all stages are there."""
        self.pipeline.build_pipeline()
        events.Rule(
            self,
            "Failed",
            description="A change did not get through the pipeline",
            event_pattern=events.EventPattern(
                source=["aws.codepipeline"],
                detail_type=["CodePipeline Pipeline Execution State Change"],
                detail={"pipeline": [self.pipeline.pipeline.pipeline_name], "state": ["FAILED"]},
            ),
            targets=[targets.SnsTopic(self._topic)],
        )
        self._use_connection(self._config.connection_arn)
        acknowledge_delivery(self, self._bucket)
        acknowledge_executions(self)

    def _use_connection(self, connection: str | None) -> None:
        """Let those who clone use the connection by its new name too.

        The library allows `codestar-connections:UseConnection` alone. AWS wants the name that is
        in the ARN, which since 2024 is the other one.
        """
        source = self.pipeline.pipeline.node.find_child("Source").node.find_child("Clone")
        role = source.node.find_child("CodePipelineActionRole")
        assert isinstance(role, iam.Role)
        assert connection is not None
        roles = [role, *(each.project.role for each in self._clones)]
        iam.ManagedPolicy(
            self,
            "Connection",
            description="Clones the repository",
            roles=[each for each in roles if each],
            statements=[
                iam.PolicyStatement(
                    actions=["codeconnections:UseConnection"], resources=[connection]
                )
            ],
        )

    def _on_a_clone(
        self,
        name: str,
        commands: Sequence[str],
        *,
        hours: int,
        statements: Sequence[iam.PolicyStatement] = (),
    ) -> pipelines.CodeBuildStep:
        step = pipelines.CodeBuildStep(
            name,
            input=self._source,
            commands=commands,
            timeout=Duration.hours(hours),
            role_policy_statements=list(statements),
            partial_build_spec=codebuild.BuildSpec.from_object(
                {"phases": {"install": {"runtime-versions": {"python": PYTHON_VERSION}}}}
            ),
        )
        self._clones.append(step)
        return step

    def _synth(self) -> pipelines.CodeBuildStep:
        return self._on_a_clone(
            "Synth",
            hours=1,
            commands=[
                "make setup-cdk",
                # Node comes with the environment, in the version that the library supports.
                'export PATH="$PWD/.venv/bin:$PATH"',
                "npm ci",
                "make check",
                "make test",
                f"npx cdk synth --quiet -c stage=pipeline -c project={self._config.project}",
            ],
        )

    def _check(self, config: StageConfig) -> pipelines.CodeBuildStep:
        preset = self._config.check_preset
        command = [
            ".venv/bin/python tools/run_execution.py",
            f"--project {config.project} --stage {config.stage}",
            f"--timeout-minutes {CHECK_HOURS * 60 - 20}",
            *([f"--preset {preset}"] if preset else []),
        ]
        return self._on_a_clone(
            "Execute",
            hours=CHECK_HOURS,
            commands=["make setup", " ".join(command)],
            statements=run_executions(config),
        )

    def _approval(self, config: StageConfig) -> pipelines.ManualApprovalStep:
        return pipelines.ManualApprovalStep(
            "Approve",
            comment=f"Deploys to {config.prefix}. The step Execute names the scorecard.",
            notification_topic=self._topic,
        )
