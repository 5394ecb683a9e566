"""What comes by npm is pinned, the same everywhere, and tells nobody who uses it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def read(name: str) -> dict[str, Any]:
    return json.loads((ROOT / name).read_text())


def test_packages_are_pinned_exactly() -> None:
    package = read("package.json")
    assert package["private"] is True
    assert set(package) == {"name", "private", "devDependencies"}
    for version in package["devDependencies"].values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)


def test_the_lock_has_what_is_asked_for() -> None:
    packages = read("package-lock.json")["packages"]
    wanted = read("package.json")["devDependencies"]
    assert packages[""]["devDependencies"] == wanted
    locked = {name: packages[f"node_modules/{name}"]["version"] for name in wanted}
    assert locked == wanted


def test_every_package_of_the_lock_has_a_hash_and_no_address() -> None:
    packages = read("package-lock.json")["packages"]
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name
    assert "omit-lockfile-registry-resolved=true" in (ROOT / ".npmrc").read_text().split()


def test_no_package_runs_anything_when_it_is_installed() -> None:
    packages = read("package-lock.json")["packages"].values()
    assert not [package for package in packages if package.get("hasInstallScript")]


@pytest.mark.parametrize(
    ("name", "package"), [("CLI_VERSION", "aws-cdk"), ("ASSETS_CLI_VERSION", "cdk-assets")]
)
def test_the_pipeline_takes_the_locked_command_lines(name: str, package: str) -> None:
    source = (ROOT / "stacks" / "parts" / "pipeline_delivery.py").read_text()
    pinned = read("package.json")["devDependencies"][package]
    assert re.findall(rf'^{name} = "(.*)"$', source, re.MULTILINE) == [pinned]


def test_the_command_line_reports_to_nobody() -> None:
    settings = read("cdk.json")
    assert settings["versionReporting"] is False
    assert settings["notices"] is False
    assert settings["context"]["cli-telemetry"] is False
