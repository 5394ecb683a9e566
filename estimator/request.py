"""The CreateTrainingJob request of a job: a pure function of its settings.

It is what SDK version 2 sends for the same arguments, but for what `docs/estimator.md` lists.
"""

from typing import Any

from estimator.hyperparameters import encode, encode_all
from estimator.inputs import CODE_CHANNEL, Inputs, TrainingInput, channel, named_inputs
from estimator.settings import JobSettings

Request = dict[str, Any]

_ISOLATED_BUNDLE = f"/opt/ml/input/data/{CODE_CHANNEL}/sourcedir.tar.gz"


def training_job_request(
    settings: JobSettings, *, job_name: str, source_s3_uri: str, inputs: Inputs = None
) -> Request:
    """Return the request.

    Args:
        settings: What the estimator was made with, role, image and places resolved.
        job_name: Name of the job.
        source_s3_uri: Address of the bundle, `sourcedir.tar.gz`.
        inputs: As `fit` takes them, every address in S3.

    Raises:
        EstimatorError: If a hyperparameter is no scalar, or an input no channel.
    """
    request: Request = {
        "TrainingJobName": job_name,
        "RoleArn": settings.role,
        "AlgorithmSpecification": _algorithm(settings),
        "HyperParameters": _hyperparameters(settings, job_name, source_s3_uri),
        "OutputDataConfig": _output(settings),
        "ResourceConfig": _resources(settings),
        "StoppingCondition": _given(
            MaxRuntimeInSeconds=settings.max_run,
            MaxWaitTimeInSeconds=settings.max_wait if settings.use_spot_instances else None,
        ),
    }
    return request | _given(
        InputDataConfig=_channels(settings, source_s3_uri, inputs),
        Environment=dict(settings.environment),
        Tags=[dict(tag) for tag in settings.tags],
        VpcConfig=_network(settings),
        CheckpointConfig=_checkpoints(settings),
        EnableNetworkIsolation=settings.enable_network_isolation or None,
        EnableInterContainerTrafficEncryption=settings.encrypt_inter_container_traffic or None,
        EnableManagedSpotTraining=settings.use_spot_instances or None,
        RetryStrategy=_given(MaximumRetryAttempts=settings.max_retry_attempts),
        **settings.extra,
    )


def _given(**members: Any) -> Request:  # noqa: ANN401 - whatever a request holds
    """Return the members that have a value: SageMaker takes no empty lists."""
    return {name: value for name, value in members.items() if value not in (None, [], {})}


def _algorithm(settings: JobSettings) -> Request:
    return {"TrainingImage": settings.image_uri, "TrainingInputMode": settings.input_mode} | _given(
        MetricDefinitions=[dict(one) for one in settings.metric_definitions],
        EnableSageMakerMetricsTimeSeries=settings.enable_sagemaker_metrics,
    )


def _hyperparameters(settings: JobSettings, job_name: str, source: str) -> dict[str, str]:
    # A local process is not isolated, and the local AWS knows the address alone.
    isolated = settings.enable_network_isolation and not settings.is_local
    own: dict[str, object] = {
        "sagemaker_submit_directory": _ISOLATED_BUNDLE if isolated else source,
        "sagemaker_program": settings.entry_point,
        "sagemaker_container_log_level": settings.container_log_level,
        "sagemaker_job_name": job_name,
        "sagemaker_region": settings.region,
        "sagemaker_s3_output": settings.output_path,
        "sagemaker_estimator": "RLEstimator",
    }
    encoded = {name: encode(value) for name, value in own.items()}
    return encode_all(settings.hyperparameters) | encoded


def _output(settings: JobSettings) -> Request:
    return {"S3OutputPath": settings.output_path} | _given(
        KmsKeyId=settings.output_kms_key,
        CompressionType="NONE" if settings.disable_output_compression else None,
    )


def _resources(settings: JobSettings) -> Request:
    resources = _given(
        VolumeSizeInGB=settings.volume_size,
        VolumeKmsKeyId=settings.volume_kms_key,
        KeepAlivePeriodInSeconds=settings.keep_alive_period_in_seconds,
    )
    groups = [
        {
            "InstanceGroupName": group.instance_group_name,
            "InstanceType": group.instance_type,
            "InstanceCount": group.instance_count,
        }
        for group in settings.instance_groups
    ]
    if groups:
        return resources | {"InstanceGroups": groups}
    # No type of SageMaker's stands for this machine: without one the job is told `local`.
    kind = None if settings.is_local else settings.instance_type
    return resources | _given(InstanceType=kind, InstanceCount=settings.instance_count)


def _channels(settings: JobSettings, source: str, inputs: Inputs) -> list[Request]:
    channels = [channel(name, one) for name, one in named_inputs(inputs).items()]
    if settings.model_uri:
        model = TrainingInput(
            settings.model_uri, content_type="application/x-sagemaker-model", input_mode="File"
        )
        channels.append(channel(settings.model_channel_name, model))
    if settings.enable_network_isolation and not settings.is_local:
        channels.append(channel(CODE_CHANNEL, TrainingInput(source)))
    return channels


def _network(settings: JobSettings) -> Request:
    if not settings.subnets or not settings.security_group_ids:
        return {}
    return {
        "Subnets": list(settings.subnets),
        "SecurityGroupIds": list(settings.security_group_ids),
    }


def _checkpoints(settings: JobSettings) -> Request:
    if not settings.checkpoint_s3_uri:
        return {}
    return {"S3Uri": settings.checkpoint_s3_uri} | _given(LocalPath=settings.checkpoint_local_path)
