"""What the tests of the estimator have in common."""

import io
import json
import tarfile
from typing import Any

from local_mode.local_aws import LocalAws

BUCKET = "estimator-tests"
ROLE = "arn:aws:iam::123456789012:role/estimator-tests"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/estimator-tests:1"


def read_object(aws: LocalAws, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def keys(aws: LocalAws, bucket: str = BUCKET, prefix: str = "") -> list[str]:
    listed = aws.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
    return [one["Key"] for one in listed.get("Contents", ())]


def members(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        return {one.name: opened.extractfile(one).read() for one in opened if one.isfile()}


def report(aws: LocalAws, model_data: str) -> dict[str, Any]:
    """What the training program of the tests left in its model."""
    return json.loads(members(read_object(aws, model_data))["report.json"])


def jobs(aws: LocalAws) -> list[str]:
    pages = aws.client("sagemaker").get_paginator("list_training_jobs").paginate()
    return [one["TrainingJobName"] for page in pages for one in page["TrainingJobSummaries"]]
