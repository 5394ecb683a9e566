"""Jobs in MLflow: real stores in an environment of its own, and nothing where MLflow is not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from estimator import EstimatorError
from local_mode.local_aws import LocalAws
from tests.estimator.conftest import Make

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("drive_mlflow.py")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "file"])
def test_jobs_are_logged_to_mlflow(aws: LocalAws, tmp_path: Path, kind: str) -> None:
    subprocess.run([ROOT / "tools/install_apart.sh", "notebooks"], cwd=ROOT, check=True)
    address = f"sqlite:///{tmp_path}/mlflow.db" if kind == "sqlite" else f"file://{tmp_path}/runs"
    variables = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        # MLflow advises against its file store, but has it.
        "MLFLOW_ALLOW_FILE_STORE": "true",
        **aws.environment(),
    }
    done = subprocess.run(
        [ROOT / ".venv/notebooks/bin/python", PROGRAM, address, f"{kind}-"],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    tuned = sorted(name for name in found["runs"] if name.startswith("tuned-00"))
    assert sorted(found["runs"]) == ["tracked", "tracked-failed", "tracked-late", *tuned]
    assert len(tuned) == 2
    first = found["runs"]["tracked"]
    assert first["status"] == "FINISHED"
    assert first["params"] == {"seed": "7", "note": "a b"}
    assert first["rewards"] == [1.5, 3.0, 4.5, 6.0]
    assert first["tags"]["model_data"] == found["model"]
    assert first["tags"]["training_job_name"] == f"{kind}-tracked"
    assert 0 < first["seconds"] < 60
    assert found["runs"]["tracked-late"]["rewards"] == [1.5, 3.0, 4.5, 6.0]
    failed = found["runs"]["tracked-failed"]
    assert failed["status"] == "FAILED"
    assert "there is no preset 'x'" in failed["tags"]["failure_reason"]
    assert {found["runs"][name]["params"]["shift"] for name in tuned} < {"0", "1", "2", "3"}
    told, unreachable = found["told"]
    assert told.startswith(f"{kind}-tracked was not logged to MLflow at no-such-store://nowhere: ")
    assert unreachable.startswith(
        f"{kind}-tracked was not logged to MLflow at http://127.0.0.1:9: "
    )
    assert found["waited"] < 30


def test_without_mlflow_nothing_is_logged(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EstimatorError, match="MLflow is not installed: install mlflow"):
        make(mlflow_tracking_uri="sqlite:///x.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "no-such-store://nowhere")
    estimator = make()
    estimator.fit(logs=False)
    assert "mlflow" not in sys.modules
