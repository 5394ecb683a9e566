"""The share of branches taken: nothing is said of data that is not there."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = str(Path(__file__).parents[2] / "tools" / "branch_coverage.py")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    # As if these tests were not measured themselves.
    variables = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=variables, capture_output=True, text=True
    )


def test_without_data_it_is_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, PROGRAM)
    assert done.returncode == 2
    assert done.stderr.startswith("error: No data to report: run `make coverage`")
    assert done.stderr.count("\n") == 1


def test_too_few_branches_are_a_failure(tmp_path: Path) -> None:
    settings = "[run]\nbranch = true\n[report]\nfail_under = {}\n"
    (tmp_path / "program.py").write_text("for number in (1, 2):\n    if number:\n        pass\n")
    (tmp_path / ".coveragerc").write_text(settings.format(90))
    assert run(tmp_path, "-m", "coverage", "run", "program.py").returncode == 0
    done = run(tmp_path, PROGRAM)
    assert done.returncode == 1, done.stderr
    assert done.stdout == "Branches: 75.0 % of 4 taken, 90 % wanted\n"
    (tmp_path / ".coveragerc").write_text(settings.format(50))
    assert run(tmp_path, PROGRAM).returncode == 0
