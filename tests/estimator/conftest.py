"""A local AWS that runs already, named by AWS_ENDPOINT_URL, and estimators for it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from estimator import RLEstimator
from local_mode.local_aws import LocalAws
from tests.estimator.support import BUCKET, IMAGE, ROLE, local_estimator

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    folder = tmp_path_factory.mktemp("estimator-aws")
    options = ("--stop-grace=1", "--startup-limit=3")
    with LocalAws(
        state_dir=folder / "state", cache_dir=folder / "cache", options=options
    ) as started:
        started.client("s3").create_bucket(Bucket=BUCKET)
        for name, value in (("image-uri", IMAGE), ("artifact-bucket", BUCKET)):
            started.client("ssm").put_parameter(
                Name=f"/rl-autoscaling/dev/{name}", Value=value, Type="String"
            )
        yield started


@pytest.fixture
def aws(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> LocalAws:
    """The local AWS, named by the environment."""
    for name, value in local_aws.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "RL_PROJECT", "RL_STAGE"):
        monkeypatch.delenv(name, raising=False)
    return local_aws


Make = Callable[..., RLEstimator]


@pytest.fixture
def make(aws: LocalAws) -> Make:
    """Make an estimator of the tests' bundle on this machine, with other arguments as given."""

    def make(**arguments: object) -> RLEstimator:
        return local_estimator(**{"source_dir": str(HERE / "bundle")} | arguments)

    return make


@pytest.fixture
def remote(make: Make) -> Make:
    """Make an estimator as for SageMaker itself, which the local AWS stands in for."""

    def remote(**arguments: object) -> RLEstimator:
        return make(**{"instance_type": "ml.c7i.2xlarge", "role": ROLE} | arguments)

    return remote
