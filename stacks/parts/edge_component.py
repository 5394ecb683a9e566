"""The first version of the component, which decides nothing yet."""

import json

from aws_cdk import aws_greengrassv2 as greengrass
from constructs import Construct

_WAITS = "echo 'no policy has been deployed to this device yet'"


class EdgeComponent(Construct):
    """The component's bootstrap version: a group can be deployed to before any policy exists.

    Attributes:
        name: `com.<organisation>.<project>.Policy`, which versions with a policy share.
    """

    def __init__(
        self, scope: Construct, id_: str, *, organisation: str, project: str, number: int
    ) -> None:
        super().__init__(scope, id_)
        self.name = f"com.{organisation}.{project}.Policy"
        recipe = first_recipe(self.name, f"0.0.{number}")
        greengrass.CfnComponentVersion(self, "First", inline_recipe=json.dumps(recipe, indent=1))


def first_recipe(name: str, version: str) -> dict[str, object]:
    """Return the recipe, in the casing that AWS's schema has; it suits both nuclei.

    Args:
        name: Of the component, the same in all stages of an account.
        version: Each stage has its own below 0.1.0: versions are immutable, and have one owner.
    """
    return {
        "RecipeFormatVersion": "2020-01-25",
        "ComponentName": name,
        "ComponentVersion": version,
        "ComponentType": "aws.greengrass.generic",
        "ComponentDescription": "Waits for the first policy",
        "ComponentPublisher": "The workflow",
        "Manifests": [{"Platform": {"os": "linux"}, "Lifecycle": {"run": {"Script": _WAITS}}}],
    }
