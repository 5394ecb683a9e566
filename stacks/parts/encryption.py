"""The key that everything of a stage is encrypted with."""

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

_ENCRYPT = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*")
# Services that write by themselves, not in the name of a role.
_PUBLISHERS = ("cloudwatch.amazonaws.com", "events.amazonaws.com")


class Encryption(Construct):
    """A customer-managed key with rotation, and the services that use it without a role.

    Attributes:
        key: The key. Roles get their use of it where they get what is encrypted.
    """

    def __init__(self, scope: Construct, id_: str, *, prefix: str, retain: bool) -> None:
        super().__init__(scope, id_)
        self.key = kms.Key(
            self,
            "Key",
            description=f"Everything of {prefix}",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN if retain else RemovalPolicy.DESTROY,
        )
        self._allow_logs()
        self._allow_log_delivery()
        self._allow_publishers()
        self.key.add_to_resource_policy(only_services_get_grants())

    def _allow_logs(self) -> None:
        groups = f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:*"
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogGroups",
                actions=[*_ENCRYPT, "kms:DescribeKey"],
                principals=[iam.ServicePrincipal(f"logs.{Aws.REGION}.amazonaws.com")],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
            )
        )

    def _allow_log_delivery(self) -> None:
        # Step Functions has its encrypted events delivered to the log.
        source = f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:*"
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogDelivery",
                actions=["kms:Decrypt"],
                principals=[iam.ServicePrincipal("delivery.logs.amazonaws.com")],
                resources=["*"],
                conditions={"StringLike": {"kms:EncryptionContext:SourceArn": source}},
            )
        )

    def _allow_publishers(self) -> None:
        # Alarms and rules publish to an encrypted topic.
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Publishers",
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                principals=[iam.ServicePrincipal(name) for name in _PUBLISHERS],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )


def only_services_get_grants() -> iam.PolicyStatement:
    """Return the statement that refuses grants which no AWS service asks for."""
    neither = ("kms:GrantIsForAWSResource", "aws:PrincipalIsAWSService")
    return iam.PolicyStatement(
        sid="NoOtherGrants",
        effect=iam.Effect.DENY,
        actions=["kms:CreateGrant"],
        principals=[iam.AnyPrincipal()],
        resources=["*"],
        conditions={"BoolIfExists": dict.fromkeys(neither, "false")},
    )


def use_key(key: kms.IKey, *, write: bool) -> iam.PolicyStatement:
    """Return the statement that lets a role read what the key encrypts, and write it."""
    actions = ["kms:Decrypt", "kms:DescribeKey"]
    return iam.PolicyStatement(
        sid="Key",
        actions=[*actions, "kms:GenerateDataKey"] if write else actions,
        resources=[key.key_arn],
    )


def lend_key(key: kms.IKey) -> iam.PolicyStatement:
    """Return the statement that lets a role hand the key to the volumes of a job or endpoint."""
    return iam.PolicyStatement(
        sid="KeyOfVolumes",
        actions=["kms:CreateGrant"],
        resources=[key.key_arn],
        conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
    )
