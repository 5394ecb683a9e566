"""Fetches one object, the only thing that a container needs a network for."""

import os
import re
from pathlib import Path

from image.errors import CommandError

# SageMaker accepts, and CDK writes, the https forms as well.
_FORMS = (
    re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>.+)"),
    re.compile(
        r"https://s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?/(?P<bucket>[^/]+)/(?P<key>.+)"
    ),
    re.compile(
        r"https://(?P<bucket>[^/]+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?/(?P<key>.+)"
    ),
)
_CONNECT_SECONDS = 10
_ATTEMPTS = 5


def parse(uri: str) -> tuple[str, str] | None:
    """Return the bucket and the key of an object's address, None if it is no address in S3."""
    for form in _FORMS:
        if found := form.fullmatch(uri):
            return found["bucket"], found["key"]
    return None


def download(bucket: str, key: str, target: Path) -> None:
    """Copy an object into a file.

    Raises:
        CommandError: If it cannot be had, with the reason in S3's words.
    """
    # Imported here: a bundle that is in a channel needs neither boto3 nor the time to load it.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    settings = Config(
        connect_timeout=_CONNECT_SECONDS,
        retries={"mode": "standard", "max_attempts": _ATTEMPTS},
    )
    # SageMaker sets AWS_REGION, which boto3 does not read; without it boto3 asks another region,
    # which a VPC with an endpoint for S3 does not reach.
    region = os.environ.get("AWS_REGION") or None
    try:
        client = boto3.client("s3", region_name=region, config=settings)
        # In this thread: boto3's own threads would hold up the end that SIGTERM asks for.
        body = client.get_object(Bucket=bucket, Key=key)["Body"]
        with target.open("wb") as sink:
            for block in body.iter_chunks(1 << 20):
                sink.write(block)
    except (BotoCoreError, ClientError, OSError) as error:
        raise CommandError(" ".join(str(error).split())) from error
