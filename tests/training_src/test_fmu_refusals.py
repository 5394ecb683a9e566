"""FMU-v0: every mistake in a preset, a file or a simulator ends in one line that names it."""

import os
import re
import subprocess
import sys
import zipfile

import pytest

from autoscaling_rl.environments.fmu import FmuEnv
from autoscaling_rl.errors import UserError
from autoscaling_rl.presets import load_preset
from tests.training_src.fmu_models import KINDS_2
from tests.training_src.own import ROOT, build_fmu, edited

PRESET = """toolkit = "sb3"
[environment]
id = "FMU-v0"
fmu = "{fmu}"
inputs = {{ gear = {{ low = 0, high = 9 }} }}
outputs = {{ product = {{}} }}
reward = {{ product = 1 }}
step_seconds = 1
episode_seconds = 10
"""
GEAR = {
    "inputs": {"gear": {"values": [0, 7, 8]}, "on": {"values": [1, 0]}},
    "outputs": {"product": {}},
    "reward": {"product": 1.0},
    "step_seconds": 1.0,
    "episode_seconds": 5.0,
}


@pytest.fixture(scope="module")
def fmu(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "kinds_refused.py").write_text(KINDS_2)
    return build_fmu(folder / "fmu", folder / "kinds_refused.py")


def refusal(tmp_path, fmu, before="", after=""):
    text = PRESET.format(fmu=fmu)
    assert before in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(before, after) if before else text)
    with pytest.raises(UserError) as caught:
        load_preset(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    return message


def test_the_preset_of_these_tests_is_right(tmp_path, fmu):
    path = tmp_path / "mine.toml"
    path.write_text(PRESET.format(fmu=fmu))
    assert load_preset(path).environment["outputs"] == {"product": {}}


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("gear =", "geer =", 5, ["Kinds.fmu has no variable 'geer'", "did you mean 'gear'?"]),
        ("product = {}", "produce = {}", 6, ["no variable 'produce'", "did you mean 'product'?"]),
        ("product = 1", "gaer = 1", 7, ["environment.reward: ", "did you mean 'gear'?"]),
        ("gear =", "count =", 5, ["inputs: count is of causality output", "must be input"]),
        ("product = {}", "gear = {}", 6, ["outputs: gear is of causality input", "must be output"]),
        ("product = {}", "note = {}", 6, ["note is of type String", "single numbers"]),
        ("low = 0, ", "", 5, ["environment.inputs.gear.low is missing"]),
        ("low = 0", "lwo = 0", 5, ["environment.inputs.gear", "'lwo'", "did you mean 'low'?"]),
        ("low = 0", "low = 9", 5, ["inputs.gear.low must be less than its high"]),
        ("high = 9", "high = nan", 5, ["inputs.gear.high must be a finite number, not nan"]),
        ("low = 0, high = 9", "values = [1]", 5, ["at least two values"]),
        ("low = 0, high = 9", "values = 1", 5, ["must be a table { values = [NUMBER, ...] }"]),
        ("high = 9 }", "high = 9 }, on = { values = [0, 1] }", 5, ["mix values with ranges"]),
        ("{ low = 0, high = 9 }", "3", 5, ["must be a table { low = NUMBER, high = NUMBER }"]),
        ("product = {}", "product = { low = 1, high = 0 }", 6, ["product.low must be less"]),
        ("product = 1", "product = { weight = 1, power = 3 }", 7, ["power must be 1 or 2"]),
        ("product = 1", "product = { target = 1 }", 7, ["reward.product.weight is missing"]),
        ("product = 1", 'product = "1"', 7, ["reward.product must be a finite number, not '1'"]),
        ("reward = { product = 1 }", "", 0, ["environment.reward is missing: name what is good"]),
        ("step_seconds = 1\n", "", 2, ["environment.step_seconds is missing"]),
        ("episode_seconds = 10", "", 2, ["environment.episode_seconds is missing"]),
        ("episode_seconds = 10", "episode_seconds = 0.5", 9, ["shorter than a step of 1 s"]),
        ("step_seconds = 1\n", "step_seconds = -1\n", 8, ["step_seconds must be at least 0"]),
        ("step_seconds", "step_secs", 8, ["'step_secs'", "did you mean 'step_seconds'?"]),
        ("episode_seconds", "sha256 = 'ab'\nepisode_seconds", 9, ["is another simulator"]),
        ("episode_seconds", "reset = 'no'\nepisode_seconds", 9, ["one of reset, instantiate"]),
        ("episode_seconds", "terminate = { product = {} }\nepisode_seconds", 9, ["low, high or"]),
        ("episode_seconds", "parameters = { product = 1 }\nepisode_seconds", 9, ["calculates"]),
        ("episode_seconds", "parameters = { gear = 1 }\nepisode_seconds", 9, ["causality input"]),
        ("episode_seconds", "parameters = 3\nepisode_seconds", 9, ["parameters must be a table"]),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(tmp_path, fmu, before, after, line, words):
    message = refusal(tmp_path, fmu, before, after)
    assert f"mine.toml, line {line}:" in message or not line
    for word in words:
        assert word in message


def test_too_many_choices_are_refused(tmp_path, fmu):
    values = f"values = [{', '.join(map(str, range(101)))}]"
    many = f"{values} }}, on = {{ {values}"
    message = refusal(tmp_path, fmu, "low = 0, high = 9", many)
    assert "more than 1000 combinations" in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"keep": lambda name: "binaries/linux64" not in name}, ["no binary for linux64", "win64"]),
        ({"keep": lambda name: "binaries" not in name}, ["no binary for linux64", "none"]),
        ({"keep": lambda name: name != "modelDescription.xml"}, ["holds no modelDescription.xml"]),
        ({"description": lambda text: text.replace('"2.0"', '"1.0"', 1)}, ["version 1.0: exp"]),
        ({"description": lambda text: text.replace('"2.0"', '"4.0"', 1)}, ["version '4.0'"]),
        ({"description": lambda text: text[:200]}, ["cannot be read as an FMU"]),
        (
            {"description": lambda text: text.replace("CoSimulation", "ModelExchange")},
            ["model exchange alone", "export it for co-simulation"],
        ),
        (
            {"description": lambda text: text.replace('Identifier="Kinds"', 'Identifier="K"')},
            ["linux64", "binaries/linux64/K.so"],
        ),
    ],
)  # fmt: skip
def test_a_file_that_cannot_run_here_is_refused(tmp_path, fmu, change, words):
    message = refusal(tmp_path, edited(fmu, tmp_path / "edited.fmu", **change))
    assert "mine.toml, line 4:" in message
    for word in words:
        assert word in message


