"""What the handlers' tests share: an account in moto, and artifacts as the jobs write them."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.lambdas import samples
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
        s3.put_object(Bucket=BUCKET, Key="source/sourcedir.tar.gz", Body=b"bundle")
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
