"""docs/environments.md: its files are the examples, and its commands do what it says."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from autoscaling_rl.packages import check_requirements
from tests.training_src.own import EXAMPLES, ROOT

PAGE = (ROOT / "docs" / "environments.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FILES = ["tank/tank.py", "tank/tank.toml", "room/room.py", "room/room.toml"]


def blocks(language, part=""):
    return [text for kind, text in BLOCKS if kind == language and part in text]


def test_the_files_on_the_page_are_the_examples():
    shown = [text for kind, text in BLOCKS if kind in ("python", "toml")]
    for name in FILES:
        assert shown.count((EXAMPLES / name).read_text(encoding="utf-8")) == 1, name
    # Beside them, the preset of a package and the estimator, which other tests here run.
    assert len(shown) == len(FILES) + 2
    assert {kind for kind, _ in BLOCKS} == {"python", "toml", "sh"}


def test_the_preset_of_a_package_has_the_form_that_jobs_take():
    (text,) = blocks("toml", "flappy")
    preset = tomllib.loads(text)
    check_requirements(preset["requirements"])
    assert preset["environment"]["id"].count(":") == 1
    (command,) = blocks("sh", "pip download")
    assert command.endswith(f" {preset['requirements'][0]}\n")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Return a copy of the checkout, without what tools keep there."""
    folder = tmp_path_factory.mktemp("copy") / "checkout"
    left_out = ("__pycache__", ".*", "node_modules", "output", "cdk.out", "tests")
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*left_out))
    return folder


def run(checkout, *command):
    """Run a command of the page with this Python."""
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "PIP_NO_INDEX": "1"}
    variables.pop("PYTHONPATH", None)
    done = subprocess.run(
        command, cwd=checkout, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tank", "room"])
def test_the_workflow_deploys_the_example(checkout, name):
    (commands,) = blocks("sh", f"--output output/{name}")
    printed = run(checkout, "sh", "-e", "-c", commands)
    assert "Deployed:" in printed
    card = json.loads((checkout / "output" / name / "scorecard.json").read_text())
    assert card["policies"]["policy"]["mean_return"] > card["policies"]["random"]["mean_return"]


@pytest.mark.slow
def test_an_environment_can_be_tried_from_another_folder(checkout):
    (commands,) = blocks("sh", "PYTHONPATH=")
    assert "the model artifact is in" in run(checkout, "sh", "-e", "-c", commands)


@pytest.mark.slow
def test_the_estimator_trains_in_the_example(checkout):
    pytest.importorskip("sagemaker.core", reason="the estimator's requirements are not installed")
    (program,) = blocks("python", "RLEstimator")
    printed = run(checkout, sys.executable, "-c", program + "print(estimator.model_data)\n")
    assert "/output/model.tar.gz" in printed
