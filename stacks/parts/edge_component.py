"""The first version of the component, which decides nothing yet."""

import json

from aws_cdk import RemovalPolicy
from aws_cdk import aws_greengrassv2 as greengrass
from constructs import Construct

FIRST_VERSION = "0.0.0"
"""Below every version that carries a policy."""

_WAITS = "echo 'no policy has been deployed to this device yet'"


class EdgeComponent(Construct):
    """The component's bootstrap version: a group can be deployed to before any policy exists.

    Attributes:
        name: `com.<organisation>.<project>.Policy`, which versions with a policy share.
    """

    def __init__(
        self, scope: Construct, id_: str, *, organisation: str, project: str, retain: bool
    ) -> None:
        super().__init__(scope, id_)
        self.name = f"com.{organisation}.{project}.Policy"
        # Versions are immutable: a change of this text needs another number.
        version = greengrass.CfnComponentVersion(
            self, "First", inline_recipe=json.dumps(first_recipe(self.name), indent=1)
        )
        version.apply_removal_policy(RemovalPolicy.RETAIN if retain else RemovalPolicy.DESTROY)


def first_recipe(name: str) -> dict[str, object]:
    """Return the recipe, in the casing that AWS's schema has; it suits both nuclei."""
    return {
        "RecipeFormatVersion": "2020-01-25",
        "ComponentName": name,
        "ComponentVersion": FIRST_VERSION,
        "ComponentType": "aws.greengrass.generic",
        "ComponentDescription": "Waits for the first policy",
        "ComponentPublisher": "The workflow",
        "Manifests": [{"Platform": {"os": "linux"}, "Lifecycle": {"run": {"Script": _WAITS}}}],
    }
