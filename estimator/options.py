"""The arguments that `RLEstimator` shares with every estimator of the SDK."""

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from estimator.checks import check_resources, check_settings, tag_list
from estimator.errors import EstimatorError
from estimator.kinds import of_their_kinds
from estimator.settings import LOCAL, LOCAL_TYPES, InstanceGroup, JobSettings
from estimator.toolkits import nearest

_UNUSED = {
    "container_arguments": "the image's `train` starts the bundle",
    "container_entry_point": "the image's `train` starts the bundle",
    "git_config": "clone the repository, and name its folder as source_dir",
    "instance_placement_config": "use boto3 for it",
    "profiler_config": "the image has no library of SageMaker's profiler",
    "rules": "the image has no library of SageMaker's debugger",
    "tensorboard_output_config": "the bundle's output holds TensorBoard files",
    "training_plan": "use boto3 for it",
    "training_repository_access_mode": "use boto3 for it",
    "training_repository_credentials_provider_arn": "use boto3 for it",
}
_FIELDS = {field.name for field in dataclasses.fields(JobSettings)}


class Options(TypedDict, total=False):
    """Names, meanings and defaults are those of the SDK v2.

    `project` and `stage` are this project's: they name the deployment whose image and bucket are
    used. `instance_type="local"` trains on this machine. `mlflow_tracking_uri` is where MLflow gets
    the jobs that were waited for.
    """

    role: str | None
    instance_type: str | None
    instance_count: int | None
    instance_groups: Sequence[InstanceGroup] | None
    keep_alive_period_in_seconds: int | None
    volume_size: int | None
    volume_kms_key: str | None
    max_run: int | None
    max_wait: int | None
    max_retry_attempts: int | None
    use_spot_instances: bool
    input_mode: str
    base_job_name: str | None
    output_path: str | None
    output_kms_key: str | None
    code_location: str | None
    disable_output_compression: bool
    tags: Sequence[Mapping[str, str]] | Mapping[str, str] | None
    subnets: Sequence[str] | None
    security_group_ids: Sequence[str] | None
    encrypt_inter_container_traffic: bool | None
    enable_network_isolation: bool | None
    checkpoint_s3_uri: str | None
    checkpoint_local_path: str | None
    model_uri: str | None
    model_channel_name: str
    enable_sagemaker_metrics: bool | None
    environment: Mapping[str, str] | None
    container_log_level: int
    dependencies: Sequence[str] | None
    disable_profiler: bool | None
    debugger_hook_config: bool | None
    enable_remote_debug: bool | None
    enable_infra_check: bool | None
    enable_session_tag_chaining: bool | None
    sagemaker_session: Any
    project: str | None
    stage: str | None
    mlflow_tracking_uri: str | None


def checked_options(options: Options) -> Options:
    """Return the options, of the kinds that they must be.

    Raises:
        EstimatorError: If one is unknown or of another kind.
    """
    _check_names(options)
    return typing.cast("Options", of_their_kinds(options, Options))


def draft_settings(entry_point: str, options: Options) -> JobSettings:
    """Return the settings that checked options make; what AWS has to be asked for is empty.

    Raises:
        EstimatorError: If an option is wrong, or two of them exclude each other.
    """
    given = {name: value for name, value in options.items() if value is not None}
    groups = tuple(_group(one) for one in options.get("instance_groups") or ())
    kind = _instance_type(options)
    check_resources(
        instance_type=kind, instance_count=options.get("instance_count"), instance_groups=groups
    )
    resolved = {"role", "output_path", "instance_type", "instance_count", "instance_groups", "tags"}
    passed: dict[str, Any] = {name: given[name] for name in sorted(_FIELDS & set(given) - resolved)}
    if "volume_size" in options and options["volume_size"] is None:
        passed["volume_size"] = None
    settings = JobSettings(
        role="",
        image_uri="",
        region="",
        entry_point=entry_point,
        output_path="",
        instance_type=kind,
        instance_count=None if groups else options.get("instance_count") or 1,
        instance_groups=groups,
        tags=tag_list(options.get("tags")),
        extra=_extra(options),
        **passed,
    )
    check_settings(settings)
    return settings


def _group(given: Any) -> InstanceGroup:  # noqa: ANN401 - also the SDK's
    try:
        return InstanceGroup(given.instance_group_name, given.instance_type, given.instance_count)
    except AttributeError:
        raise EstimatorError(
            f"instance_groups: {given!r} is no group: write InstanceGroup('NAME', 'ml.c7i.2xlarge',"
            " 2)"
        ) from None


def _instance_type(options: Options) -> str | None:
    kind = options.get("instance_type")
    return LOCAL if kind in LOCAL_TYPES else kind


def _check_names(options: Options) -> None:
    for name in options:
        if name in _UNUSED:
            raise EstimatorError(f"{name} has no use here: {_UNUSED[name]}, and leave it out")
        if name not in Options.__annotations__:
            raise EstimatorError(
                f"RLEstimator has no argument {name!r}{nearest(name, Options.__annotations__)}"
            )
    for name in ("subnets", "security_group_ids", "dependencies", "instance_groups"):
        if isinstance(options.get(name), str):
            raise EstimatorError(f"{name} is a text: write a list")
    hook = options.get("debugger_hook_config")
    if hook is not None and hook is not False:
        raise EstimatorError(
            "debugger_hook_config has no use here: the image has no library of SageMaker's "
            "debugger, so leave it out"
        )


def _extra(options: Options) -> dict[str, Any]:
    switches = {
        "ProfilerConfig": ("DisableProfiler", options.get("disable_profiler")),
        "RemoteDebugConfig": ("EnableRemoteDebug", options.get("enable_remote_debug")),
        "InfraCheckConfig": ("EnableInfraCheck", options.get("enable_infra_check")),
        "SessionChainingConfig": (
            "EnableSessionTagChaining",
            options.get("enable_session_tag_chaining"),
        ),
    }
    return {
        member: {switch: value} for member, (switch, value) in switches.items() if value is not None
    }
