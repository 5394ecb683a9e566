"""The bucket of jobs, models, loads and reports, and who may touch which part of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.config import Replica
from stacks.parts.buckets import logs_bucket, private_bucket
from stacks.parts.replication import Replication

READ, WRITE = "s3:GetObject", "s3:PutObject"
LISTS = (
    "prepare",
    "gate",
    "register",
    "deploy",
    "smoke_test",
    "decide",
    "edge_publish",
    "training",
)
"""Steps that tell what is not there from what they may not read, or look below a prefix."""

LOCATES = ("training", "edge")
"""Services look up in which region a job's channels and outputs, or a component's files, lie."""


@dataclass(frozen=True)
class Access:
    """What a role may do with the objects below some prefixes."""

    actions: tuple[str, ...]
    prefixes: tuple[str, ...]


ACCESS: Mapping[str, tuple[Access, ...]] = {
    "prepare": (Access((READ,), ("loads", "jobs")), Access((READ, WRITE), ("source",))),
    "gate": (Access((READ,), ("jobs",)), Access((WRITE,), ("executions",))),
    "register": (Access((READ,), ("jobs",)),),
    "deploy": (Access((READ, WRITE), ("deployments",)),),
    "smoke_test": (Access((READ,), ("jobs",)), Access((READ, WRITE), ("deployments",))),
    "decide": (Access((READ,), ("jobs",)),),
    "training": (
        Access((READ,), ("loads", "source")),
        Access((READ, WRITE), ("jobs",)),
        Access((READ, WRITE, "s3:DeleteObject"), ("checkpoints",)),
    ),
    "serving": (Access((READ,), ("jobs", "source")), Access((WRITE,), ("captured",))),
    # Greengrass reads what a version names in the name of whoever makes it.
    "edge_publish": (Access((READ,), ("jobs",)), Access((READ, WRITE), ("greengrass",))),
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
        removal = RemovalPolicy.RETAIN if retain else RemovalPolicy.DESTROY
        logs = logs_bucket(self, existing=access_logs_bucket, removal=removal)
        self.bucket = private_bucket(
            self,
            "Bucket",
            key=key,
            logs=logs,
            logs_prefix="artifacts/",
            lifecycle=_lifecycle(retain),
            removal=removal,
        )
        self.own = [self.bucket, *([logs] if isinstance(logs, s3.Bucket) else [])]
        if retain:
            self._lock()
        if replica:
            Replication(self, "Replication", bucket=self.bucket, key=key, replica=replica)

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
            roles: The roles by step; those that are not there get no access.
        """
        for step in (step for step in ACCESS if step in roles):
            for access in ACCESS[step]:
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
                principals=[roles[step] for step in LISTS if step in roles],
                resources=[self.bucket.bucket_arn],
            )
        )
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["s3:GetBucketLocation"],
                principals=[roles[step] for step in LOCATES if step in roles],
                resources=[self.bucket.bucket_arn],
            )
        )


def _lifecycle(retain: bool) -> list[s3.LifecycleRule]:
    # No rule for source/: an endpoint fetches its bundle anew for each instance that it gets.
    return [
        s3.LifecycleRule(id="checkpoints", prefix="checkpoints/", expiration=Duration.days(30)),
        s3.LifecycleRule(id="captured", prefix="captured/", expiration=Duration.days(90)),
        s3.LifecycleRule(
            id="old-versions",
            noncurrent_version_expiration=Duration.days(365 if retain else 7),
            abort_incomplete_multipart_upload_after=Duration.days(1),
        ),
    ]
