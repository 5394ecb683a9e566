"""A local AWS with a bucket of the bundle, and the SDKs in environments of their own."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_mode.local_aws import LocalAws
from local_mode.packing import tar_gz

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
BUCKET = "sdk-tests"
ROLE = "arn:aws:iam::123456789012:role/sdk-tests"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sdk-tests:1"

Drive = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    folder = tmp_path_factory.mktemp("sdk-aws")
    with LocalAws(state_dir=folder / "state", cache_dir=folder / "cache") as started:
        s3 = started.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        bundle = tar_gz(ROOT / "training_src")
        s3.put_object(Bucket=BUCKET, Key="source/sourcedir.tar.gz", Body=bundle)
        for name, value in (("image-uri", IMAGE), ("artifact-bucket", BUCKET)):
            started.client("ssm").put_parameter(
                Name=f"/rl-autoscaling/dev/{name}", Value=value, Type="String"
            )
        yield started


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle as git has it: both SDKs upload whatever lies in the folder, caches as well."""
    folder = tmp_path_factory.mktemp("bundle") / "training_src"
    shutil.copytree(
        ROOT / "training_src", folder, ignore=shutil.ignore_patterns("__pycache__", ".*")
    )
    return folder


@pytest.fixture(scope="session")
def metrics() -> list[dict[str, str]]:
    return json.loads((ROOT / "training_src/metrics.json").read_text())


@pytest.fixture(scope="session")
def drive(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Drive:
    """Run a script here in an environment of its own; return what it reports."""

    def drive(
        environment: str, command: str, settings: dict[str, Any], **variables: str
    ) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("drive")
        given, report = folder / "settings.json", folder / "report.json"
        given.write_text(json.dumps(settings))
        script = HERE / f"drive_{environment.removeprefix('sdk_')}.py"
        done = subprocess.run(
            [interpreter(environment), script, command, given, report],
            env=script_environment(aws, folder) | variables,
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return json.loads(report.read_text()) | {"output": done.stdout + done.stderr}

    return drive


def interpreter(environment: str) -> Path:
    """Install an environment unless it is there; return its interpreter."""
    subprocess.run([ROOT / "tools/install_apart.sh", environment], cwd=ROOT, check=True)
    return ROOT / ".venv" / environment / "bin" / "python"


def script_environment(aws: LocalAws, home: Path) -> dict[str, str]:
    """Return the environment of a script: nothing of this one but where programs are."""
    opt_out = str(ROOT / "estimator" / "sdk_config.yaml")
    return {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": opt_out,
        "SAGEMAKER_USER_CONFIG_OVERRIDE": opt_out,
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
        # Version 3 asks IAM about the role otherwise, and refuses what it cannot find out.
        "SAGEMAKER_VALIDATE_ROLE": "false",
        **aws.environment(),
    }
