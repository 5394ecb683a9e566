"""The native CreateTrainingJob requests of the two jobs, as far as they are known beforehand.

The definition adds the name with its retry number and the role.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from lambdas.execution_input import ExecutionInput
from lambdas.names import resource_name, tags

SPOT_WAIT_SECONDS = 3600
"""How long a spot job may wait for capacity beyond its run time."""

SETUP_SECONDS = 3600
"""Provisioning, downloads and uploads, which SageMaker does not count as run time."""

VOLUME_GIGABYTES = 30

Request = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """What the deployment, not the execution, decides about a job.

    `kms_key_arn` may be empty: the account's default key then encrypts what the jobs write.
    """

    project: str
    stage: str
    artifact_bucket: str
    source_s3_uri: str
    image_uri: str
    kms_key_arn: str
    metric_definitions: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """The two jobs of one execution."""

    document: ExecutionInput
    identity: str
    preset: str
    settings: JobSettings

    def training(self) -> Request:
        """Describe the training job.

        Returns:
            `job_name` without its retry number, `timeout_seconds` for the state, and `request`,
            which has `InputDataConfig` only for a load file: SageMaker takes no empty list.
        """
        hyperparameters = {
            "preset": self.preset,
            **self._environment(),
            **self.document.training.hyperparameters,
        }
        hosts = self.document.training.instance_count
        request = self._request("training", "train.py", hyperparameters, hosts)
        channels = self._load_channels()
        return self._job("training", request | ({"InputDataConfig": channels} if channels else {}))

    def evaluation(self) -> Request:
        """Describe the evaluation job; the preset comes with the artifact that it evaluates.

        Returns:
            As `training`, with the channels besides `checkpoint` under `load_channels`: the
            address of the artifact is known only once the training job has ended.
        """
        episodes = self.document.evaluation.episodes
        given = {} if episodes is None else {"episodes": str(episodes)}
        gate = self.document.gate  # for the report alone: the gate judges by itself
        given |= {} if gate.baseline is None else {"evaluation.baseline": gate.baseline}
        given["evaluation.confidence"] = str(gate.confidence)
        hyperparameters = {**given, **self._environment()}
        # One host: a second one would evaluate the same windows again.
        request = self._request("evaluation", "evaluate.py", hyperparameters, 1)
        return self._job("evaluation", request) | {"load_channels": self._load_channels()}

    def _job(self, step: str, request: Request) -> Request:
        return {
            "job_name": resource_name(step, self.preset, self.identity),
            "timeout_seconds": max(self._stopping().values()) + SETUP_SECONDS,
            "request": request,
        }

    def _request(
        self, step: str, program: str, hyperparameters: Mapping[str, str], hosts: int
    ) -> Request:
        settings = self.settings
        output = {"S3OutputPath": f"s3://{settings.artifact_bucket}/jobs"}
        checkpoints = f"s3://{settings.artifact_bucket}/checkpoints/{self.identity}/{step}"
        bundle = {
            "sagemaker_program": program,
            "sagemaker_submit_directory": settings.source_s3_uri,
        }
        key = {"KmsKeyId": settings.kms_key_arn} if settings.kms_key_arn else {}
        return {
            "AlgorithmSpecification": {
                "TrainingImage": settings.image_uri,
                "TrainingInputMode": "File",
                "MetricDefinitions": [dict(metric) for metric in settings.metric_definitions],
            },
            "HyperParameters": {**bundle, **hyperparameters},
            "OutputDataConfig": output | key,
            "ResourceConfig": {
                "InstanceType": self.document.training.instance_type,
                "InstanceCount": hosts,
                "VolumeSizeInGB": VOLUME_GIGABYTES,
            },
            "StoppingCondition": self._stopping(),
            "EnableManagedSpotTraining": self.document.training.use_spot,
            "CheckpointConfig": {"S3Uri": checkpoints, "LocalPath": "/opt/ml/checkpoints"},
            "Tags": tags(project=settings.project, stage=settings.stage, identity=self.identity),
        }

    def _stopping(self) -> dict[str, int]:
        run = self.document.training.max_run_seconds
        wait = {"MaxWaitTimeInSeconds": run + SPOT_WAIT_SECONDS}
        return {"MaxRuntimeInSeconds": run} | (wait if self.document.training.use_spot else {})

    def _load_channels(self) -> list[Request]:
        if self.document.load.s3_uri is None:
            return []
        source = {
            "S3DataType": "S3Prefix",
            "S3DataDistributionType": "FullyReplicated",
            "S3Uri": self.document.load.s3_uri,
        }
        return [{"ChannelName": "load", "DataSource": {"S3DataSource": source}}]

    def _environment(self) -> dict[str, str]:
        given = self.document.environment.given()
        return {f"environment.{key}": json.dumps(value) for key, value in given.items()}
