"""Settings that name what exists already, checked: only AWS would notice, in a deployment."""

import re

from stacks.config import Replica

_POLICY = re.compile(r"([\w+=,.@-]+/)*[\w+=,.@-]{1,128}", re.ASCII)
_BUCKET = re.compile(r"(?!.*\.\.|\d+(\.\d+){3}$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_KEY = re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+")

IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+/"
    r"(?P<repository>[a-z0-9]+([._/-][a-z0-9]+)*)(:\w[\w.-]{0,127})?(@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
"""The address of an image in ECR: SageMaker pulls from nowhere else with a role alone."""


def image_problems(uri: str | None) -> list[str]:
    """Return what is wrong with `image_uri`, a line each."""
    if uri is None or IMAGE.fullmatch(uri):
        return []
    return [
        f"image_uri: {uri!r} is no image in ECR; write e.g. "
        "'123456789012.dkr.ecr.us-east-1.amazonaws.com/images:1', or None for the stage's own"
    ]


def boundary_problems(name: str | None) -> list[str]:
    """Return what is wrong with `permissions_boundary`, a line each."""
    if name is None or _POLICY.fullmatch(name):
        return []
    shown = name.rpartition(":policy")[2].strip("/")
    shown = shown if _POLICY.fullmatch(shown) else "organisation-boundary"
    return [
        f"permissions_boundary: {name!r} is no policy's name; write it without the rest of the "
        f"ARN, such as {shown!r}"
    ]


def bucket_problems(setting: str, name: str | None) -> list[str]:
    """Return what is wrong with the name of a bucket, a line each."""
    if name is None or _BUCKET.fullmatch(name):
        return []
    return [
        f"{setting}: {name!r} is no bucket's name; write it without s3:// and folders, such as "
        "'organisation-access-logs'"
    ]


def replica_problems(replica: Replica | None) -> list[str]:
    """Return what is wrong with `replica`, a line each."""
    if replica is None:
        return []
    problems = bucket_problems("replica.bucket", replica.bucket)
    if not _KEY.fullmatch(replica.key_arn):
        problems.append(
            f"replica.key_arn: {replica.key_arn!r} is no ARN of a key; an alias is none, the ARN "
            "ends like :key/0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f"
        )
    return problems
