"""AWS's toolkit for training images runs the bundle: its `train` instead of this project's."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from local_mode.packing import tar_gz
from tests.estimator.sdk.conftest import BUCKET, HERE, interpreter, script_environment

pytestmark = pytest.mark.slow

KEY = "source/lean/sourcedir.tar.gz"
# Installing what the toolkit sb3 needs takes minutes; the presets here do without.
LEFT_OUT = ("stable-baselines3", "torch")
# Every Python of the run reads this first.
GUARD = """import sys
sys.path.append({here!r})
from watch import refuse_outside
refuse_outside(lambda host: print(host, file=open({refused!r}, "a")))
"""


class Toolkit:
    """A tree that stands for /opt/ml, and the toolkit's `train` on it."""

    def __init__(self, aws, folder: Path) -> None:
        self.base = folder / "ml"
        self._refused = folder / "refused"
        self.aws = aws
        self.folder = folder
        guard = folder / "guard"
        guard.mkdir()
        text = GUARD.format(here=str(HERE), refused=str(self._refused))
        (guard / "sitecustomize.py").write_text(text)

    def refused(self) -> set[str]:
        """Return the machines that something wanted to reach."""
        return set(self._refused.read_text().splitlines()) if self._refused.exists() else set()

    def train(self, hyperparameters: dict[str, str], channels: tuple[str, ...] = ()):
        """Run a job as SDK version 2 asks for it; the values are encoded as it does."""
        config = self.base / "input" / "config"
        config.mkdir(parents=True, exist_ok=True)
        for name in ("model", "output/data", *(f"input/data/{one}" for one in channels)):
            (self.base / name).mkdir(parents=True, exist_ok=True)
        resources = {
            "current_host": "localhost",
            "current_instance_type": "ml.c7i.xlarge",
            "current_group_name": "homogeneousCluster",
            # A name that no name server knows makes the toolkit wait for ever.
            "hosts": ["localhost"],
            "instance_groups": [],
            "network_interface_name": "lo",
        }
        defaults = {
            "sagemaker_submit_directory": f"s3://{BUCKET}/{KEY}",
            "sagemaker_container_log_level": 20,
            "sagemaker_job_name": "toolkit",
            "sagemaker_region": "us-east-1",
            "sagemaker_estimator": "RLEstimator",
        }
        encoded = {key: json.dumps(one) for key, one in {**defaults, **hyperparameters}.items()}
        inputs = {
            name: {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}
            for name in channels
        }
        files = {
            "hyperparameters": encoded,
            "resourceconfig": resources,
            "inputdataconfig": inputs,
        }
        for name, content in files.items():
            (config / f"{name}.json").write_text(json.dumps(content))
        command = interpreter("training_toolkit").with_name("train")
        return subprocess.run(
            [command],
            env=script_environment(self.aws, self.folder)
            | {
                "SAGEMAKER_BASE_DIR": str(self.base),
                "TRAINING_JOB_NAME": "toolkit",
                "PYTHONPATH": str(self.folder / "guard"),
                # pip asks for its own newest version otherwise.
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                "PIP_NO_INDEX": "1",
                "NUMBA_CACHE_DIR": str(self.folder / "kernels"),
            },
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture(scope="module")
def toolkit(aws, bundle, tmp_path_factory):
    lean = tmp_path_factory.mktemp("lean") / "training_src"
    shutil.copytree(bundle, lean)
    wanted = (lean / "requirements.txt").read_text().splitlines(keepends=True)
    kept = "".join(line for line in wanted if not line.startswith(LEFT_OUT))
    (lean / "requirements.txt").write_text(kept)
    aws.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=tar_gz(lean))
    return Toolkit(aws, tmp_path_factory.mktemp("toolkit"))


@pytest.fixture(scope="module")
def trained(toolkit):
    hyperparameters = {"sagemaker_program": "train.py", "preset": "smoke", "seed": 3}
    return toolkit.train(hyperparameters | {"training.population": 18})


def test_the_toolkit_trains_with_the_bundle(toolkit, trained):
    assert trained.returncode == 0, trained.stdout[-3000:]
    # The toolkit installs the bundle's requirements.txt: all of it is there.
    assert "Requirement already satisfied: numpy==" in trained.stdout
    assert "Invoking user script" in trained.stdout
    assert "Testing> Name=main_level/agent, Episode=4, Total reward=" in trained.stdout
    made = json.loads((toolkit.base / "model" / "manifest.json").read_text())
    assert made["seed"] == 3
    assert made["preset"]["training"]["population"] == 18
    assert (toolkit.base / "output" / "success").exists()
    assert not (toolkit.base / "output" / "failure").exists()


def test_nothing_left_this_machine(toolkit, trained):
    assert "Traceback" not in trained.stdout
    assert toolkit.refused() == set()


def test_the_toolkit_evaluates_with_the_bundle(toolkit, trained, tmp_path_factory):
    job = Toolkit(toolkit.aws, tmp_path_factory.mktemp("evaluation"))
    shutil.copytree(toolkit.base / "model", job.base / "input/data/checkpoint")
    hyperparameters = {"sagemaker_program": "evaluate.py", "preset": "smoke", "episodes": 2}
    done = job.train(hyperparameters, channels=("checkpoint",))
    assert done.returncode == 0, done.stdout[-3000:]
    assert "J_over_oracle: " in done.stdout
    figures = json.loads((job.base / "model" / "manifest.json").read_text())["figures"]
    assert "evaluation" in figures
    assert job.refused() == set()


def test_a_mistake_of_the_user_ends_the_job_with_its_reason(toolkit, tmp_path_factory):
    job = Toolkit(toolkit.aws, tmp_path_factory.mktemp("mistake"))
    done = job.train({"sagemaker_program": "train.py", "preset": "smokey"})
    assert done.returncode != 0
    assert "smokey" in (job.base / "output" / "failure").read_text()
    assert not (job.base / "output" / "success").exists()
