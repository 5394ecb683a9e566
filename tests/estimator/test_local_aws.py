"""The local AWS that an estimator starts, and the SDK it is built on."""

import ast
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from estimator import local_aws as module
from estimator.errors import EstimatorError
from estimator.sdk import load
from estimator.session import names_local_aws

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "estimator.md"

# After the example of the page: what is there, until somebody ends this process.
REST = """
again = RLEstimator.attach(job.latest_training_job.name)
print(again.latest_training_job.status, again.sagemaker_session.boto_session is
      job.sagemaker_session.boto_session)
print("url", job.sagemaker_session.sagemaker_client.meta.endpoint_url, flush=True)
input()
"""


def example(folder: Path) -> str:
    """The program of docs/estimator.md, with a load and a picture of the test's own."""
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    hours = [datetime(2026, 1, 1) + timedelta(hours=hour) for hour in range(240)]
    rows = [f"{hour:%Y-%m-%dT%H:%MZ},{60_000 + 500 * hour.hour}" for hour in hours]
    (folder / "load.csv").write_text("\n".join(["timestamp,requests", *rows]))
    return program.replace("load.csv", f"{folder}/load.csv").replace(
        "training.png", f"{folder}/training.png"
    )


def environment() -> dict[str, str]:
    """A user's environment: no local AWS is named, a profile is that does not exist."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "PYTHONPATH": str(ROOT), "AWS_PROFILE": "no-such-profile"}


def answers(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def example_process(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", example(tmp_path) + REST],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


@pytest.mark.slow
def test_the_example_of_the_page_and_the_end_of_everything_with_python(
    example_process: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    lines: list[str] = []
    while not lines or not lines[-1].startswith("url"):
        line = example_process.stdout.readline()
        assert line, lines
        lines.append(line.strip())
    assert any(line.startswith("progress: 100 %") for line in lines)
    assert any("episode_reward_mean" in line and line[0].isdigit() for line in lines)
    answer = ast.literal_eval(lines[-3])
    assert answer["desired"][0] >= 4
    assert lines[-2] == "Completed True"
    assert (tmp_path / "training.png").stat().st_size > 10_000
    url = lines[-1].split()[1]
    assert answers(url)
    # As hard as it gets: nothing of Python's own runs any more.
    example_process.kill()
    deadline = time.monotonic() + 20
    while answers(url) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not answers(url)


THREADS = """
import threading
from estimator import EstimatorError, RLEstimator

def endpoint():
    job = RLEstimator(entry_point="train.py", source_dir="training_src", toolkit="cem",
                      framework="numpy", instance_type="local")
    found.append(job.sagemaker_session.sagemaker_client.meta.endpoint_url)

found = []
threads = [threading.Thread(target=endpoint) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(found), len(set(found)))
try:
    RLEstimator.attach("nowhere")
except EstimatorError as error:
    print(error)
"""


ENDED = """
import os, signal
from estimator import EstimatorError, RLEstimator, local_aws, stop_local_aws

job = RLEstimator(entry_point="train.py", source_dir="tests/estimator/bundle", toolkit="cem",
                  framework="numpy", instance_type="local")
for end in (stop_local_aws, lambda: os.killpg(local_aws._started._process.pid, signal.SIGKILL)):
    job.fit(logs=False)
    ended = job.latest_training_job
    end()
    while not ended.session.is_gone:
        pass
    try:
        ended.status
    except EstimatorError as error:
        print(error)
job.fit(logs=False)
print(job.latest_training_job.status)
"""


def run_apart(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process that has no local AWS yet."""
    variables = {name: text for name, text in environment().items() if name != "AWS_PROFILE"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_after_the_end_of_a_local_aws_another_one_is_started() -> None:
    run = run_apart(ENDED)
    assert run.stderr == ""
    said = "the local AWS that this process started has ended, its jobs and endpoints with it: "
    told = run.stdout.splitlines()
    assert [line.startswith(said) for line in told] == [True, True, False]
    assert told[-1] == "Completed"


@pytest.mark.slow
def test_threads_share_one_local_aws() -> None:
    run = run_apart(THREADS)
    assert run.stdout.splitlines()[0] == "3 1", run.stderr
    assert "the local AWS of this process has no training job nowhere" in run.stdout


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
