"""The bucket that the pipeline hands sources and assemblies on by."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.parts.acknowledge import acknowledge

KEPT_DAYS = 30
_MADE_AGAIN = "Holds nothing but copies of git and of what a build makes of it again."


class PipelineArtifacts(Construct):
    """An encrypted bucket whose objects expire.

    Attributes:
        bucket: The bucket.
    """

    def __init__(
        self, scope: Construct, id_: str, *, key: kms.IKey, access_logs_bucket: str | None
    ) -> None:
        super().__init__(scope, id_)
        logs = (
            s3.Bucket.from_bucket_name(self, "Logs", access_logs_bucket)
            if access_logs_bucket
            else self._logs_bucket()
        )
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            server_access_logs_bucket=logs,
            server_access_logs_prefix="pipeline/",
            lifecycle_rules=[_expire(KEPT_DAYS)],
            removal_policy=RemovalPolicy.DESTROY,
        )
        # No object lock: it takes checksums that CodeBuild's uploads are not known to bring.
        for finding in (
            "NIST.800.53.R4::NIST.800.53.R4-S3BucketDefaultLockEnabled",
            "NIST.800.53.R4::NIST.800.53.R4-S3BucketReplicationEnabled",
            "NIST.800.53.R5::NIST.800.53.R5-S3BucketReplicationEnabled",
            "HIPAA.Security::HIPAA.Security-S3BucketReplicationEnabled",
            "PCI.DSS.321::PCI.DSS.321-S3BucketReplicationEnabled",
        ):
            acknowledge(self.bucket, finding, _MADE_AGAIN)

    def _logs_bucket(self) -> s3.Bucket:
        # S3 delivers access logs only to buckets that it encrypts with a key of its own.
        return s3.Bucket(
            self,
            "Logs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[_expire(90)],
            removal_policy=RemovalPolicy.DESTROY,
        )


def _expire(days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="expire",
        expiration=Duration.days(days),
        noncurrent_version_expiration=Duration.days(1),
        abort_incomplete_multipart_upload_after=Duration.days(1),
    )
