"""What the handlers' tests share: an account in moto or the local AWS, and artifacts of the jobs.

moto has no Greengrass: the steps of the edge are tested against the local AWS.
"""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local_mode.local_aws import LocalAws
from tests.lambdas import edge, samples
from tests.lambdas.samples import BUCKET, CREDENTIALS, KEEP_SESSION, VARIABLES


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Set the handlers' environment, with credentials that open nothing."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (VARIABLES | CREDENTIALS).items():
        monkeypatch.setenv(name, value)
    return dict(VARIABLES)


@pytest.fixture
def account(variables: dict[str, str]) -> Iterator[None]:
    """Make an account in moto with a bucket and the training bundle."""
    with mock_aws(config={"core": KEEP_SESSION}):
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        samples.put_bundle(s3)
        yield


@pytest.fixture
def sagemaker(account: None, variables: dict[str, str]) -> Any:
    """Return a client of moto's SageMaker, where there is a model package group."""
    client = boto3.client("sagemaker")
    client.create_model_package_group(
        ModelPackageGroupName=variables["MODEL_PACKAGE_GROUP"],
        ModelPackageGroupDescription="Policies",
    )
    return client


@pytest.fixture
def put(account: None) -> Callable[[str, bytes], None]:
    """Return a function that puts an object where an address says."""

    def put_object(uri: str, body: bytes) -> None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=body)

    return put_object


@pytest.fixture
def artifact_files() -> samples.Files:
    """Return the files of a good artifact, to be changed by the test."""
    return samples.artifact_files()


@pytest.fixture
def manifest() -> dict[str, Any]:
    """Return the manifest of a good artifact, to be changed by the test."""
    return samples.manifest()


@pytest.fixture
def scorecard() -> dict[str, Any]:
    """Return a scorecard that passes, to be changed by the test."""
    return samples.scorecard()


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """Start a local AWS, once for all tests of the edge: that takes seconds."""
    folder = tmp_path_factory.mktemp("edge")
    with LocalAws(state_dir=folder / "state", cache_dir=folder / "cache") as started:
        started.client("s3").create_bucket(Bucket=edge.BUCKET)
        yield started


@pytest.fixture
def component() -> str:
    """Return the name of a component that nobody else has."""
    return f"com.example.{uuid.uuid4().hex}.Policy"


@pytest.fixture
def group(aws: LocalAws) -> str:
    """Make a thing group without things; return its name."""
    name = f"rl-dev-{uuid.uuid4().hex}"
    aws.client("iot").create_thing_group(thingGroupName=name)
    return name


@pytest.fixture
def edge_variables(
    aws: LocalAws, component: str, group: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Set the environment of the edge's steps, and put bundle and model where it says."""
    found = {
        "PROJECT": "rl",
        "STAGE": "dev",
        "ARTIFACT_BUCKET": edge.BUCKET,
        "EDGE_SOURCE_S3_URI": f"s3://{edge.BUCKET}/{component}/bundle.zip",
        "COMPONENT_ARN": f"{edge.ROOT}:{component}",
        "COMPONENT_VERSIONS": "1.0",
        "THING_GROUP_ARN": f"{edge.GROUPS}/{group}",
    }
    for name, value in {**aws.environment(), **found}.items():
        monkeypatch.setenv(name, value)
    edge.put(aws, found["EDGE_SOURCE_S3_URI"], edge.bundle())
    edge.put(aws, edge.model_uri(component), edge.model())
    return found
