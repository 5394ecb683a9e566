"""The recipe of the edge component: made by code, and refused where a nucleus would misread it."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lambdas.recipe import make_recipe, problems
from local_mode.greengrass.recipes import problems as emulated_problems

ROOT = Path(__file__).parents[2]
CONFIGURATION = {
    "Topics": {"telemetry": "dt/{component}/{iot:thingName}/telemetry"},
    "limit": 0.75,
    "accessControl": {
        "aws.greengrass.ipc.mqttproxy": {
            "{component}:mqttproxy:1": {
                "operations": ["aws.greengrass#PublishToIoTCore"],
                "resources": ["dt/{component}/{iot:thingName}/telemetry"],
            }
        }
    },
}
GIVEN: dict[str, Any] = {
    "component": "com.example.rl.Policy",
    "version": "1.0.7",
    "bundle": "s3://bucket/greengrass/com.example.rl.Policy/1.0.7/edge_src.zip",
    "model": "s3://bucket/greengrass/com.example.rl.Policy/1.0.7/model.tar.gz",
    "configuration": CONFIGURATION,
}


def make(**changes: Any) -> dict[str, Any]:
    return make_recipe(**{**GIVEN, **changes})


def test_the_component_starts_from_its_archives() -> None:
    recipe = make()
    (manifest,) = recipe["Manifests"]
    assert manifest["Lifecycle"]["run"]["Script"] == (
        "python3 -u {artifacts:decompressedPath}/edge_src/edge_src/main.py"
        " --model {artifacts:path}/model.tar.gz --work {work:path}"
    )
    assert [(it["Uri"], it["Unarchive"]) for it in manifest["Artifacts"]] == [
        (GIVEN["bundle"], "ZIP"),
        (GIVEN["model"], "NONE"),
    ]
    assert "ComponentDependencies" not in recipe
    assert "RequiresPrivilege" not in json.dumps(recipe)
    configuration = recipe["ComponentConfiguration"]["DefaultConfiguration"]
    topic = "dt/com.example.rl.Policy/{iot:thingName}/telemetry"
    assert configuration["Topics"]["telemetry"] == topic
    assert configuration["limit"] == 0.75


def test_the_first_version_has_no_model() -> None:
    recipe = make(model=None, bundle="s3://assets/0123abc.zip")
    (manifest,) = recipe["Manifests"]
    assert manifest["Lifecycle"]["run"]["Script"] == (
        "python3 -u {artifacts:decompressedPath}/0123abc/edge_src/main.py --work {work:path}"
    )
    assert len(manifest["Artifacts"]) == 1


@pytest.mark.parametrize("model", [GIVEN["model"], None])
def test_the_emulated_service_takes_what_is_made(model: str | None) -> None:
    assert emulated_problems(make(model=model)) == []


def test_the_bundles_own_configuration_makes_a_recipe() -> None:
    configuration = json.loads((ROOT / "edge_src" / "configuration.json").read_text())
    assert emulated_problems(make(configuration=configuration)) == []


def access(**policy: Any) -> dict[str, Any]:
    whole = {"operations": ["aws.greengrass#PublishToTopic"], "resources": ["a"], **policy}
    return {"accessControl": {"aws.greengrass.ipc.pubsub": {"x": whole}}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": "1.0.1000000"}, "six digits"),
        ({"version": "1.0.20261122063000"}, "six digits"),
        ({"version": "1.0"}, "six digits"),
        ({"version": "01.0.0"}, "six digits"),
        ({"component": "a b"}, "ComponentName"),
        ({"component": "a" * 129}, "ComponentName"),
        ({"bundle": "https://host/edge_src.zip"}, "s3://bucket/key"),
        ({"configuration": []}, "must be an object"),
        ({"configuration": {"a": "{configuration:/b}"}}, "nucleus lite reads no"),
        ({"configuration": access(resources=["*"])}, "without *"),
        ({"configuration": access(operations=["*"])}, "without *"),
        ({"configuration": access(resources=[])}, "without *"),
    ],
)
def test_what_would_be_misread_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("*", r"\*")):
        make(**changes)


def mend(recipe: dict[str, Any], place: str, value: object) -> None:
    *path, last = place.split("/")
    at: Any = recipe
    for key in path:
        at = at[int(key)] if key.isdigit() else at[key]
    if value is None:
        del at[last]
    else:
        at[last] = value


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("manifests", []),
        ("Manifests", []),
        ("Manifests", None),
        ("ComponentVersion", None),
        ("Manifests/0/Platform/runtime", None),
        ("Manifests/0/Platform/Runtime", "*"),
        ("Manifests/0/Lifecycle/Run", {"Script": "true"}),
        ("Manifests/0/Lifecycle/shutdown", {"Script": "true"}),
        ("Manifests/0/Lifecycle/run/Skipif", "exists /x"),
        ("Manifests/0/Lifecycle/run/Timeout", 120),
        ("Manifests/0/Lifecycle/run/Script", "{artifacts:Path}/x"),
        ("Manifests/0/Artifacts/0/unarchive", "ZIP"),
        ("Manifests/0/Artifacts/0/Digest", "x"),
        ("Manifests/0/Artifacts", None),
        ("ComponentConfiguration/defaultConfiguration", {}),
    ],
)
def test_a_recipe_that_was_changed_is_refused(place: str, value: object) -> None:
    recipe = copy.deepcopy(make())
    assert list(problems(recipe)) == []
    mend(recipe, place, value)
    assert list(problems(recipe)) != []


def test_the_program_prints_the_recipe(tmp_path: Path) -> None:
    file = tmp_path / "configuration.json"
    file.write_text(json.dumps(CONFIGURATION))
    command = [sys.executable, "-m", "lambdas.recipe", "--configuration", str(file)]
    given = ["--component", GIVEN["component"], "--bundle", GIVEN["bundle"]]
    done = subprocess.run(
        [*command, *given, "--version", "0.1.2"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == make(model=None, version="0.1.2")
    done = subprocess.run(
        [*command, *given, "--version", "0.1"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "ComponentVersion" in done.stderr
    assert "Traceback" not in done.stderr
