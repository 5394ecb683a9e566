"""The group that the workflow registers its policies in."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct


class ModelRegistry(Construct):
    """A model package group.

    Attributes:
        name: Name of the group, promised by an SSM parameter.
    """

    def __init__(self, scope: Construct, id_: str, *, prefix: str, retain: bool) -> None:
        super().__init__(scope, id_)
        self.name = f"{prefix}-policies"
        group = sagemaker.CfnModelPackageGroup(
            self,
            "Group",
            model_package_group_name=self.name,
            model_package_group_description=f"Policies that the workflow of {prefix} trained",
        )
        group.apply_removal_policy(RemovalPolicy.RETAIN if retain else RemovalPolicy.DESTROY)
