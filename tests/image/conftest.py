"""A tree for each test, one S3 for all that need one."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.image.support import PROGRAM, Tree, archive

BUCKET = "bundles"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "ml")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[dict[str, str]]:
    """An S3; the variables that lead a process to it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
    }
    server.stop()


@pytest.fixture
def s3(s3_server: dict[str, str]) -> dict[str, str]:
    """The same with s3://bundles/sourcedir.tar.gz.

    It is written for each test: other files' tests in this process empty moto's one memory.
    """
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=s3_server["AWS_ENDPOINT_URL"],
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    client.create_bucket(Bucket=BUCKET)
    body = archive({"work.py": PROGRAM})
    client.put_object(Bucket=BUCKET, Key="sourcedir.tar.gz", Body=body)
    return s3_server