def test_a_file_that_is_no_fmu_is_refused(tmp_path):
    path = tmp_path / "text.fmu"
    path.write_text("no zip")
    assert "is no FMU: an FMU is a zip archive" in refusal(tmp_path, path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "")
    assert "holds no modelDescription.xml" in refusal(tmp_path, path)
    assert "must be a .fmu file" in refusal(tmp_path, tmp_path / "mine.toml")
    message = refusal(tmp_path, "none.fmu")
    assert "there is no file none.fmu: put it into the bundle" in message


def test_a_damaged_binary_is_refused(tmp_path, fmu):
    broken = tmp_path / "broken.fmu"
    with zipfile.ZipFile(fmu) as before, zipfile.ZipFile(broken, "w") as after:
        for name in before.namelist():
            after.writestr(name, b"x" if name.endswith(".so") else before.read(name))
    message = refusal(tmp_path, broken)
    assert "broken.fmu: instantiation failed" in message
    assert "Failed to load shared library" in message


def test_without_fmpy_the_requirement_is_named(tmp_path, fmu, monkeypatch):
    monkeypatch.setitem(sys.modules, "fmpy", None)
    assert 'requirements = ["fmpy==' in refusal(tmp_path, fmu)


def test_an_output_that_is_no_number_is_told(fmu):
    env = FmuEnv(fmu=str(fmu), **GEAR)
    env.reset(seed=0)
    with pytest.raises(UserError, match=r"^Kinds.fmu: product is nan after 1 s$"):
        env.step(2)
    env.close()


@pytest.mark.parametrize(
    ("logging", "words"),
    [(True, "it says: .*the gearbox broke"), (False, "set environment.logging")],
)
def test_a_step_that_fails_is_told_in_the_simulators_words(fmu, logging, words):
    # In a process of its own, which ends at once: pythonfmu 0.7 damages the interpreter that it
    # shares with an exception of the model.
    settings = {**GEAR, "inputs": {"gear": {"values": [9, 0]}}, "logging": logging}
    program = (
        "import os, sys\n"
        "from autoscaling_rl.environments.fmu import FmuEnv\n"
        f"env, other = [FmuEnv(fmu={str(fmu)!r}, **{settings!r}) for _ in range(2)]\n"
        "env.reset(seed=0)\n"
        "other.close()\n"  # the one that was made last: FMPy would log to it
        "try:\n    env.step(0)\nexcept Exception as error:\n    print(error, flush=True)\n"
        "env.close()\nos._exit(0)\n"
    )
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "training_src")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert re.match(rf"Kinds.fmu: step failed at 0 s: fmi2DoStep .*; {words}", done.stdout)
