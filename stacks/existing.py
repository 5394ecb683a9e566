"""Settings that name what exists already, checked: only AWS would notice, in a deployment."""

import re

from stacks.config import Replica

_POLICY = re.compile(r"([\w+=,.@-]+/)*[\w+=,.@-]{1,128}", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_KEY = re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+")


def boundary_problems(name: str | None) -> list[str]:
    """Return what is wrong with `permissions_boundary`, a line each."""
    if name is None or _POLICY.fullmatch(name):
        return []
    shown = name.rpartition(":policy/")[2] if ":policy/" in name else "organisation-boundary"
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
