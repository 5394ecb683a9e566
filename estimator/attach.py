"""The arguments that a job was made with, read back from its description."""

import json
from collections.abc import Mapping
from typing import Any

from estimator.errors import EstimatorError
from estimator.hyperparameters import RESERVED
from estimator.settings import LOCAL, InstanceGroup

# Given to every job of a tuning job, by SageMaker.
_OF_TUNING = "_tuning_objective_metric"
_DIRECT = {
    "keep_alive_period_in_seconds": ("ResourceConfig", "KeepAlivePeriodInSeconds"),
    "volume_size": ("ResourceConfig", "VolumeSizeInGB"),
    "volume_kms_key": ("ResourceConfig", "VolumeKmsKeyId"),
    "max_run": ("StoppingCondition", "MaxRuntimeInSeconds"),
    "max_wait": ("StoppingCondition", "MaxWaitTimeInSeconds"),
    "max_retry_attempts": ("RetryStrategy", "MaximumRetryAttempts"),
    "output_path": ("OutputDataConfig", "S3OutputPath"),
    "output_kms_key": ("OutputDataConfig", "KmsKeyId"),
    "subnets": ("VpcConfig", "Subnets"),
    "security_group_ids": ("VpcConfig", "SecurityGroupIds"),
    "checkpoint_s3_uri": ("CheckpointConfig", "S3Uri"),
    "checkpoint_local_path": ("CheckpointConfig", "LocalPath"),
    "input_mode": ("AlgorithmSpecification", "TrainingInputMode"),
    "image_uri": ("AlgorithmSpecification", "TrainingImage"),
    "metric_definitions": ("AlgorithmSpecification", "MetricDefinitions"),
}
_TOP = {
    "role": "RoleArn",
    "use_spot_instances": "EnableManagedSpotTraining",
    "enable_network_isolation": "EnableNetworkIsolation",
    "encrypt_inter_container_traffic": "EnableInterContainerTrafficEncryption",
    "environment": "Environment",
}


def arguments_of(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `RLEstimator` that make such a job again.

    Args:
        described: What DescribeTrainingJob answers.

    Raises:
        EstimatorError: If the job runs no bundle.
    """
    arguments = {
        name: described[group][member]
        for name, (group, member) in _DIRECT.items()
        # AWS describes what was not given as an empty text here and there.
        if described.get(group, {}).get(member, "") != ""
    }
    arguments |= {name: described[member] for name, member in _TOP.items() if member in described}
    arguments.setdefault("metric_definitions", [])
    if not arguments.get("use_spot_instances"):
        arguments.pop("max_wait", None)
    program, source = bundle_of(described)
    return arguments | {
        "entry_point": program,
        "source_dir": source,
        "hyperparameters": hyperparameters_of(described),
        **_cluster(described["ResourceConfig"]),
    }


def hyperparameters_of(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters that a user gave a job."""
    return {
        name: decode(value)
        for name, value in described.get("HyperParameters", {}).items()
        if not name.startswith(RESERVED) and name != _OF_TUNING
    }


def bundle_of(described: Mapping[str, Any]) -> tuple[str, str]:
    """Return the program of a job and the address of its bundle.

    Raises:
        EstimatorError: If it names none.
    """
    given = described.get("HyperParameters", {})
    program = decode(given.get("sagemaker_program", "null"))
    source = decode(given.get("sagemaker_submit_directory", "null"))
    if not isinstance(source, str) or not source.startswith("s3://"):
        source = next(
            (
                channel["DataSource"]["S3DataSource"]["S3Uri"]
                for channel in described.get("InputDataConfig", ())
                if channel["ChannelName"] == "code"
            ),
            None,
        )
    if not isinstance(program, str) or not isinstance(source, str):
        raise EstimatorError(
            f"training job {described['TrainingJobName']} runs no bundle: RLEstimator attaches to "
            "jobs of its own, of the SDK's RLEstimator and of this project's workflow"
        )
    return program, source


def decode(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """Read a hyperparameter: JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _cluster(resources: Mapping[str, Any]) -> dict[str, Any]:
    groups = resources.get("InstanceGroups")
    if groups:
        made = [
            InstanceGroup(group["InstanceGroupName"], group["InstanceType"], group["InstanceCount"])
            for group in groups
        ]
        return {"instance_groups": made}
    return {
        "instance_type": resources.get("InstanceType", LOCAL),
        "instance_count": resources.get("InstanceCount", 1),
    }
