"""Scripts of GitHub's workflows, run against stand-ins of what they call."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.project.workflows import FOLDER, jobs

PYTHON = """#!/bin/sh
# Stands in for the tools: the execution of `bad` fails, of others the input is the output.
shift_to() { while [ "$1" != "$2" ]; do shift; done; echo "$3"; }
case "$*" in
  *run_execution*) echo "${*##*--timeout-minutes }" >>minutes
    grep -q '"bad"' tried/input.json && exit 1
    cp tried/input.json tried/output.json; cp tried/input.json tried/scorecard.json ;;
  *score_table*) echo "table of $(cat tried/scorecard.json)" ;;
esac
"""


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize(
    ("inputs", "status", "shown"),
    [
        ({"one": 1, "two": 2}, 0, "table of 1\n\ntable of 2\n\n"),
        (
            {"first": "bad", "two": 2},
            1,
            "### first\n\nThe execution failed; the log of this workflow says why.\n\n"
            "table of 2\n\n",
        ),
    ],
)
def test_presets_are_tried_one_by_one(
    tmp_path: Path, inputs: dict[str, Any], status: int, shown: str
) -> None:
    assert try_presets(tmp_path, inputs) == (status, shown)


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize(
    ("passed", "share"),
    # The executions take no time here, so that who comes later has more.
    [(0, [80, 106, 160, 320]), (100, [55, 73, 110, 220])],
)
def test_presets_share_the_time_and_leave_some_for_the_tables(
    tmp_path: Path, passed: int, share: list[int]
) -> None:
    status, shown = try_presets(
        tmp_path, {f"p{n}": n for n in range(4)}, first=f"SECONDS={passed * 60}"
    )
    assert (status, shown.count("table of")) == (0, 4)
    minutes = [int(line) for line in (tmp_path / "minutes").read_text().split()]
    assert minutes == share
    # Setting up comes before, and the job ends as a whole.
    limit = jobs(FOLDER / "presets.yml")["execute"]["timeout-minutes"]
    assert passed + minutes[-1] <= limit - 30


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize(
    "said",
    [
        {},
        {"endpoint": {"run": False}, "registry": {"approval": "manual"}},
        {"endpoint": {"run": True}, "registry": {"approval": "automatic"}},
        {"endpoint": True, "registry": None},
    ],
)
def test_presets_are_neither_deployed_nor_approved_whatever_the_input_says(
    tmp_path: Path, said: dict[str, Any]
) -> None:
    rest = {"preset": "p", "training": {"hyperparameters": {"seed": "1"}}}
    status, _ = try_presets(tmp_path, {"one": rest | said})
    assert status == 0
    assert json.loads((tmp_path / "tried" / "input.json").read_text()) == rest | {
        "endpoint": {"run": False},
        "registry": {"approval": "manual"},
    }


def try_presets(tmp_path: Path, inputs: dict[str, Any], first: str = "") -> tuple[int, str]:
    """Return the exit status of the script and the tables that it hands on.

    Args:
        tmp_path: Where it runs.
        inputs: The inputs of the executions by preset.
        first: What is run before it in the same shell.
    """
    (step,) = [it for it in jobs(FOLDER / "presets.yml")["execute"]["steps"] if "env" in it]
    interpreter = tmp_path / ".venv" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.write_text(PYTHON)
    interpreter.chmod(0o755)
    output = tmp_path / "output"
    made = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", f"{first}\n{step['run']}"],
        cwd=tmp_path,
        env=os.environ | {"INPUTS": json.dumps(inputs), "GITHUB_OUTPUT": str(output)},
        capture_output=True,
        text=True,
    )
    line, _, rest = output.read_text().partition("\n")
    name, _, end = line.partition("<<")
    assert name == "tables", made.stderr
    assert rest.endswith(f"{end}\n")
    return made.returncode, rest.removesuffix(f"{end}\n")


NPX = """#!/bin/sh
[ "$*" = "cdk ls --app cdk.out" ] && printf 'p-dev-Storage\\np-dev-Workflow\\n'
"""
AWS = """#!/bin/sh
# Stands in for the command line: each stack has an answer, in a file.
case "$*" in
  *describe-stack-resource-drifts*--stack-resource-drift-status-filters\\ UNKNOWN*) ;;
  *) exit 255 ;;
esac
while [ "$1" != --stack-name ]; do shift; done
cat "answers/$2"
"""
READ: dict[str, Any] = {"StackResourceDrifts": []}
UNREAD = {
    "StackResourceDrifts": [
        {"LogicalResourceId": "Bucket", "DriftStatusReason": "AccessDenied"},
        {"LogicalResourceId": "Key"},
    ]
}


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
@pytest.mark.parametrize(
    ("answers", "status", "shown"),
    [
        ((READ, READ), 0, ""),
        (
            (UNREAD, READ),
            1,
            "p-dev-Storage, Bucket: AccessDenied\np-dev-Storage, Key: no reason\n",
        ),
        ((READ, UNREAD), 1, "p-dev-Workflow, Bucket: AccessDenied\n"),
        ((READ, READ | {"NextToken": "more"}), 1, ""),
        ((READ, None), 1, ""),
    ],
)
def test_what_could_not_be_read_for_drift_fails(
    tmp_path: Path, answers: tuple[dict[str, Any] | None, ...], status: int, shown: str
) -> None:
    steps = jobs(FOLDER / "drift.yml")["drift"]["steps"]
    (step,) = [it for it in steps if it.get("name") == "What could not be read"]
    (tmp_path / "answers").mkdir()
    for stack, answer in zip(("Storage", "Workflow"), answers, strict=True):
        if answer is not None:
            (tmp_path / "answers" / f"p-dev-{stack}").write_text(json.dumps(answer))
    for name, program in (("npx", NPX), ("aws", AWS)):
        (tmp_path / name).write_text(program)
        (tmp_path / name).chmod(0o755)
    made = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert made.returncode == status, made.stderr
    assert shown in made.stdout
