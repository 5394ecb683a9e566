"""The configuration that the context chooses, checked before anything is synthesised."""

import re
from collections.abc import Callable
from dataclasses import replace

from stacks.checks.existing import (
    boundary_problems,
    bucket_problems,
    image_problems,
    replica_problems,
)
from stacks.checks.presets import retraining_problems
from stacks.checks.serving import INSTANCE, serving_problems
from stacks.checks.setting_types import range_problems, type_problems
from stacks.checks.stage_names import name_problems
from stacks.checks.thing_groups import group_problems
from stacks.config import STAGES, StageConfig
from stacks.errors import ConfigError

_GPU = re.compile(r"ml\.(g|p)\d")
_LAYER = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:layer:[A-Za-z0-9_-]+:\d+")
_PROJECT = re.compile(r"[a-z](-?[a-z0-9])+")


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
        if not INSTANCE.fullmatch(name):
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
    return problems + range_problems("training", training, limits)


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
    return problems + range_problems(
        "", config, {"retrain_every_days": (0, 365), "reserved_concurrency": (0, 100)}
    )


def _decide(config: StageConfig) -> list[str]:
    decide = config.decide
    if decide is None:
        return []
    problems = range_problems("decide", decide, {"refresh_seconds": (10, 86_400)})
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
    return group_problems(config) + range_problems("edge", config.edge, limits)


LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653)

_RULES: tuple[Callable[[StageConfig], list[str]], ...] = (
    name_problems,
    _training,
    retraining_problems,
    serving_problems,
    _decide,
    _edge,
    _others,
)

KNOWN_CONTEXT = ("project", "stage")
