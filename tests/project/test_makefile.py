"""`make run` against a stand-in for the interpreter: what it passes on, and what it answers."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Notes its arguments, one per line, and ends with the status that the test asks for.
PYTHON = '#!/bin/sh\nprintf "%s\\n" "$@" >> arguments\nexit "${STATUS:-0}"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in a path with a space, everything installed but the toolkit sb3."""
    folder = tmp_path / "a checkout"
    shutil.copytree(ROOT / "tools", folder / "tools")
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    shutil.copy(ROOT / "Makefile", folder)
    presets = folder / "training_src" / "presets"
    presets.mkdir(parents=True)
    (presets / "fast.toml").write_text('toolkit = "cem"\n')
    (presets / "deep.toml").write_text('seed = 1\ntoolkit = "sb3"  # PPO\n')
    interpreter = folder / ".venv" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.write_text(PYTHON)
    interpreter.chmod(0o755)
    for stamp in (".uv", ".run"):
        (folder / ".venv" / stamp).touch()
    return folder


def make(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAKE", "MFLAGS", "LOAD", "PRESET", "OUTPUT", "COVERAGE_"))
    }
    return subprocess.run(
        ["make", *arguments],
        cwd=checkout,
        env=inherited | variables,
        capture_output=True,
        text=True,
    )


def passed_on(checkout: Path) -> list[str]:
    return (checkout / "arguments").read_text().splitlines()


def can_load_objects(checkout: Path) -> bool:
    features = checkout / "features.mk"
    features.write_text("all:\n\t@echo $(.FEATURES)\n")
    return shutil.which("cc") is not None and "load" in make(checkout, "-f", "features.mk").stdout


@pytest.mark.parametrize(("status", "answer"), [(0, 0), (1, 1), (2, 2), (3, 3), (137, 1)])
def test_run_answers_with_the_status_of_the_workflow(
    checkout: Path, status: int, answer: int
) -> None:
    if answer in (1, 3) and not can_load_objects(checkout):
        answer = 2
    made = make(checkout, "run", STATUS=str(status))
    assert made.returncode == answer, made.stderr
    assert not list((checkout / ".venv").glob("status-*"))


def test_run_says_so_where_make_cannot_pass_the_status_on(checkout: Path) -> None:
    made = make(checkout, "run", "CC=no-such-compiler", STATUS="3")
    assert made.returncode == 2
    assert "exit status 3" in made.stderr


def test_run_passes_its_variables_on(checkout: Path) -> None:
    made = make(checkout, "run", "PRESET=fast", "LOAD=my load.csv", "OUTPUT=out/put")
    assert made.returncode == 0, made.stderr
    expected = ["-m", "local_mode", "run", "--preset", "fast", "--load", "my load.csv"]
    assert passed_on(checkout) == [*expected, "--output", "out/put"]


def test_run_reads_its_variables_from_the_environment_too(checkout: Path) -> None:
    make(checkout, "run", PRESET="fast")
    assert passed_on(checkout) == ["-m", "local_mode", "run", "--preset", "fast"]


def test_run_without_variables_leaves_the_choice_to_the_workflow(checkout: Path) -> None:
    make(checkout, "run")
    assert passed_on(checkout) == ["-m", "local_mode", "run"]


def test_run_installs_the_toolkit_that_the_preset_names(checkout: Path) -> None:
    made = make(checkout, "run", "PRESET=deep")
    assert made.returncode == 0, made.stderr
    assert "requirements/sb3.txt" in passed_on(checkout)
    assert (checkout / ".venv" / ".torch").exists()
    assert passed_on(checkout)[-2:] == ["--preset", "deep"]


def test_an_old_interpreter_is_refused_in_one_line(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    old = checkout / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit\nexit 1\n')
    old.chmod(0o755)
    made = make(checkout, "setup", "PYTHON=./python3.9")
    assert made.returncode == 2
    assert "Python 3.11 or newer is needed, './python3.9' is Python 3.9.2" in made.stderr
    assert not (checkout / ".venv").exists()


def test_every_target_is_explained(checkout: Path) -> None:
    listed = make(checkout, "help").stdout
    targets = {line.split()[1] for line in listed.splitlines() if line.startswith("  make ")}
    assert {"setup", "setup-sb3", "run", "test", "check", "verify", "clean", "lock"} <= targets
