"""The configuration that the context chooses, checked before anything is synthesised."""

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from stacks.config import STAGES, StageConfig
from stacks.errors import ConfigError
from stacks.existing import (
    boundary_problems,
    bucket_problems,
    image_problems,
    replica_problems,
)
from stacks.setting_types import type_problems
from stacks.stage_names import name_problems
from stacks.thing_groups import group_problems

_GPU = re.compile(r"ml\.(g|p)\d")
_INSTANCE = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9-]+")
_PACKAGE = re.compile(r"arn:[a-z-]+:sagemaker:[a-z0-9-]+:\d{12}:model-package/[A-Za-z0-9-]+/\d+")
_LAYER = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:layer:[A-Za-z0-9_-]+:\d+")
_PROJECT = re.compile(r"[a-z](-?[a-z0-9])+")
LOCAL_VOLUME = re.compile(
    r"ml\.([a-z]+\d[a-z]*d[a-z]*|dl1|g5|g[67]e?|p5[a-z]*|p6e?-[a-z0-9]+|trn1n?|trn2)\."
)
"""The same as `lambdas.jobs` has: SageMaker takes no key for disks of the machine itself."""
GUARD_SETTINGS = (
    "peak_factor",
    "most_added",
    "most_removed",
    "out_cooldown_minutes",
    "in_cooldown_minutes",
    "reactive_target",
    "reactive_minutes",
    "stale_minutes",
    "missing_share",
    "short_minutes",
    "range_limit",
    "spread_limit",
)
"""The same as the bundle's `GuardSettings` has: endpoint and function refuse any other."""


def stage_config(project: object, stage: object) -> StageConfig:
    """Return the checked configuration of a stage.

    Args:
        project: The context key `project`.
        stage: The context key `stage`.

    Raises:
        ConfigError: Every mistake, a line each.
    """
    if not isinstance(stage, str) or stage not in STAGES:
        raise ConfigError(
            f"stage: {stage!r} does not exist; choose one of {', '.join(STAGES)} (-c stage=dev), "
            "or add it in stacks/config.py"
        )
    if not isinstance(project, str) or not _PROJECT.fullmatch(project):
        raise ConfigError(
            f"project: {project!r} is no name; use lower-case letters, digits and single hyphens "
            "(-c project=rl-autoscaling)"
        )
    config = replace(STAGES[stage], project=project)
    if config.stage != stage:
        raise ConfigError(
            f"stacks/config.py, {stage}: stage: is {config.stage!r}, whose place it would take; "
            f"write stage={stage!r}"
        )
    check(config)
    return config


def check(config: StageConfig) -> None:
    """Refuse what could only fail later.

    Raises:
        ConfigError: Every mistake, a line each.
    """
    # The rules compare and join what they take to be of its type.
    problems = type_problems(config) or [line for rule in _RULES for line in rule(config)]
    if problems:
        raise ConfigError("\n".join(f"stacks/config.py, {config.stage}: {it}" for it in problems))


def _training(config: StageConfig) -> list[str]:
    training, problems = config.training, []
    if not training.instance_types:
        problems.append("training.instance_types: is empty; name one, such as ml.c7i.2xlarge")
    for name in training.instance_types:
        if not _INSTANCE.fullmatch(name):
            problems.append(f"training.instance_types: {name!r} is none; use e.g. ml.c7i.2xlarge")
        elif training.gpus and not _GPU.match(name):
            problems.append(
                f"training.gpus: {name} has no GPU; choose ml.g5.xlarge or the like, or gpus=False"
            )
    if training.use_spot and training.warm_pool_seconds:
        problems.append(
            "training.warm_pool_seconds: spot instances cannot be kept warm; set it to 0, or "
            "use_spot=False"
        )
    limits = {
        "instance_count": (1, 100),
        "warm_pool_seconds": (0, 3600),
        "volume_gigabytes": (1, 16_384),
    }
    return problems + _out_of_range("training", training, limits)


def _serving(config: StageConfig) -> list[str]:
    serving, problems = config.serving, []
    if serving.most_instances < serving.instance_count:
        problems.append(
            f"serving.most_instances: {serving.most_instances} is below instance_count "
            f"({serving.instance_count}); raise it"
        )
    if serving.shadow_model_package and not serving.model_package:
        problems.append(
            "serving.shadow_model_package: needs an endpoint to copy requests from; set "
            "serving.model_package too"
        )
    serverless = serving.serverless_memory_mb
    if serverless not in (0, 1024, 2048, 3072, 4096, 5120, 6144):
        problems.append(
            f"serving.serverless_memory_mb: {serverless}; SageMaker offers 1024 to 6144 in steps "
            "of 1024, 0 means real-time"
        )
    for name in ("capture_percent", "shadow_model_package"):
        if serverless and getattr(serving, name):
            problems.append(
                f"serving.{name}: a serverless endpoint has none; leave it out, or set "
                "serverless_memory_mb=0"
            )
    limits = {
        "instance_count": (1, 100),
        "serverless_concurrency": (1, 200),
        "capture_percent": (0, 100),
        "canary_percent": (1, 50),
        "bake_minutes": (0, 60),
        "fallback_percent": (1, 100),
    }
    return problems + _out_of_range("serving", serving, limits)


