"""How a new version takes over: a part of the fleet first, watched by alarms, and back at one.

`lambdas/hosting.py` says the same for what the workflow deploys; a test compares them.
"""

from collections.abc import Sequence

from aws_cdk import aws_sagemaker as sagemaker

from stacks.config import Serving

PROVISION_SECONDS = 3600
"""What the new fleet may take, besides waiting, until the deployment is given up."""

_Endpoint = sagemaker.CfnEndpoint


def rollout(
    serving: Serving, alarms: Sequence[str]
) -> sagemaker.CfnEndpoint.DeploymentConfigProperty | None:
    """Return how SageMaker replaces a fleet.

    Args:
        serving: The endpoint.
        alarms: Names of the alarms that take a deployment back.

    Returns:
        None for a serverless endpoint: SageMaker replaces it all at once, and knows nothing else.
    """
    if serving.serverless_memory_mb:
        return None
    bake = serving.bake_minutes * 60
    canary = canary_instances(serving.instance_count, serving.canary_percent)
    # One instance has no part that could go first.
    routing = (
        _Endpoint.TrafficRoutingConfigProperty(
            type="CANARY",
            wait_interval_in_seconds=bake,
            canary_size=_Endpoint.CapacitySizeProperty(type="INSTANCE_COUNT", value=canary),
        )
        if canary
        else _Endpoint.TrafficRoutingConfigProperty(type="ALL_AT_ONCE", wait_interval_in_seconds=0)
    )
    return _Endpoint.DeploymentConfigProperty(
        blue_green_update_policy=_Endpoint.BlueGreenUpdatePolicyProperty(
            traffic_routing_configuration=routing,
            termination_wait_in_seconds=bake,
            maximum_execution_timeout_in_seconds=PROVISION_SECONDS + 2 * bake,
        ),
        auto_rollback_configuration=_Endpoint.AutoRollbackConfigProperty(
            alarms=[_Endpoint.AlarmProperty(alarm_name=name) for name in alarms]
        ),
    )


def canary_instances(count: int, percent: int) -> int:
    """Return how many instances go first, at most half of them; 0: all go at once."""
    # A number, since a percentage of two or three instances may come to none.
    return max(1, count * percent // 100) if count > 1 else 0
