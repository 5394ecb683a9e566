"""GitHub's workflows: what they run exists, what they use is pinned, what they may do is little.

They never ran on GitHub here. Linters look at them where they are installed; the script that tries
presets is run against stand-ins.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
USES = re.compile(r"^ *(?:- )?uses: (\S+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$", re.MULTILINE)
NOTHING_MORE = {"contents": "read", "id-token": "write", "pull-requests": "write"}

Job = dict[str, Any]


def load(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text())


def jobs(file: Path) -> dict[str, Job]:
    return load(file)["jobs"]


def every_job() -> Iterator[tuple[str, Path, Job]]:
    for file in FILES:
        for name, job in jobs(file).items():
            yield f"{file.name}, {name}", file, job


def steps_using(job: Job, action: str) -> list[dict[str, Any]]:
    return [step for step in job["steps"] if step.get("uses", "").startswith(f"{action}@")]


def scripts(job: Job) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def every_script() -> list[str]:
    return [script for _, _, job in every_job() for script in scripts(job)]


def triggers(file: Path) -> dict[str, Any]:
    return load(file)[True]  # YAML 1.1 reads the key `on` so


def test_there_are_the_four() -> None:
    assert [file.stem for file in FILES] == ["check", "deploy", "drift", "presets"]


def test_every_action_is_pinned_to_a_commit_and_says_which_version_it_is() -> None:
    seen: dict[str, set[tuple[str, str]]] = {}
    for file in FILES:
        text = file.read_text()
        pinned = USES.findall(text)
        assert len(pinned) == len(re.findall(r"\buses:", text)), file.name
        for action, commit, version in pinned:
            seen.setdefault(action, set()).add((commit, version))
    assert {action: len(pins) for action, pins in seen.items()} == dict.fromkeys(seen, 1)
    assert set(seen) == {
        "actions/checkout",
        "actions/setup-python",
        "aws-actions/configure-aws-credentials",
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_workflow_may_read_the_repository_at_most(file: Path) -> None:
    assert load(file)["permissions"] in ({}, {"contents": "read"})


def test_a_job_may_do_what_it_needs_and_no_more() -> None:
    for place, _, job in every_job():
        granted = job.get("permissions", {})
        assert granted.items() <= NOTHING_MORE.items(), place
        # Who comments on pull requests has no role, and runs nothing of the repository.
        if "pull-requests" in granted:
            assert set(granted) == {"pull-requests"}, place
            assert not any("uses" in step for step in job["steps"]), place
        assumes = bool(steps_using(job, "aws-actions/configure-aws-credentials"))
        assert assumes == ("id-token" in granted), place
        assert assumes == ("environment" in job), place


def test_no_secret_and_no_token_lies_about() -> None:
    for file in FILES:
        text = file.read_text()
        assert "secrets." not in text
        assert "aws-secret-access-key" not in text
    for place, _, job in every_job():
        for step in steps_using(job, "actions/checkout"):
            assert step["with"]["persist-credentials"] is False, place


def test_nothing_of_an_expression_gets_into_a_script() -> None:
    assert not [script for script in every_script() if "${{" in script]


def test_code_of_pull_requests_runs_without_roles() -> None:
    for file in FILES:
        assert not triggers(file).keys() & {"pull_request_target", "workflow_run", "issue_comment"}
        if "pull_request" not in triggers(file):
            continue
        for name, job in jobs(file).items():
            if "id-token" in job.get("permissions", {}):
                (checkout,) = steps_using(job, "actions/checkout")
                assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}", name


def test_presets_of_forks_are_not_tried() -> None:
    presets = jobs(FOLDER / "presets.yml")
    first, *others = presets.values()
    assert "github.event.pull_request.head.repo.full_name == github.repository" in first["if"]
    names = list(presets)
    for before, job in zip(names, others, strict=False):
        assert job["needs"] == before


def test_prod_comes_after_an_execution_in_dev() -> None:
    deploy = jobs(FOLDER / "deploy.yml")
    assert [(name, job.get("needs")) for name, job in deploy.items()] == [
        ("check", None),
        ("dev", "check"),
        ("execute", "dev"),
        ("prod", "execute"),
    ]
    assert deploy["prod"]["environment"] == "prod"
    assert triggers(FOLDER / "deploy.yml") == {"push": {"branches": ["main"]}}


def test_what_is_deployed_was_synthesised_without_credentials() -> None:
    for name in ("dev", "prod"):
        job = jobs(FOLDER / "deploy.yml")[name]
        order = [step.get("run", step.get("uses", "")) for step in job["steps"]]
        (synthesis,) = [n for n, it in enumerate(order) if it.startswith("npx cdk synth")]
        (role,) = [n for n, it in enumerate(order) if it.startswith("aws-actions/")]
        (deployment,) = [n for n, it in enumerate(order) if it.startswith("npx cdk deploy")]
        assert synthesis < role < deployment
        assert f"-c stage={name}" in order[synthesis]
        assert "--app cdk.out" in order[deployment]


def test_checks_are_those_that_contributors_run() -> None:
    wanted = re.findall(r"^make \w+$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert wanted == ["make check", "make test"]
    for file in ("check.yml", "deploy.yml"):
        assert scripts(jobs(FOLDER / file)["check"]) == wanted


def test_every_target_and_program_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    everything = "\n".join(every_script())
    assert set(re.findall(r"\bmake ([a-z-]+)", everything)) <= targets
    programs = set(re.findall(r"\btools/\w+\.\w+", everything))
    assert programs == {"tools/run_execution.py", "tools/score_table.py", "tools/preset_input.py"}
    assert all((ROOT / program).is_file() for program in programs)


def test_the_command_line_comes_from_the_lock() -> None:
    for place, _, job in every_job():
        run = scripts(job)
        if any(script.startswith("npx") for script in run):
            assert "npm ci" in run, place
    assert "npx cdk@" not in "\n".join(every_script())


def test_the_stages_are_those_of_the_pipeline() -> None:
    source = (ROOT / "stacks" / "pipeline_config.py").read_text()
    (stages,) = re.findall(r"stages: tuple\[str, \.\.\.\] = \((.*)\)", source)
    matrix = jobs(FOLDER / "drift.yml")["drift"]["strategy"]["matrix"]
    assert [it.strip('" ') for it in stages.split(",")] == matrix["stage"]


def test_drift_of_each_stage_is_looked_for_in_an_environment_of_its_own() -> None:
    job = jobs(FOLDER / "drift.yml")["drift"]
    assert job["environment"] == "drift-${{ matrix.stage }}"


def test_a_job_does_not_outlive_its_role() -> None:
    for place, _, job in every_job():
        for step in steps_using(job, "aws-actions/configure-aws-credentials"):
            lives = step["with"].get("role-duration-seconds", 3600)
            assert job["timeout-minutes"] * 60 <= lives <= 6 * 3600, place


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


def test_what_could_not_be_read_for_drift_is_asked_after_it_was_looked_for() -> None:
    steps = jobs(FOLDER / "drift.yml")["drift"]["steps"]
    runs = [step.get("run", "") for step in steps]
    (looked,) = [n for n, run in enumerate(runs) if run.startswith("npx cdk drift")]
    (asked,) = [n for n, run in enumerate(runs) if "describe-stack-resource-drifts" in run]
    assert looked < asked
    assert steps[asked]["if"] == "success() || failure()"


def installed(name: str) -> str:
    """Return the path of a linter: among the checkers, beside this interpreter, or on PATH."""
    here = Path(sys.executable).parent
    folders = [here.parent / "checkers" / "bin", here, os.environ.get("PATH", "")]
    places = os.pathsep.join(map(str, folders))
    found = shutil.which(name, path=places)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("actionlint", "-no-color"),
        ("zizmor", "--offline", "--no-progress", "--persona", "auditor", "--min-severity", "low"),
    ],
    ids=lambda command: command[0],
)
def test_linters_find_nothing(command: tuple[str, ...]) -> None:
    program, *options = command
    made = subprocess.run(
        [installed(program), *options, *map(str, FILES)], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.mark.slow
def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    program = installed("shellcheck")
    for script in every_script():
        made = subprocess.run(
            [program, "--shell", "bash", "-"], input=script, capture_output=True, text=True
        )
        assert made.returncode == 0, f"{script}\n{made.stdout}"


@pytest.mark.slow
@pytest.mark.parametrize("program", ["actionlint", "zizmor"])
def test_linters_would_find_something(program: str, tmp_path: Path) -> None:
    bad = tmp_path / ".github" / "workflows" / "bad.yml"
    bad.parent.mkdir(parents=True)
    bad.write_text(
        "on: pull_request_target\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    needs: nothing\n"
        "    steps:\n      - run: echo ${{ github.event.pull_request.title }}\n"
    )
    options = ["--offline", "--no-progress"] if program == "zizmor" else []
    made = subprocess.run([installed(program), *options, str(bad)], capture_output=True, text=True)
    assert made.returncode != 0
