"""The pins agree with each other, wherever they stand."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ["run", "sb3", "cdk", "image", "estimator", "edge", "dev", "uv"]
APART = ["checkers", "notebooks", "sdk_v2", "sdk_v3", "training_toolkit"]
"""In environments of their own, where other versions may meet."""
PIN = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)", re.MULTILINE
)


def pins(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text()
    return {match["name"]: match["version"] for match in PIN.finditer(text)}


@pytest.mark.parametrize("lock", LOCKS + APART)
def test_a_lock_says_nothing_of_where_packages_come_from(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    assert "://" not in text
    assert not re.search(r"^--", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS + APART)
def test_every_package_of_a_lock_has_a_hash(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert packages
    assert [package for package in packages if "--hash=sha256:" not in package] == []


def test_the_locks_agree() -> None:
    seen: dict[str, str] = {}
    for lock in LOCKS:
        for name, version in pins(f"requirements/{lock}.txt").items():
            assert seen.setdefault(name, version) == version, name


def test_the_training_image_gets_the_versions_that_are_tested_here() -> None:
    here = {
        name: version
        for file in ["run", "sb3", "torch"]
        for name, version in pins(f"requirements/{file}.txt").items()
    }
    image = pins("training_src/requirements.txt")
    assert image
    assert {name: here.get(name) for name in image} == image


def test_the_list_at_the_top_names_what_is_locked() -> None:
    locked = {
        name: version
        for lock in LOCKS
        for name, version in pins(f"requirements/{lock}.txt").items()
    }
    top = pins("requirements.txt")
    assert set(top) > {"aws-cdk-lib", "constructs", "cdk-nag", "boto3", "gymnasium", "pytest"}
    del top["sagemaker"]  # for notebooks; nothing else here needs it
    assert {name: locked.get(name) for name in top} == top
