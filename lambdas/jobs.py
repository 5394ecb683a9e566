"""The native CreateTrainingJob requests of the two jobs, as far as they are known beforehand.

The definition adds the name with its retry number and the role.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from lambdas.execution_input import ExecutionInput
from lambdas.names import resource_name, tags

SPOT_WAIT_SECONDS = 3600
"""How long a spot job may wait for capacity beyond its run time."""

SETUP_SECONDS = 3600
"""Provisioning, downloads and uploads, which SageMaker does not count as run time."""

LOCAL_VOLUME = re.compile(
    r"ml\.([a-z]+\d[a-z]*d[a-z]*|dl1|g5|g[67]e?|p5[a-z]*|p6e?-[a-z0-9]+|trn1n?|trn2)\."
)
"""Instance types whose volume is a disk of the machine itself."""

Request = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """What the deployment, not the execution, decides about a job.

    Attributes:
        kms_key_arn: Encrypts what the jobs write, and their volumes; empty: the account's default
            key does.
        volume_gigabytes: Size of an instance's volume.
        warm_pool_seconds: How long instances are kept for the next job, which spot ones cannot be.
        network_isolation: Jobs reach nothing but their channels, so the bundle comes as one.
        encrypt_traffic: Between the instances of a job.
    """

    project: str
    stage: str
    artifact_bucket: str
    source_s3_uri: str
    image_uri: str
    kms_key_arn: str
    metric_definitions: tuple[Mapping[str, str], ...]
    volume_gigabytes: int = 30
    warm_pool_seconds: int = 0
    network_isolation: bool = False
    encrypt_traffic: bool = False


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
            which has `InputDataConfig` only where there is a channel: SageMaker takes no empty
            list.
        """
        hyperparameters = {
            "preset": self.preset,
            **self._environment(),
            **self._baseline(),
            **self.document.training.hyperparameters,
        }
        hosts = self.document.training.instance_count
        request = self._request("training", "train.py", hyperparameters, hosts)
        channels = self._channels()
        return self._job("training", request | ({"InputDataConfig": channels} if channels else {}))

    def evaluation(self) -> Request:
        """Describe the evaluation job; the preset comes with the artifact that it evaluates.

        Returns:
            As `training`, with the channels besides `checkpoint` under `input_channels`: the
            address of the artifact is known only once the training job has ended.
        """
        episodes = self.document.evaluation.episodes
        given = {} if episodes is None else {"episodes": str(episodes)}
        # For the report alone: the gate judges by itself.
        given["evaluation.confidence"] = str(self.document.gate.confidence)
        hyperparameters = {**given, **self._baseline(), **self._environment()}
        # One host: a second one would evaluate the same windows again.
        request = self._request("evaluation", "evaluate.py", hyperparameters, 1)
        return self._job("evaluation", request) | {"input_channels": self._channels()}

    def _baseline(self) -> dict[str, str]:
        """Name the gate's baseline: one that the environment has not ends the first job at once."""
        baseline = self.document.gate.baseline
        return {} if baseline is None else {"evaluation.baseline": baseline}

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
            "ResourceConfig": self._resources(hosts),
            "EnableNetworkIsolation": settings.network_isolation,
            "EnableInterContainerTrafficEncryption": settings.encrypt_traffic,
            "StoppingCondition": self._stopping(),
            "EnableManagedSpotTraining": self.document.training.use_spot,
            "CheckpointConfig": {"S3Uri": checkpoints, "LocalPath": "/opt/ml/checkpoints"},
            "Tags": tags(project=settings.project, stage=settings.stage, identity=self.identity),
        }

    def _resources(self, hosts: int) -> Request:
        settings, instance_type = self.settings, self.document.training.instance_type
        resources: Request = {
            "InstanceType": instance_type,
            "InstanceCount": hosts,
            "VolumeSizeInGB": settings.volume_gigabytes,
        }
        # Local NVMe volumes are encrypted by the hardware, and SageMaker refuses a key for them.
        if settings.kms_key_arn and not LOCAL_VOLUME.match(instance_type):
            resources["VolumeKmsKeyId"] = settings.kms_key_arn
        if settings.warm_pool_seconds and not self.document.training.use_spot:
            resources["KeepAlivePeriodInSeconds"] = settings.warm_pool_seconds
        return resources

    def _stopping(self) -> dict[str, int]:
        run = self.document.training.max_run_seconds
        wait = {"MaxWaitTimeInSeconds": run + SPOT_WAIT_SECONDS}
        return {"MaxRuntimeInSeconds": run} | (wait if self.document.training.use_spot else {})

    def _channels(self) -> list[Request]:
        isolated = self.settings.network_isolation
        named = {
            "load": self.document.load.s3_uri,
            "code": self.settings.source_s3_uri if isolated else None,
        }
        return [_channel(name, uri) for name, uri in named.items() if uri]

    def _environment(self) -> dict[str, str]:
        given = self.document.environment.given()
        return {f"environment.{key}": json.dumps(value) for key, value in given.items()}


def _channel(name: str, uri: str) -> Request:
    source = {
        "S3DataType": "S3Prefix",
        "S3DataDistributionType": "FullyReplicated",
        "S3Uri": uri,
    }
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}