def _serving_values(config: StageConfig) -> list[str]:
    serving, problems = config.serving, []
    if not _INSTANCE.fullmatch(serving.instance_type):
        problems.append(f"serving.instance_type: {serving.instance_type!r}; use e.g. ml.c7i.large")
    elif LOCAL_VOLUME.match(serving.instance_type):
        problems.append(
            f"serving.instance_type: {serving.instance_type} has disks of its own, which SageMaker "
            "does not encrypt with the stage's key; use e.g. ml.c7i.large"
        )
    for name in ("model_package", "shadow_model_package"):
        package = getattr(serving, name)
        if package is not None and not _PACKAGE.fullmatch(package):
            problems.append(
                f"serving.{name}: {package!r} is no ARN of a version; it ends like "
                ":model-package/rl-autoscaling-prod-policies/3"
            )
    for name, value in serving.guard.items():
        if name not in GUARD_SETTINGS or not _is_number(value):
            [nearest] = difflib.get_close_matches(str(name), GUARD_SETTINGS, n=1, cutoff=0)
            problems.append(
                f"serving.guard: {name!r}: {value!r} is no setting and its number; use e.g. "
                f'{{"{nearest}": 2}} (docs/endpoint.md)'
            )
    if config.network and serving.serverless_memory_mb:
        problems.append(
            "serving.serverless_memory_mb: a serverless endpoint runs outside any network; set it "
            "to 0, or network=None"
        )
    return problems


def _others(config: StageConfig) -> list[str]:
    problems = []
    if config.network and not (config.network.subnet_ids and config.network.security_group_ids):
        problems.append("network: give at least one subnet and one security group, or None")
    if config.alarm_email is not None and "@" not in config.alarm_email:
        problems.append(f"alarm_email: {config.alarm_email!r} is no address")
    if config.replica and not config.retain_data:
        problems.append("replica: copies of data that is thrown away; set retain_data=True")
    if config.image_torch not in ("none", "cpu", "base"):
        problems.append(f"image_torch: {config.image_torch!r} is none of none, cpu, base")
    if config.training.gpus and not config.image_uri and config.image_torch != "base":
        problems.append(
            "training.gpus: the image has no CUDA; set image_torch='base' and image_base to a "
            "PyTorch deep-learning container, or image_uri (docs/image.md)"
        )
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", config.organisation):
        problems.append(f"organisation: {config.organisation!r}; use letters, digits, '-' and '_'")
    if config.log_days not in LOG_DAYS:
        problems.append(f"log_days: CloudWatch keeps {', '.join(map(str, LOG_DAYS))} days")
    problems += image_problems(config.image_uri)
    problems += boundary_problems(config.permissions_boundary)
    problems += bucket_problems("access_logs_bucket", config.access_logs_bucket)
    problems += replica_problems(config.replica)
    return problems + _out_of_range(
        "", config, {"retrain_every_days": (0, 365), "reserved_concurrency": (0, 100)}
    )


def _decide(config: StageConfig) -> list[str]:
    decide = config.decide
    if decide is None:
        return []
    problems = _out_of_range("decide", decide, {"refresh_seconds": (10, 86_400)})
    if not _LAYER.fullmatch(decide.numpy_layer):
        problems.append(
            f"decide.numpy_layer: {decide.numpy_layer!r} is no ARN of a layer's version; make one "
            "with `make layer` (docs/deploy.md)"
        )
    return problems


def _edge(config: StageConfig) -> list[str]:
    limits = {
        "maximum_per_minute": (1, 1000),
        "abort_percent": (1, 100),
        "device_minutes": (1, 10_080),
        "follow_minutes": (1, 1440),
        "fallback_percent": (1, 100),
        "devices": (0, 1_000_000),
    }
    return group_problems(config) + _out_of_range("edge", config.edge, limits)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _out_of_range(
    section: str, settings: object, limits: Mapping[str, tuple[int, int]]
) -> list[str]:
    prefix = f"{section}." if section else ""
    return [
        f"{prefix}{name}: {getattr(settings, name)} must be within {low} and {high}"
        for name, (low, high) in limits.items()
        if not low <= getattr(settings, name) <= high
    ]


LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653)

_RULES: tuple[Callable[[StageConfig], list[str]], ...] = (
    name_problems,
    _training,
    _serving,
    _serving_values,
    _decide,
    _edge,
    _others,
)

KNOWN_CONTEXT = ("project", "stage")
