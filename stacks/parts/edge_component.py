"""The first version of the component, which decides by its own rule until a policy comes."""

import subprocess
import sys

from aws_cdk import aws_greengrassv2 as greengrass
from constructs import Construct

from stacks.errors import ConfigError
from stacks.parts.edge_bundle import CONFIGURATION, ROOT, EdgeBundle

_PLACE = "s3://bundle/"
_MODULUS = 1_000_000
"""Greengrass takes six digits in each part of a version."""


class EdgeComponent(Construct):
    """The component's bootstrap version: devices can be set up before there is any policy.

    It is made by the same program as the versions with a policy. Nothing is deployed by it: a
    deployment of CloudFormation's would take the place of the workflow's with each change.
    """

    def __init__(
        self, scope: Construct, id_: str, *, name: str, number: int, bundle: EdgeBundle
    ) -> None:
        super().__init__(scope, id_)
        # Versions are immutable: another content must have another number, and the same the same.
        version = f"0.{number}.{int(bundle.content[:12], 16) % _MODULUS}"
        recipe = first_recipe(name, version, bundle.object_key)
        greengrass.CfnComponentVersion(
            self, "First", inline_recipe=recipe.replace(_PLACE + bundle.object_key, bundle.s3_uri)
        )


def first_recipe(name: str, version: str, key: str) -> str:
    """Return the recipe as `lambdas/recipe.py` makes it, in a process of its own.

    Args:
        name: Of the component.
        version: Below 1.0.0: those with a policy come after it.
        key: Key of the bundle, in a bucket whose name only CloudFormation knows.

    Raises:
        ConfigError: The bundle's configuration makes no recipe that would be accepted.
    """
    made = subprocess.run(
        [
            *(sys.executable, "-m", "lambdas.recipe", "--component", name, "--version", version),
            *("--bundle", f"{_PLACE}{key}", "--configuration", str(CONFIGURATION)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise ConfigError(made.stderr.strip())
    return made.stdout
