"""A preset as an execution's input: the job must train with what the file says, to the last key."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autoscaling_rl.presets import DEFAULT_PRESET, PRESETS, load_preset, preset_names
from lambdas.execution_input import parse
from tools.preset_input import MOST_HYPERPARAMETERS, execution_input, main


@pytest.mark.parametrize("name", preset_names())
def test_the_job_trains_with_what_the_preset_says(name: str) -> None:
    request = execution_input(PRESETS / f"{name}.toml")
    document = parse(request, presets=[DEFAULT_PRESET])  # as the first state reads it
    hyperparameters = dict(document.training.hyperparameters)
    assert len(hyperparameters) <= MOST_HYPERPARAMETERS
    trained = load_preset(DEFAULT_PRESET, hyperparameters).effective()
    meant = load_preset(name).effective()
    own = ("name", "description")
    assert {key: trained[key] for key in trained if key not in own} == {
        key: meant[key] for key in meant if key not in own
    }


def test_a_policy_that_is_only_tried_is_not_deployed() -> None:
    request = execution_input(PRESETS / "smoke.toml")
    assert request["endpoint"] == {"run": False}
    assert request["registry"] == {"approval": "manual"}


def test_inputs_are_printed_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(PRESETS / f"{name}.toml") for name in ("smoke", "ppo-cartpole")]
    assert main(files) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1  # one line: an output of a workflow's step
    assert list(json.loads(printed)) == ["smoke", "ppo-cartpole"]


def test_no_file_is_no_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert json.loads(capsys.readouterr().out) == {}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mine.toml", "toolkit = 'cme'\n", "toolkit"),
        ("mine.toml", "x = 1\n", "a preset has no key 'x'"),
        ("Mine;ls.toml", "toolkit = 'cem'\n", "'Mine;ls.toml': name presets with lower-case"),
        ("$(ls).toml", "toolkit = 'cem'\n", "'$(ls).toml': name presets with lower-case"),
    ],
)
def test_a_mistake_in_a_preset_ends_with_2(
    name: str, content: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / name
    file.write_text(content)
    assert main([str(file)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error


def test_it_finds_the_bundle_by_itself(tmp_path: Path) -> None:
    program = Path(__file__).parents[2] / "tools" / "preset_input.py"
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, program, PRESETS / "smoke.toml"],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)) == ["smoke"]


def test_tables_and_lists_reach_the_job(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    content = "toolkit = 'cem'\n[environment]\nprofile = 'sample'\nflaws = ['no_weekly_cycle']\n"
    file.write_text(content + "[guard]\nmost_removed = 2\n")
    hyperparameters = execution_input(file)["training"]["hyperparameters"]
    assert hyperparameters["guard.most_removed"] == "2"
    assert hyperparameters["environment.flaws"] == '["no_weekly_cycle"]'
