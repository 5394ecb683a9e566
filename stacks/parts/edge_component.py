"""The first version of the component, which decides by its own rule until a policy comes."""

import hashlib
import json
import subprocess
import sys

from aws_cdk import Stack
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
        text = first_recipe(name, f"0.{number}.0", bundle.object_key)
        recipe = json.loads(text.replace(_PLACE + bundle.object_key, bundle.s3_uri))
        # Versions are immutable: another recipe must have another number, and the same the same.
        # What it says hangs on the bootstrap that the archive goes to as well.
        content = json.dumps(Stack.of(self).resolve(recipe), sort_keys=True)
        digits = int(hashlib.sha256(content.encode()).hexdigest()[:12], 16) % _MODULUS
        recipe["ComponentVersion"] = f"0.{number}.{digits}"
        greengrass.CfnComponentVersion(self, "First", inline_recipe=json.dumps(recipe, indent=2))


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
