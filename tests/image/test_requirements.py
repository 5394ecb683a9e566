"""The image holds what the bundle imports, in the versions that are tested here."""

import re
import subprocess
import sys

import pytest

from tests.image.support import ROOT

PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^\s;\\]+)", re.MULTILINE)
# What is imported for the toolkit sb3 alone comes by sb3.txt and torch.txt.
OPTIONAL = {"stable-baselines3", "torch"}


def pins(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text()
    return {match["name"]: match["version"] for match in PIN.finditer(text)}


def test_every_package_of_the_lock_has_a_hash_and_no_origin():
    text = (ROOT / "requirements" / "image.txt").read_text()
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [package for package in packages if "--hash=sha256:" not in package] == []
    assert "://" not in text


@pytest.mark.parametrize("lock", ["run", "sb3"])
def test_the_versions_are_those_of_the_other_locks(lock):
    here, there = pins("requirements/image.txt"), pins(f"requirements/{lock}.txt")
    common = here.keys() & there.keys()
    assert common
    assert {name: here[name] for name in common} == {name: there[name] for name in common}


def test_the_image_holds_what_the_bundle_asks_for():
    needed = pins("training_src/requirements.txt")
    held = pins("requirements/image.txt")
    assert needed.keys() - held.keys() == OPTIONAL
    assert {name: held[name] for name in needed if name in held} == {
        name: version for name, version in needed.items() if name not in OPTIONAL
    }


def test_nothing_of_the_local_aws_is_in_the_image():
    assert not pins("requirements/image.txt").keys() & {"moto", "awslambdaric", "aws-cdk-lib"}


def test_the_commands_import_nothing_but_the_standard_library_until_s3_is_asked():
    blocked = "sys.modules.update(dict.fromkeys(('boto3', 'botocore', 'numpy', 'local_mode')))"
    program = f"import sys; {blocked}; import image.train, image.serve"
    subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.append('.'); {program}"],
        cwd=ROOT,
        check=True,
    )
