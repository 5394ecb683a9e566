"""The repository of the project's one image, which trains and serves."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_kms as kms
from constructs import Construct


class ImageRepository(Construct):
    """Encrypted, scanned on push, and a tag once given never means another image.

    Attributes:
        repository: The repository.
    """

    def __init__(self, scope: Construct, id_: str, *, key: kms.IKey, retain: bool) -> None:
        super().__init__(scope, id_)
        self.repository = ecr.Repository(
            self,
            "Repository",
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=key,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            removal_policy=RemovalPolicy.RETAIN if retain else RemovalPolicy.DESTROY,
            empty_on_delete=not retain,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    description="What lost its tag",
                    tag_status=ecr.TagStatus.UNTAGGED,
                    max_image_age=Duration.days(7),
                ),
                ecr.LifecycleRule(description="All but the newest", max_image_count=50),
            ],
        )
