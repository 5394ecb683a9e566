"""Buckets as they all are here: encrypted, versioned, over TLS alone, every access logged."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

LOG_DAYS = 90
"""How long access logs are kept."""


def private_bucket(
    scope: Construct,
    id_: str,
    *,
    key: kms.IKey,
    logs: s3.IBucket,
    logs_prefix: str,
    lifecycle: Sequence[s3.LifecycleRule],
    removal: RemovalPolicy,
) -> s3.Bucket:
    """Return a bucket under a key of the project.

    Args:
        scope: The construct that it belongs to.
        id_: Its id.
        key: Encrypts it.
        logs: Takes its access logs.
        logs_prefix: Where they lie there.
        lifecycle: When objects go.
        removal: What becomes of it with its stack.
    """
    return s3.Bucket(
        scope,
        id_,
        encryption=s3.BucketEncryption.KMS,
        encryption_key=key,
        bucket_key_enabled=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        versioned=True,
        server_access_logs_bucket=logs,
        server_access_logs_prefix=logs_prefix,
        lifecycle_rules=list(lifecycle),
        removal_policy=removal,
    )


def logs_bucket(scope: Construct, *, existing: str | None, removal: RemovalPolicy) -> s3.IBucket:
    """Return the bucket of access logs.

    Args:
        scope: The construct whose bucket is logged.
        existing: Name of one that is there; None makes one.
        removal: What becomes of one that is made.
    """
    if existing:
        return s3.Bucket.from_bucket_name(scope, "Logs", existing)
    return s3.Bucket(
        scope,
        "Logs",
        # S3 delivers access logs only to buckets that it encrypts with a key of its own.
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        versioned=True,
        lifecycle_rules=[expire_all(LOG_DAYS)],
        removal_policy=removal,
    )


def expire_all(days: int) -> s3.LifecycleRule:
    """Return the rule that no object outlives."""
    return s3.LifecycleRule(
        id="expire",
        expiration=Duration.days(days),
        noncurrent_version_expiration=Duration.days(1),
        abort_incomplete_multipart_upload_after=Duration.days(1),
    )
