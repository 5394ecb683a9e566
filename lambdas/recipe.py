"""The recipe of the edge component: JSON, made here alone, and checked before anybody gets it.

JSON because a number in a YAML recipe's configuration reaches nucleus lite as text. Keys are
compared as they are written: AWS's schema does not, the nuclei do. As a program it prints a recipe:

    python -m lambdas.recipe --component NAME --version 1.0.0 --bundle s3://… --configuration FILE
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from lambdas.versions import VERSION

_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
_ADDRESS = re.compile(r"s3://[^/\s]{3,255}/\S{1,1024}")
_VARIABLES = ("artifacts:path", "artifacts:decompressedPath", "work:path")

Document = dict[str, Any]


def make_recipe(
    *,
    component: str,
    version: str,
    bundle: str,
    model: str | None,
    configuration: Mapping[str, Any],
) -> Document:
    """Return the recipe of one version; it suits nucleus lite and the Java nucleus.

    Args:
        component: Its name; it stands for `{component}` in the configuration.
        version: Three numbers of at most six digits.
        bundle: Address of the archive with `edge_src/`; the nucleus unpacks it.
        model: Address of the model.tar.gz, which the component unpacks as untrusted input; None:
            the component decides by its own rule until a version has one.
        configuration: DefaultConfiguration, with the access control.

    Raises:
        ValueError: The result would not be accepted; one line for each reason.
    """
    folder = PurePosixPath(bundle).stem
    program = f"python3 -u {{artifacts:decompressedPath}}/{folder}/edge_src/main.py"
    artifacts = [{"Uri": bundle, "Unarchive": "ZIP", "Permission": {"Read": "OWNER"}}]
    if model:
        program += " --model {artifacts:path}/" + PurePosixPath(model).name
        artifacts.append({"Uri": model, "Unarchive": "NONE", "Permission": {"Read": "OWNER"}})
    recipe = {
        "RecipeFormatVersion": "2020-01-25",
        "ComponentName": component,
        "ComponentVersion": version,
        "ComponentType": "aws.greengrass.generic",
        "ComponentDescription": "Decides by a policy how many machines run",
        "ComponentPublisher": "The workflow",
        "ComponentConfiguration": {"DefaultConfiguration": _named(configuration, component)},
        "Manifests": [
            {
                # `*`: without the key nucleus lite passes the manifest over.
                "Platform": {"os": "linux", "runtime": "*"},
                # Without a Timeout: the Java nucleus would end the component after it.
                "Lifecycle": {"run": {"Script": f"{program} --work {{work:path}}"}},
                "Artifacts": artifacts,
            }
        ],
    }
    found = list(problems(recipe))
    if found:
        raise ValueError("\n".join(found))
    return recipe


def _named(configuration: Mapping[str, Any], component: str) -> Document:
    """Put the component's name where the configuration says `{component}`."""
    text = json.dumps(configuration).replace("{component}", component)
    result: Document = json.loads(text)
    return result


def problems(recipe: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a recipe of this component, each with its place."""
    yield from _keys(recipe, _TOP, "recipe")
    if not _NAME.fullmatch(str(recipe.get("ComponentName"))):
        yield "ComponentName: letters, digits, '-', '_' and '.', at most 128"
    if not VERSION.fullmatch(str(recipe.get("ComponentVersion"))):
        yield "ComponentVersion: three numbers of at most six digits, such as 1.0.12"
    manifests = recipe.get("Manifests")
    if not isinstance(manifests, list) or not manifests:
        yield "Manifests: a list with one manifest"
        return
    for manifest in manifests:
        yield from _manifest(manifest)
    configuration = recipe.get("ComponentConfiguration", {})
    yield from _keys(configuration, frozenset({"DefaultConfiguration"}), "ComponentConfiguration")
    yield from _configuration(configuration.get("DefaultConfiguration", {}))


_TOP = frozenset(
    {
        "RecipeFormatVersion",
        "ComponentName",
        "ComponentVersion",
        "ComponentType",
        "ComponentDescription",
        "ComponentPublisher",
        "ComponentConfiguration",
        "Manifests",
    }
)
_MANIFEST = frozenset({"Platform", "Lifecycle", "Artifacts"})
_STEP = frozenset({"Script"})
_ARTIFACT = frozenset({"Uri", "Unarchive", "Permission"})


def _keys(value: object, known: frozenset[str], place: str) -> Iterator[str]:
    """Yield keys that this recipe does not have: unknown, or in another casing."""
    if not isinstance(value, dict):
        yield f"{place}: must be an object"
        return
    for key in sorted(value.keys() - known):
        yield f"{place}: {key} is not one of {', '.join(sorted(known))}"
    for key in sorted(known - value.keys()):
        yield f"{place}: {key} is missing"


def _manifest(manifest: Any) -> Iterator[str]:  # noqa: ANN401 (any JSON value)
    yield from _keys(manifest, _MANIFEST, "Manifests")
    if not isinstance(manifest, dict) or manifest.keys() != _MANIFEST:
        return
    if manifest["Platform"] != {"os": "linux", "runtime": "*"}:
        yield "Manifests.Platform: os linux and runtime *, which both nuclei take"
    # `run` alone: nothing is to be installed, and nucleus lite has neither shutdown nor recover.
    yield from _keys(manifest["Lifecycle"], frozenset({"run"}), "Lifecycle")
    step = manifest["Lifecycle"].get("run", {})
    yield from _keys(step, _STEP, "Lifecycle.run")
    for name in re.findall(r"\{([^{}]*)\}", str(step.get("Script", ""))):
        if name not in _VARIABLES:
            yield f"Lifecycle.run.Script: {{{name}}} is not one of {', '.join(_VARIABLES)}"
    for artifact in manifest["Artifacts"]:
        yield from _keys(artifact, _ARTIFACT, "Artifacts")
        if not _ADDRESS.fullmatch(str(artifact.get("Uri"))):
            yield "Artifacts.Uri: must be s3://bucket/key"


def _configuration(configuration: object, place: str = "DefaultConfiguration") -> Iterator[str]:
    if not isinstance(configuration, dict):
        yield f"{place}: must be an object"
        return
    if "{configuration:" in json.dumps(configuration):
        yield f"{place}: nucleus lite reads no {{configuration:…}} in it"
    access = configuration.get("accessControl", {})
    for service, policies in access.items() if isinstance(access, dict) else ():
        for name, policy in policies.items():
            for part in ("operations", "resources"):
                wanted = policy.get(part)
                if not wanted or not isinstance(wanted, list) or "*" in wanted:
                    yield f"{place}.accessControl.{service}.{name}: name its {part}, without *"


def main(argv: Sequence[str] | None = None) -> int:
    """Print a recipe; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lambdas.recipe")
    parser.add_argument("--component", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--bundle", required=True, help="s3://… of the archive with edge_src/")
    parser.add_argument("--model", help="s3://… of the model.tar.gz")
    parser.add_argument("--configuration", required=True, type=Path, help="a JSON file")
    options = parser.parse_args(argv)
    try:
        configuration = json.loads(options.configuration.read_text("utf-8"))
        recipe = make_recipe(
            component=options.component,
            version=options.version,
            bundle=options.bundle,
            model=options.model,
            configuration=configuration,
        )
    except (OSError, ValueError) as error:
        print(f"{options.configuration}: {error}", file=sys.stderr)
        return 2
    print(json.dumps(recipe, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
