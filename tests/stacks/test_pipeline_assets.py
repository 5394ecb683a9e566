"""What the pipeline's asset step is told to do, done here: `cdk-assets` reads every manifest."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.stacks.delivery import Resources, of_type
from tests.stacks.synthesis import ROOT, Synthesis

PROGRAM = ROOT / "node_modules" / ".bin" / "cdk-assets"
PUBLISH = re.compile(r'cdk-assets --path "(\S+)" --verbose publish "(\S+)"')

needs_program = pytest.mark.skipif(not PROGRAM.exists(), reason="no cdk-assets: make setup-cdk")


@pytest.fixture(scope="module")
def phases(delivery: Synthesis, pipeline: Resources) -> dict[str, Any]:
    """Return the phases of the asset step, whose specification lies in the assembly."""
    (spec,) = [
        project["Source"]["BuildSpec"]
        for project in of_type(pipeline, "CodeBuild::Project").values()
        if project["Source"]["BuildSpec"].startswith("buildspec-")
    ]
    return json.loads((delivery.folder / spec).read_text())["phases"]


@pytest.fixture(scope="module")
def published(phases: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the manifests and the assets of the commands that publish."""
    found = [PUBLISH.fullmatch(command) for command in phases["build"]["commands"]]
    matches = [match for match in found if match]
    assert 0 < len(matches) == len(found)
    return [(match[1], match[2]) for match in matches]


@pytest.fixture
def assembly(delivery: Synthesis, tmp_path: Path) -> Path:
    """Return a copy of what the synthesis hands on, where the asset step begins."""
    return shutil.copytree(delivery.folder, tmp_path / "assembly")


def listed(manifest: Path) -> subprocess.CompletedProcess[str]:
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [PROGRAM, "ls", "--path", manifest],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
    )


def prepare(phases: dict[str, Any], folder: Path) -> None:
    """Run the install phase in a folder, but for the installation."""
    commands = phases["install"]["commands"]
    others = [command for command in commands if shlex.split(command)[0] != "npm"]
    assert len(others) == len(commands) - 1
    for command in others:
        subprocess.run(["sh", "-c", command], cwd=folder, check=True)


def test_the_locked_version_is_installed(phases: dict[str, Any]) -> None:
    version = json.loads((ROOT / "package.json").read_text())["devDependencies"]["cdk-assets"]
    installed = [it for it in phases["install"]["commands"] if it.startswith("npm")]
    assert installed == [f"npm install -g cdk-assets@{version}"]


@pytest.mark.slow  # `make setup-cdk` comes before the slow tests
@needs_program
def test_every_asset_that_is_published_can_be_read(
    phases: dict[str, Any], published: list[tuple[str, str]], assembly: Path
) -> None:
    prepare(phases, assembly)
    for manifest, asset in published:
        made = listed(assembly / manifest)
        assert made.returncode == 0, made.stderr
        assert asset in made.stdout.split()


@pytest.mark.slow  # `make setup-cdk` comes before the slow tests
@needs_program
def test_no_manifest_could_be_read_without_the_preparation(
    published: list[tuple[str, str]], assembly: Path
) -> None:
    """If this fails, `stacks/parts/pipeline_assets.py` is needed no longer: delete it."""
    for manifest, _ in published:
        made = listed(assembly / manifest)
        assert made.returncode != 0
        assert "schema version mismatch" in made.stderr


def test_only_the_version_of_manifests_is_written(phases: dict[str, Any], assembly: Path) -> None:
    before = {file: file.read_bytes() for file in assembly.rglob("*") if file.is_file()}
    prepare(phases, assembly)
    changed = {file for file, content in before.items() if file.read_bytes() != content}
    assert changed == set(assembly.rglob("*.assets.json"))
    for file in changed:
        old, new = json.loads(before[file]), json.loads(file.read_bytes())
        assert old.pop("version") != new.pop("version")
        assert old == new
