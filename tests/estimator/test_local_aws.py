"""The local AWS that an estimator starts, and the SDK it is built on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from estimator import local_aws as module
from estimator.errors import EstimatorError
from estimator.sdk import load
from estimator.session import names_local_aws

ROOT = Path(__file__).parents[2]

WORKFLOW = """
import sys
from estimator import RLEstimator
job = RLEstimator(entry_point="train.py", source_dir="training_src", toolkit="cem",
                  framework="numpy", instance_type="local", hyperparameters={"preset": "smoke"},
                  output_path="file://" + sys.argv[1])
job.fit()
print(sorted(set(job.training_job_analytics.dataframe()["metric_name"])))
predictor = job.deploy(initial_instance_count=1, instance_type="local")
state = {"timestamp": "2026-01-05T12:00:00Z", "load": [1000.0] * 120, "failed": [0] * 120,
         "active": 5, "pending": [], "capacity": 250.0, "warmup_minutes": 5, "failure_price": 20,
         "min_machines": 1, "max_machines": 0, "memory": None}
print(predictor.predict({"states": [state]})["desired"])
again = RLEstimator.attach(job.latest_training_job.name)
print(again.latest_training_job.status, again.sagemaker_session.boto_session is
      job.sagemaker_session.boto_session)
print("url", job.sagemaker_session.sagemaker_client.meta.endpoint_url, flush=True)
input()
"""


def environment() -> dict[str, str]:
    """A user's environment: no local AWS is named, a profile is that does not exist."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "PYTHONPATH": str(ROOT), "AWS_PROFILE": "no-such-profile"}


def answers(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    import socket

    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.slow
def test_the_whole_workflow_and_the_end_of_everything_with_the_python_process(
    tmp_path: Path,
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", WORKFLOW, str(tmp_path)],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = []
    while not lines or not lines[-1].startswith("url"):
        line = process.stdout.readline()
        assert line, lines
        lines.append(line.strip())
    assert any(line.startswith("progress: 100 %") for line in lines)
    assert lines[-4].startswith("['episode_reward_max', 'episode_reward_mean', 'reward-testing'")
    assert int(lines[-3].strip("[]")) >= 4
    assert lines[-2] == "Completed True"
    url = lines[-1].split()[1]
    assert answers(url)
    (archive,) = tmp_path.glob("*/output/model.tar.gz")
    assert archive.stat().st_size > 0
    # As hard as it gets: nothing of Python's runs any more.
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    deadline = time.monotonic() + 20
    while answers(url) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not answers(url)


def test_a_local_aws_needs_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    with pytest.raises(EstimatorError, match=f"{tmp_path} is no checkout"):
        module.local_session()


def test_a_local_aws_that_does_not_start_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    (tmp_path / "local_mode").mkdir()
    (tmp_path / "local_mode" / "__main__.py").write_text("raise SystemExit('no room left')")
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    with pytest.raises(EstimatorError, match="the local AWS did not start: no room left"):
        module.local_session()
    assert module.running_session() is None


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:4566", True),
        ("http://localhost:4566", True),
        ("http://[::1]:4566", True),
        ("https://sagemaker.us-east-1.amazonaws.com", False),
        ("", False),
    ],
)
def test_only_an_address_of_this_machine_is_a_local_aws(url: str, local: bool) -> None:
    assert names_local_aws(url) is local


def test_the_sdk_sends_nothing_about_its_use() -> None:
    defaults = load("sagemaker.core.config.config").load_sagemaker_config()
    assert defaults["SageMaker"]["PythonSDK"]["Modules"]["TelemetryOptOut"] is True


def test_a_missing_sdk_is_named() -> None:
    with pytest.raises(EstimatorError, match="no_such_sdk is not installed: run `make setup-est"):
        load("no_such_sdk")


def test_importing_the_estimator_is_cheap() -> None:
    heavy = "{'boto3', 'botocore', 'sagemaker', 'pandas', 'matplotlib', 'tqdm'}"
    code = f"import estimator, sys; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
