"""Everything that a training job's request says, under the SDK's names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LOCAL = "local"
"""The instance type of a job that runs as processes of this machine."""

LOCAL_TYPES = (LOCAL, "local_gpu")
"""It and the SDK's word for this machine with its GPU, which a process sees anyway."""


@dataclass(frozen=True)
class InstanceGroup:
    """One group of a heterogeneous cluster.

    Attributes:
        instance_group_name: Its name, which the job reads in `resourceconfig.json`.
        instance_type: For example `ml.c7i.2xlarge`.
        instance_count: How many.
    """

    instance_group_name: str
    instance_type: str
    instance_count: int


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """What one estimator's requests have in common; names and defaults are those of the SDK v2.

    Attributes:
        role: ARN of the role that SageMaker assumes.
        image_uri: Address of the image.
        region: Region of the job.
        entry_point: File at the root of the bundle that is run.
        output_path: S3 address under which the job leaves its archives.
        instance_type: None with `instance_groups`; `local` leaves it out of the request.
        metric_definitions: What CloudWatch reads in the job's lines.
        max_run: Longest run time, seconds.
        max_wait: Longest run time of a spot job, the wait for capacity included, seconds.
        volume_size: Size of each instance's volume, GB; None: SageMaker's own default.
        extra: Further members of the request, in its own form.
    """

    role: str
    image_uri: str
    region: str
    entry_point: str
    output_path: str
    instance_type: str | None
    instance_count: int | None = 1
    instance_groups: Sequence[InstanceGroup] = ()
    keep_alive_period_in_seconds: int | None = None
    volume_size: int | None = 30
    volume_kms_key: str | None = None
    max_run: int | None = 86_400
    max_wait: int | None = None
    max_retry_attempts: int | None = None
    use_spot_instances: bool = False
    input_mode: str = "File"
    output_kms_key: str | None = None
    disable_output_compression: bool = False
    tags: Sequence[Mapping[str, str]] = ()
    subnets: Sequence[str] = ()
    security_group_ids: Sequence[str] = ()
    encrypt_inter_container_traffic: bool = False
    enable_network_isolation: bool = False
    checkpoint_s3_uri: str | None = None
    checkpoint_local_path: str | None = None
    model_uri: str | None = None
    model_channel_name: str = "model"
    metric_definitions: Sequence[Mapping[str, str]] = ()
    enable_sagemaker_metrics: bool | None = None
    hyperparameters: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    container_log_level: int = 20
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether the job runs as processes of this machine."""
        return self.instance_type == LOCAL
