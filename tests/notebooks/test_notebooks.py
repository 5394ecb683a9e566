"""The notebooks: thin and clean as committed, and they run, here and against SageMaker's API."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_mode.local_aws import LocalAws
from local_mode.provision import provision

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PICTURES = {
    "1_train": 1,
    "2_compare_presets": 2,
    "3_evaluate_and_backtest": 2,
    "4_deploy_and_invoke": 2,
}
LONGEST_CELL = 12
CHOICE = json.dumps('"local", None, "local"')[1:-1]
ACCOUNT = json.dumps('"ml.c7i.2xlarge", "arn:aws:iam::123456789012:role/notebooks", "ml.m5.large"')[
    1:-1
]
_seconds: dict[str, float] = {}


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text())["cells"]


def test_there_are_all_of_them() -> None:
    assert [path.stem for path in NOTEBOOKS] == list(PICTURES)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_thin_and_clean(path: Path) -> None:
    for cell in cells(path):
        text = "".join(cell["source"])
        assert not re.search(r"(?:^|[\s\"'=(])/\w+/", text), text
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
            lines = [line for line in text.splitlines() if line.strip()]
            assert len(lines) <= LONGEST_CELL, text
            assert not re.search(r"^(def|class|while|try)\b", text, re.MULTILINE), text
    assert cells(path)[0]["source"][0].startswith(f"# {path.stem[0]}. ")
    assert "execution" not in json.loads(path.read_text())["metadata"]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    folder = tmp_path_factory.mktemp("notebooks-aws")
    with LocalAws(state_dir=folder / "state", cache_dir=folder / "cache") as started:
        provision(started.client)
        yield started


def run(path: Path, folder: Path, *texts: str, **variables: str) -> str:
    subprocess.run([ROOT / "tools/install_apart.sh", "notebooks"], cwd=ROOT, check=True)
    done = subprocess.run(
        [
            ROOT / ".venv/notebooks/bin/python",
            Path(__file__).with_name("run_notebook.py"),
            *(path, folder, *texts),
        ],
        env={"HOME": str(folder), "PATH": os.environ["PATH"]} | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_this_machine(path: Path, tmp_path: Path, aws: LocalAws) -> None:
    began = time.monotonic()
    shown = run(path, tmp_path, **aws.environment())
    _seconds[path.stem] = time.monotonic() - began
    pictures = sorted(tmp_path.glob("*.png"))
    assert len(pictures) == PICTURES[path.stem]
    assert all(picture.stat().st_size > 10_000 for picture in pictures)
    assert ("100 % |" in shown) == (path.stem == "1_train")
    assert "Error" not in shown
    assert "Warning" not in shown


@pytest.mark.slow
def test_the_notebooks_take_less_than_three_minutes() -> None:
    if len(_seconds) < len(NOTEBOOKS):
        pytest.skip("not all of them ran")
    if os.getloadavg()[0] > 3 * len(os.sched_getaffinity(0)):
        pytest.skip(f"the machine has much else to do: {_seconds}")
    assert sum(_seconds.values()) < 180, _seconds


@pytest.mark.slow
def test_a_notebook_starts_the_local_aws_itself(tmp_path: Path) -> None:
    run(NOTEBOOKS[3], tmp_path)
    assert len(list(tmp_path.glob("*.png"))) == PICTURES["4_deploy_and_invoke"]


@pytest.mark.slow
@pytest.mark.parametrize("path", [NOTEBOOKS[0], NOTEBOOKS[3]], ids=lambda path: path.stem)
def test_one_cell_chooses_an_account(path: Path, tmp_path: Path, aws: LocalAws) -> None:
    """SageMaker's instance types, role and buckets; the local AWS answers in its stead."""
    run(path, tmp_path, CHOICE, ACCOUNT, **aws.environment())
    described = aws.client("sagemaker").list_training_jobs(SortOrder="Descending", MaxResults=1)
    name = described["TrainingJobSummaries"][0]["TrainingJobName"]
    job = aws.client("sagemaker").describe_training_job(TrainingJobName=name)
    assert job["ResourceConfig"]["InstanceType"] == "ml.c7i.2xlarge"
    assert job["RoleArn"].endswith("role/notebooks")
