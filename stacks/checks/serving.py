"""The settings of the endpoint, checked."""

import difflib
import math
import re

from stacks.checks.setting_types import range_problems
from stacks.config import StageConfig

INSTANCE = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9-]+")
_PACKAGE = re.compile(r"arn:[a-z-]+:sagemaker:[a-z0-9-]+:\d{12}:model-package/[A-Za-z0-9-]+/\d+")
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


def serving_problems(config: StageConfig) -> list[str]:
    """Return what is wrong with `serving`, a line each."""
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
    return problems + _value_problems(config) + range_problems("serving", serving, limits)


def _value_problems(config: StageConfig) -> list[str]:
    serving, problems = config.serving, []
    if not INSTANCE.fullmatch(serving.instance_type):
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


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
