"""GitHub's workflows: what they run exists, what they use is pinned, what they may do is little.

They never ran on GitHub here. Linters look at them where they are installed; what their scripts do
is in `test_github_scripts`.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.workflows import (
    FILES,
    FOLDER,
    ROOT,
    every_job,
    every_script,
    jobs,
    load,
    scripts,
    steps_using,
    triggers,
)

USES = re.compile(r"^ *(?:- )?uses: (\S+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$", re.MULTILINE)
NOTHING_MORE = {"contents": "read", "id-token": "write", "pull-requests": "write"}


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
