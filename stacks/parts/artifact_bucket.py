"""The bucket of jobs, models, loads and reports, and who may touch which part of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.config import Replica
from stacks.parts.replication import Replication

READ, WRITE = "s3:GetObject", "s3:PutObject"
LISTS = ("prepare", "gate", "register", "smoke_test", "training")
"""Steps that tell what is not there from what they may not read, or look below a prefix."""


@dataclass(frozen=True)
class Access:
    """What a role may do with the objects below some prefixes."""

    actions: tuple[str, ...]
    prefixes: tuple[str, ...]


ACCESS: Mapping[str, tuple[Access, ...]] = {
    "prepare": (Access((READ,), ("loads", "jobs")),),
    "gate": (Access((READ,), ("jobs",)), Access((WRITE,), ("executions",))),
    "register": (Access((READ,), ("jobs",)),),
    "smoke_test": (Access((READ,), ("jobs",)),),
    "training": (
        Access((READ,), ("loads",)),
        Access((READ, WRITE), ("jobs",)),
        Access((READ, WRITE, "s3:DeleteObject"), ("checkpoints",)),
    ),
    "serving": (Access((READ,), ("jobs",)), Access((WRITE,), ("captured",))),
    "edge": (Access((READ,), ("greengrass",)),),
}
"""Who reads and writes what; docs/security.md shows it as the templates have it."""


class ArtifactBucket(Construct):
    """An encrypted, versioned bucket that answers over TLS alone and logs every access.

    Attributes:
        bucket: The bucket.
        own: The buckets that this stage made, that of the access logs included.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        key: kms.IKey,
        retain: bool,
        access_logs_bucket: str | None,
        replica: Replica | None,
    ) -> None:
        super().__init__(scope, id_)
        logs = (
            s3.Bucket.from_bucket_name(self, "Logs", access_logs_bucket)
            if access_logs_bucket
            else self._logs_bucket(retain)
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
            event_bridge_enabled=False,
            server_access_logs_bucket=logs,
            server_access_logs_prefix="artifacts/",
            lifecycle_rules=_lifecycle(retain),
            removal_policy=_removal(retain),
        )
        self.own = [self.bucket, *([logs] if isinstance(logs, s3.Bucket) else [])]
        if retain:
            self._lock()
        if replica:
            Replication(self, "Replication", bucket=self.bucket, key=key, replica=replica)

    def _logs_bucket(self, retain: bool) -> s3.Bucket:
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
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="expire",
                    expiration=Duration.days(90),
                    noncurrent_version_expiration=Duration.days(1),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            removal_policy=_removal(retain),
        )

    def _lock(self) -> None:
        bucket = self.bucket.node.default_child
        assert isinstance(bucket, s3.CfnBucket)
        bucket.object_lock_enabled = True
        bucket.object_lock_configuration = s3.CfnBucket.ObjectLockConfigurationProperty(
            object_lock_enabled="Enabled",
            rule=s3.CfnBucket.ObjectLockRuleProperty(
                default_retention=s3.CfnBucket.DefaultRetentionProperty(mode="GOVERNANCE", days=30)
            ),
        )

    def share(self, roles: Mapping[str, iam.IRole]) -> None:
        """Let the roles at their parts of the bucket, by the bucket's own policy.

        Args:
            roles: The roles by step; steps without access need not be there.
        """
        for step, accesses in ACCESS.items():
            for access in accesses:
                self.bucket.add_to_resource_policy(
                    iam.PolicyStatement(
                        actions=list(access.actions),
                        principals=[roles[step]],
                        resources=[
                            self.bucket.arn_for_objects(f"{it}/*") for it in access.prefixes
                        ],
                    )
                )
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                principals=[roles[step] for step in LISTS],
                resources=[self.bucket.bucket_arn],
            )
        )
        # SageMaker looks up where a job's channels and outputs lie.
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["s3:GetBucketLocation"],
                principals=[roles["training"]],
                resources=[self.bucket.bucket_arn],
            )
        )


def _lifecycle(retain: bool) -> list[s3.LifecycleRule]:
    return [
        s3.LifecycleRule(id="checkpoints", prefix="checkpoints/", expiration=Duration.days(30)),
        s3.LifecycleRule(id="captured", prefix="captured/", expiration=Duration.days(90)),
        s3.LifecycleRule(
            id="old-versions",
            noncurrent_version_expiration=Duration.days(365 if retain else 7),
            abort_incomplete_multipart_upload_after=Duration.days(1),
        ),
    ]


def _removal(retain: bool) -> RemovalPolicy:
    return RemovalPolicy.RETAIN if retain else RemovalPolicy.DESTROY
