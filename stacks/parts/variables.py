"""The environment variables of the handlers: every function has those that its handler reads."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stacks.config import Network, Serving, StageConfig
from stacks.parts.edge_bundle import EdgeBundle
from stacks.parts.endpoint_alarms import alarm_names
from stacks.parts.permissions import Names
from stacks.parts.roles import Roles, arn, greengrass_arn
from stacks.parts.training_bundle import TrainingBundle, metric_definitions
from stacks.presets import toolkits

if TYPE_CHECKING:
    from stacks.storage_stack import StorageStack

POLL_SECONDS = 30

_ROLLOUT = (
    *("PROJECT", "STAGE", "COMPONENT_ARN", "THING_GROUP_ARN"),
    *("EDGE_MAXIMUM_PER_MINUTE", "EDGE_ABORT_PERCENT", "EDGE_TIMEOUT_MINUTES"),
)
# Lambda takes 4 KB of them as JSON, and the metrics' expressions are 1.6 KB of it.
READ_BY: Mapping[str, tuple[str, ...]] = {
    "prepare": (
        *("PROJECT", "STAGE", "ARTIFACT_BUCKET", "KMS_KEY_ARN", "SOURCE_S3_URI", "SOURCE_SHA256"),
        *("IMAGE_URI", "PRESETS", "POLL_SECONDS", "METRIC_DEFINITIONS", "PINNED_MODEL_PACKAGE"),
        *("INSTANCE_TYPES", "VOLUME_GIGABYTES", "WARM_POOL_SECONDS", "NETWORK_ISOLATION"),
        *("ENCRYPT_TRAFFIC", "THING_GROUP_ARN", "THING_GROUPS", "EDGE_FOLLOW_SECONDS"),
    ),
    "gate": ("ARTIFACT_BUCKET",),
    "register": ("IMAGE_URI", "MODEL_PACKAGE_GROUP", "ENDPOINT_INSTANCE_TYPE"),
    "deploy": (
        *("PROJECT", "STAGE", "ARTIFACT_BUCKET", "KMS_KEY_ARN", "IMAGE_URI", "ENDPOINT_NAME"),
        *("TRAINING_ROLE_ARN", "SERVING_ROLE_ARN", "ENDPOINT_INSTANCE_TYPE"),
        *("ENDPOINT_INSTANCE_COUNT", "ENDPOINT_SERVERLESS_MEMORY_MB"),
        *("ENDPOINT_SERVERLESS_CONCURRENCY", "CAPTURE_PERCENT", "CANARY_PERCENT", "BAKE_SECONDS"),
        *("ROLLBACK_ALARMS", "SUBNET_IDS", "SECURITY_GROUP_IDS", "GUARD_SETTINGS"),
    ),
    "smoke_test": ("ARTIFACT_BUCKET",),
    "edge_publish": (*_ROLLOUT, "ARTIFACT_BUCKET", "EDGE_SOURCE_S3_URI", "COMPONENT_VERSIONS"),
    "edge_deploy": _ROLLOUT,
    "edge_follow": (*_ROLLOUT, "EDGE_FOLLOW_SECONDS"),
    "decide": ("MODEL_PACKAGE_GROUP", "PINNED_MODEL_PACKAGE", "REFRESH_SECONDS", "GUARD_SETTINGS"),
}
"""By step."""


def function_variables(
    config: StageConfig,
    *,
    names: Names,
    roles: Roles,
    storage: "StorageStack",
    bundle: TrainingBundle,
    image: str,
    edge: Mapping[str, str],
) -> dict[str, str]:
    """Return the variables of all functions.

    Args:
        config: The stage.
        names: Promised names.
        roles: The roles by step.
        storage: Bucket and key.
        bundle: The training bundle.
        image: The image's URI.
        edge: What `edge_variables` returns.
    """
    training = config.training
    return {
        "PROJECT": config.project,
        "STAGE": config.stage,
        "ARTIFACT_BUCKET": storage.bucket.bucket_name,
        "SOURCE_S3_URI": bundle.s3_uri,
        "SOURCE_SHA256": bundle.sha256,
        "IMAGE_URI": image,
        "TRAINING_ROLE_ARN": roles["training"].role_arn,
        "SERVING_ROLE_ARN": roles["serving"].role_arn,
        "MODEL_PACKAGE_GROUP": names.model_package_group,
        "ENDPOINT_NAME": names.endpoint,
        **_serving(config.serving, names.endpoint, config.network),
        "POLL_SECONDS": str(POLL_SECONDS),
        "PRESETS": ",".join(toolkits()),
        "METRIC_DEFINITIONS": metric_definitions(),
        "KMS_KEY_ARN": storage.key.key_arn,
        "INSTANCE_TYPES": ",".join(training.instance_types),
        "VOLUME_GIGABYTES": str(training.volume_gigabytes),
        "WARM_POOL_SECONDS": str(training.warm_pool_seconds),
        "NETWORK_ISOLATION": "1" if training.network_isolation else "0",
        "ENCRYPT_TRAFFIC": "1" if training.encrypt_traffic else "0",
        **edge,
    }


def edge_variables(config: StageConfig, names: Names, bundle: EdgeBundle) -> dict[str, str]:
    """Return what `lambdas/edge.py` and its steps read.

    Args:
        config: The stage.
        names: Promised names.
        bundle: The component's program; it is in the stack of the functions.
    """
    edge = config.edge
    return {
        "EDGE_SOURCE_S3_URI": bundle.s3_uri,
        "COMPONENT_ARN": greengrass_arn(bundle, "components", names.component),
        "COMPONENT_VERSIONS": names.component_versions,
        "THING_GROUP_ARN": arn(bundle, "iot", "thinggroup", config.thing_group),
        "THING_GROUPS": ",".join(edge.thing_groups),
        "EDGE_MAXIMUM_PER_MINUTE": str(edge.maximum_per_minute),
        "EDGE_ABORT_PERCENT": str(edge.abort_percent),
        "EDGE_TIMEOUT_MINUTES": str(edge.device_minutes),
        "EDGE_FOLLOW_SECONDS": str(edge.follow_minutes * 60),
    }


def _serving(serving: Serving, endpoint: str, network: Network | None) -> dict[str, str]:
    """Return what `lambdas/hosting.py` reads: the endpoint as `stacks/parts/endpoint.py` has it."""
    return {
        "ENDPOINT_INSTANCE_TYPE": serving.instance_type,
        "ENDPOINT_INSTANCE_COUNT": str(serving.instance_count),
        "ENDPOINT_SERVERLESS_MEMORY_MB": str(serving.serverless_memory_mb),
        "ENDPOINT_SERVERLESS_CONCURRENCY": str(serving.serverless_concurrency),
        "CAPTURE_PERCENT": str(serving.capture_percent),
        "CANARY_PERCENT": str(serving.canary_percent),
        "BAKE_SECONDS": str(serving.bake_minutes * 60),
        "ROLLBACK_ALARMS": ",".join(alarm_names(endpoint)),
        "SUBNET_IDS": ",".join(network.subnet_ids if network else ()),
        "SECURITY_GROUP_IDS": ",".join(network.security_group_ids if network else ()),
        "GUARD_SETTINGS": serving.guard_settings,
        "PINNED_MODEL_PACKAGE": serving.model_package or "",
    }
