"""Copies of the artifact bucket's objects in a bucket of another region."""

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.config import Replica
from stacks.parts.acknowledge import acknowledge, wildcard
from stacks.parts.encryption import use_key

_SOURCE = (
    "s3:GetObjectVersionForReplication",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionTagging",
    "s3:GetObjectRetention",
    "s3:GetObjectLegalHold",
)


class Replication(Construct):
    """A rule that copies every object, encrypted again with the replica's own key.

    The replica exists already, with versions, and with object lock where the bucket has it.
    """

    def __init__(
        self, scope: Construct, id_: str, *, bucket: s3.Bucket, key: kms.IKey, replica: Replica
    ) -> None:
        super().__init__(scope, id_)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "s3.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            ),
            description="Copies objects of the artifact bucket to the replica bucket",
        )
        _share(bucket, role)
        policy = self._policy(role, key, replica)
        resource = bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)
        resource.replication_configuration = _configuration(role, replica)
        resource.node.add_dependency(policy)

    def _policy(self, role: iam.Role, key: kms.IKey, replica: Replica) -> iam.ManagedPolicy:
        objects = f"arn:{Aws.PARTITION}:s3:::{replica.bucket}/*"
        policy = iam.ManagedPolicy(
            self,
            "Policy",
            roles=[role],
            description="What replication may do",
            statements=[
                iam.PolicyStatement(
                    actions=["s3:ReplicateObject", "s3:ReplicateTags"], resources=[objects]
                ),
                iam.PolicyStatement(actions=["kms:Encrypt"], resources=[replica.key_arn]),
                use_key(key, write=False),
            ],
        )
        acknowledge(
            policy,
            wildcard(f"arn:<AWS::Partition>:s3:::{replica.bucket}/*"),
            "Every object is copied; the replica's own policy is not this stage's to write.",
        )
        return policy


def _share(bucket: s3.Bucket, role: iam.Role) -> None:
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["s3:GetReplicationConfiguration", "s3:ListBucket"],
            principals=[role],
            resources=[bucket.bucket_arn],
        )
    )
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            actions=list(_SOURCE), principals=[role], resources=[bucket.arn_for_objects("*")]
        )
    )


def _configuration(
    role: iam.Role, replica: Replica
) -> s3.CfnBucket.ReplicationConfigurationProperty:
    encryption = s3.CfnBucket.EncryptionConfigurationProperty(replica_kms_key_id=replica.key_arn)
    return s3.CfnBucket.ReplicationConfigurationProperty(
        role=role.role_arn,
        rules=[
            s3.CfnBucket.ReplicationRuleProperty(
                id="all",
                status="Enabled",
                priority=1,
                filter=s3.CfnBucket.ReplicationRuleFilterProperty(prefix=""),
                delete_marker_replication=s3.CfnBucket.DeleteMarkerReplicationProperty(
                    status="Disabled"
                ),
                source_selection_criteria=s3.CfnBucket.SourceSelectionCriteriaProperty(
                    sse_kms_encrypted_objects=s3.CfnBucket.SseKmsEncryptedObjectsProperty(
                        status="Enabled"
                    )
                ),
                destination=s3.CfnBucket.ReplicationDestinationProperty(
                    bucket=f"arn:{Aws.PARTITION}:s3:::{replica.bucket}",
                    encryption_configuration=encryption,
                ),
            )
        ],
    )
