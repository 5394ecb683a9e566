"""The check of recipes: each mistake is named with its place."""

from typing import Any

import pytest

from local_mode.greengrass.recipes import problems
from tests.local_mode.greengrass import MODEL, OPTIONAL, recipe


def changed(**changes: Any) -> dict[str, Any]:
    return recipe("com.example.Policy", **{"manifest": MODEL, **OPTIONAL, **changes})


def manifest(**changes: Any) -> dict[str, Any]:
    return changed(manifest=MODEL | changes)


def run(**step: Any) -> dict[str, Any]:
    return manifest(Lifecycle={"run": {"Script": "true", **step}})


WRONG = {
    "no object": ([], "must be an object"),
    "another casing": (
        {**{k: v for k, v in changed().items() if k != "Manifests"}, "manifests": []},
        "Manifests is missing",
    ),
    "a key that is nearly right": (manifest(platform={}), "write Platform"),
    "an unknown key": (changed(Other=1), "Other is no key"),
    "another format": (changed(RecipeFormatVersion="2021-01-01"), "must be 2020-01-25"),
    "a long part": (changed(ComponentVersion="1.0.1000000"), "has not the form"),
    "a date as a version": (changed(ComponentVersion="1.0.20261122063000"), "has not the form"),
    "two parts": (changed(ComponentVersion="1.0"), "has not the form"),
    "a name with a blank": (changed(ComponentName="a b"), "has not the form"),
    "a folder's name": (changed(ComponentName=".."), "has not the form"),
    "a long name": (changed(ComponentName="a" * 129), "has not the form"),
    "no manifest": (changed(Manifests=[]), "holds no manifest"),
    "no lifecycle": (changed(Manifests=[{}]), "Lifecycle is missing"),
    "a step without a script": (manifest(Lifecycle={"run": {}}), "Script is missing"),
    "a step that is text": (manifest(Lifecycle={"run": "true"}), "must be an object"),
    "a timeout that is text": (run(Timeout="10"), "must be a whole number"),
    "a timeout that is true": (run(Timeout=True), "must be a whole number"),
    "a privilege that is a number": (run(RequiresPrivilege=1), "must be a boolean"),
    "an unknown packing": (
        manifest(Artifacts=[{"Uri": "s3://bucket/a", "Unarchive": "TAR"}]),
        "NONE or ZIP",
    ),
    "an artifact elsewhere": (manifest(Artifacts=[{"Uri": "https://x/y"}]), "has not the form"),
    "an unknown variable": (run(Script="{artifacts:Path}/x"), "is no variable"),
    "no runtime": (manifest(Platform={"os": "linux"}), "needs runtime"),
    "the Java nucleus alone": (manifest(Platform={"runtime": "aws_nucleus"}), "needs runtime"),
    "a shutdown": (
        manifest(Lifecycle={"run": {"Script": "a"}, "shutdown": {"Script": "b"}}),
        "does not run it",
    ),
    "a condition": (run(Skipif="exists a"), "does not know it"),
    "a variable in the configuration": (
        changed(
            ComponentConfiguration={"DefaultConfiguration": {"a": "{configuration:/b}"}},
        ),
        "reads no variable",
    ),
    "an unknown dependency": (
        changed(ComponentDependencies={"a": {"VersionRequirement": "*", "DependencyType": "hard"}}),
        "HARD or SOFT",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_recipe_is_refused_with_its_place(case: str) -> None:
    document, reason = WRONG[case]
    assert any(reason in line for line in problems(document)), problems(document)


def test_what_lite_lacks_is_allowed_where_lite_is_not_meant() -> None:
    lifecycle = {"run": {"Script": "a", "Skipif": "exists a"}, "shutdown": {"Script": "b"}}
    document = manifest(Platform={"os": "linux"}, Lifecycle=lifecycle)
    assert problems(document, lite=False) == []
    assert len(problems(document)) == 3


def test_a_correct_recipe_has_no_problem() -> None:
    assert problems(changed()) == []
