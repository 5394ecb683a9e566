"""The bucket that the pipeline hands sources and assemblies on by."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.parts.acknowledge import acknowledge
from stacks.parts.buckets import expire_all, logs_bucket, private_bucket

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
        removal = RemovalPolicy.DESTROY
        self.bucket = private_bucket(
            self,
            "Bucket",
            key=key,
            logs=logs_bucket(self, existing=access_logs_bucket, removal=removal),
            logs_prefix="pipeline/",
            lifecycle=[expire_all(KEPT_DAYS)],
            removal=removal,
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
