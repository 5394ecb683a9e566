"""The environment variables of the handlers; every handler reads those it needs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stacks.config import Network, Serving, StageConfig
from stacks.parts.edge_bundle import EdgeBundle
from stacks.parts.endpoint_alarms import alarm_names
from stacks.parts.permissions import Names
from stacks.parts.roles import Roles, arn, greengrass_arn
from stacks.parts.training_bundle import TrainingBundle, metric_definitions, preset_names

if TYPE_CHECKING:
    from stacks.storage_stack import StorageStack

DEFAULT_PRESET = "hindsight-autoscaling"
POLL_SECONDS = 30


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
        "PRESETS": ",".join(preset_names(DEFAULT_PRESET)),
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
