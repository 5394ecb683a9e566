"""Log groups, all alike."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct


def log_group(
    scope: Construct, id_: str, *, key: kms.IKey, days: int, name: str | None = None
) -> logs.LogGroup:
    """Return an encrypted log group that goes with its stack.

    Args:
        scope: The construct that writes to it.
        id_: Its id.
        key: Encrypts it.
        days: How long events are kept.
        name: Only where a service demands one.
    """
    group = logs.LogGroup(
        scope,
        id_,
        log_group_name=name,
        encryption_key=key,
        removal_policy=RemovalPolicy.DESTROY,
    )
    resource = group.node.default_child
    assert isinstance(resource, logs.CfnLogGroup)
    resource.retention_in_days = days
    return group
