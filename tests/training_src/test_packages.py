"""What a preset requires is installed for the job alone, by pip itself, from wheels made here."""

import importlib
import sys
from importlib import metadata
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from autoscaling_rl import packages
from autoscaling_rl.errors import UserError
from autoscaling_rl.presets import load_preset, preset_from_manifest
from tests.training_src.own import write_wheel

ENVIRONMENT = """
import gymnasium
import own_helper

class Ring(gymnasium.Env):
    def __init__(self, size=own_helper.SIZE):
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (size,))
        self.action_space = gymnasium.spaces.Discrete(size)

gymnasium.register("Ring-v0", entry_point="own_ring:Ring", max_episode_steps=9)
"""
PRESET = """toolkit = "sb3"
requirements = ["own-ring==1.2"]
[environment]
id = "own_ring:Ring-v0"
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Return the folder of this test's packages; what was imported from there is forgotten."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = dict(gymnasium.registry)
    yield tmp_path / "cache" / "autoscaling-rl" / "packages"
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]
    gymnasium.registry.clear()
    gymnasium.registry.update(known)


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """Return the folder that is all pip knows; it holds an environment and what that needs."""
    folder = tmp_path / "index"
    write_wheel(folder, "own_helper", "0.3", [("own_helper.py", "SIZE = 3\n")])
    requires = ["own-helper>=0.2", "numpy>=1", "gymnasium"]
    write_wheel(folder, "own_ring", "1.2", [("own_ring.py", ENVIRONMENT)], requires)
    write_wheel(folder, "own_old", "1.0", [("own_old.py", "")], ["numpy<1.0"])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def written(path, text=PRESET):
    path.write_text(text)
    return path


def test_a_preset_brings_the_package_of_its_environment(
    wheels, cache, tmp_path, monkeypatch, capfd
):
    before = {each.name for each in metadata.distributions()}
    preset = load_preset(written(tmp_path / "own.toml"))
    assert preset.requirements == ("own-ring==1.2",)
    assert "Installing own-ring==1.2 for this job" in capfd.readouterr().err
    (folder,) = cache.iterdir()
    # What the bundle has already is neither installed again nor replaced.
    assert {path.name.partition("-")[0] for path in folder.iterdir()} - {"__pycache__"} == {
        "own_helper.py", "own_ring.py", "own_helper", "own_ring",
    }  # fmt: skip
    assert sys.path[-1] == str(folder)
    assert {each.name for each in metadata.distributions()} - before == {"own_helper", "own_ring"}
    assert "site-packages" not in importlib.import_module("own_ring").__file__

    # Another job on this machine, e.g. the evaluation, asks pip for nothing.
    monkeypatch.setattr(packages, "_pip", None)
    assert preset_from_manifest(preset.effective()) == preset
    assert len(list(cache.iterdir())) == 1


def test_wheels_in_the_bundle_are_enough_where_no_index_can_be_reached(
    wheels, tmp_path, monkeypatch
):
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    wheels.rename(bundle / "wheels")
    monkeypatch.setattr(packages, "BUNDLE", bundle)
    assert load_preset(written(tmp_path / "own.toml")).environment["id"] == "own_ring:Ring-v0"


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        ("own-ring==9.9", ["own-ring==9.9", "Could not find a version", "isolated"]),
        ("own-old", ["own-old", "depends on numpy<1.0", f"numpy=={np.__version__}"]),
    ],
)
def test_what_cannot_be_had_is_refused_in_one_line(wheels, cache, tmp_path, requirement, words):
    path = written(tmp_path / "own.toml", PRESET.replace("own-ring==1.2", requirement))
    with pytest.raises(UserError) as caught:
        load_preset(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    ["--index-url=x", "-r other.txt", "own @ file:///x", "https://x/y", "./own.whl", "", "a b"],
)
def test_options_and_addresses_are_refused(tmp_path, text):
    path = written(tmp_path / "own.toml", PRESET.replace("own-ring==1.2", text))
    with pytest.raises(UserError, match=r"line 2: requirements must name packages as in NAME==VER"):
        load_preset(path)


@pytest.mark.parametrize("text", ["a", "a==1", "a-b.c[x,y]>=1,<2", 'a~=1.0; python_version > "3"'])
def test_names_of_packages_are_accepted(text):
    packages.check_requirements([text])


def test_a_hyperparameter_installs_nothing(tmp_path):
    path = written(tmp_path / "own.toml", 'toolkit = "sb3"\n[environment]\nid = "CartPole-v1"\n')
    with pytest.raises(UserError, match=r"^hyperparameter requirements: .*preset's file alone"):
        load_preset(path, {"requirements": '["own-ring"]'})


def test_without_a_home_packages_go_to_a_temporary_folder(wheels, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    packages.provide(["own-helper"])
    assert Path(sys.path[-1]).is_relative_to(packages._temporary())
    assert importlib.import_module("own_helper").SIZE == 3
