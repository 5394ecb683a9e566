"""What differs between the stages of a deployment, typed.

`STAGES` below is the one place to change. The context keys `project` and `stage` choose from it,
and `stacks/checked_config.py` refuses what could only fail later.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Network:
    """Subnets and security groups that exist already, for jobs, endpoint and functions."""

    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Replica:
    """A bucket of another region, with versions, and the key that it encrypts with there."""

    bucket: str
    key_arn: str


@dataclass(frozen=True, kw_only=True)
class Training:
    """What the deployment decides about training jobs; an execution chooses type and count.

    Attributes:
        instance_types: Types that executions may ask for; the first is what scheduled ones take,
            and the default of the others where `ml.c7i.2xlarge` is not among them.
        gpus: Whether the image is built for GPUs.
        instance_count: Of scheduled executions.
        use_spot: Of scheduled executions; checkpoints are always written.
        warm_pool_seconds: How long instances are kept for the next job; 0: they are not.
        volume_gigabytes: Size of an instance's volume.
        network_isolation: Jobs reach nothing but their channels.
        encrypt_traffic: Between the instances of a job.
    """

    instance_types: tuple[str, ...] = ("ml.c7i.2xlarge",)
    gpus: bool = False
    instance_count: int = 1
    use_spot: bool = True
    warm_pool_seconds: int = 0
    volume_gigabytes: int = 30
    network_isolation: bool = False
    encrypt_traffic: bool = True


@dataclass(frozen=True, kw_only=True)
class Serving:
    """The endpoint.

    Attributes:
        instance_type: Of a real-time endpoint.
        instance_count: Least number of instances.
        most_instances: Largest number, for automatic scaling where a package is pinned; equal to
            the least: none.
        serverless_memory_mb: Above 0: a serverless endpoint with this memory instead.
        serverless_concurrency: Requests at a time of a serverless endpoint.
        capture_percent: Share of requests and answers that are kept in the bucket.
        canary_percent: Share of the new fleet that answers first in a blue/green deployment.
        bake_minutes: How long alarms are watched before the old fleet goes.
        model_package: ARN of the model package that this stage serves, pinned in git; None: the
            endpoint is the workflow's, which deploys what passes its gate. Another stage's package
            takes that this one's role `serving` may read its model, its image and their keys.
        shadow_model_package: ARN of a package that gets a copy of the requests; its decisions
            are counted with the endpoint's (docs/deploy.md).
        fallback_percent: Share of decisions by the reactive rule at which an alarm is raised.
        guard: Settings of the guard rails (docs/endpoint.md) in place of those of the model, for
            the endpoint and for the function that decides.
    """

    instance_type: str = "ml.c7i.large"
    instance_count: int = 1
    most_instances: int = 1
    serverless_memory_mb: int = 0
    serverless_concurrency: int = 5
    capture_percent: int = 0
    canary_percent: int = 50
    bake_minutes: int = 10
    model_package: str | None = None
    shadow_model_package: str | None = None
    fallback_percent: int = 10
    guard: Mapping[str, float] = field(default_factory=dict)

    @property
    def guard_settings(self) -> str:
        """`guard` as the containers read it, the same text for the same settings."""
        return json.dumps(self.guard, sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class Decide:
    """A function that decides without an endpoint.

    Attributes:
        numpy_layer: ARN of a version of a Lambda layer with NumPy, for Python 3.14 on arm64;
            `make layer` makes its archive.
        refresh_seconds: After this a newly approved package is looked for, where none is pinned.
    """

    numpy_layer: str
    refresh_seconds: int = 300


@dataclass(frozen=True, kw_only=True)
class Edge:
    """How a policy reaches the devices of the stage.

    Attributes:
        maximum_per_minute: Devices that begin in a minute.
        abort_percent: Share of devices that failed at which a rollout is called off.
        device_minutes: How long one device may take.
        follow_minutes: How long an execution waits for devices; those that are away get the
            policy later all the same.
        fallback_percent: Share of decisions by a fallback at which an alarm is raised.
        devices: How many there are: an alarm is raised while fewer of them report decisions.
            0: nobody is missed.
        thing_groups: Names of further groups that an execution may deploy to, beside the stage's
            own; they exist already.
        logs: Devices may write the component's log to CloudWatch, into a group of the stack's. Its
            name is the same in all stages: one stage of an account and region can have it.
    """

    maximum_per_minute: int = 50
    abort_percent: int = 20
    device_minutes: int = 15
    follow_minutes: int = 60
    fallback_percent: int = 10
    devices: int = 0
    thing_groups: tuple[str, ...] = ()
    logs: bool = False


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """One stage.

    Attributes:
        project: First part of every name.
        stage: Second part; what `STAGES` calls it.
        number: Which stage it is, in versions of the component: stages of one account share its
            name. Another for each stage, and the same for ever: devices have taken those versions.
        retain_data: Bucket, key, images and models outlive the stacks; if not, `cdk destroy`
            leaves nothing.
        image_uri: The project's image; None: the one in the stage's own repository that
            `tools/build_image.sh --push` puts there. One in ECR; a repository of another account
            must let this one pull (docs/deploy.md).
        image_torch: What it is built with, as `--torch`: `none`, `cpu`, or `base`, where the base
            image brings PyTorch.
        image_base: The base image, as `--base`; empty: the Dockerfile's own.
        network: None: jobs and functions run outside any VPC.
        decide: A function that decides without an endpoint; None: there is none.
        access_logs_bucket: Name of an existing bucket for access logs; None: the stage has its own.
        replica: An existing bucket in another region that objects are copied to.
        alarm_email: Who hears of alarms.
        retrain_every_days: 0: executions are started by hand.
        retrain_preset: What executions by the clock train; None: the default preset.
        permissions_boundary: Name of a managed policy that bounds every role.
        reserved_concurrency: Invocations at a time that are set aside for each function; 0: none.
            A new account allows too few to set any aside.
        log_days: How long logs are kept.
        organisation: In the component's name, `com.<organisation>.<project>.Policy`.
    """

    project: str
    stage: str
    number: int = 0
    retain_data: bool
    image_uri: str | None = None
    image_torch: str = "none"
    image_base: str = ""
    network: Network | None = None
    training: Training = field(default_factory=Training)
    serving: Serving = field(default_factory=Serving)
    edge: Edge = field(default_factory=Edge)
    decide: Decide | None = None
    access_logs_bucket: str | None = None
    replica: Replica | None = None
    alarm_email: str | None = None
    retrain_every_days: int = 0
    retrain_preset: str | None = None
    permissions_boundary: str | None = None
    reserved_concurrency: int = 0
    log_days: int = 90
    organisation: str = "example"

    @property
    def prefix(self) -> str:
        """`<project>-<stage>`, the start of every name."""
        return f"{self.project}-{self.stage}"

    @property
    def namespace(self) -> str:
        """`<project>/<stage>`, where the stage's metrics are."""
        return f"{self.project}/{self.stage}"

    @property
    def component(self) -> str:
        """Name of the component of AWS IoT Greengrass, the same in all stages of an account."""
        return f"com.{self.organisation}.{self.project}.Policy"

    @property
    def thing_group(self) -> str:
        """Name of the group of the stage's devices."""
        return f"{self.prefix}-devices"


STAGES: Mapping[str, StageConfig] = {
    "dev": StageConfig(project="", stage="dev", number=0, retain_data=False, log_days=30),
    "staging": StageConfig(project="", stage="staging", number=1, retain_data=False),
    "prod": StageConfig(
        project="",
        stage="prod",
        number=2,
        retain_data=True,
        serving=Serving(instance_count=2, most_instances=6, capture_percent=10),
        log_days=365,
    ),
}
