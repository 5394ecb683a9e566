"""What the tests of the estimator have in common."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

from estimator import ContinuousParameter, HyperparameterTuner, IntegerParameter, RLEstimator
from local_mode.local_aws import LocalAws

ROOT = Path(__file__).parents[2]
BUCKET = "estimator-tests"
ROLE = "arn:aws:iam::123456789012:role/estimator-tests"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/estimator-tests:1"
METRIC = "reward-training"
RANGES = {"gain": ContinuousParameter(0.5, 1.5), "shift": IntegerParameter(0, 3)}


def local_estimator(**arguments: object) -> RLEstimator:
    """An estimator on this machine, with other arguments as given; None leaves one out."""
    own = {
        "entry_point": "train.py",
        "toolkit": "cem",
        "framework": "numpy",
        "instance_type": "local",
    }
    given = {name: value for name, value in (own | arguments).items() if value is not None}
    return RLEstimator(**given)


def bundled(**arguments: object) -> RLEstimator:
    """An estimator of the project's own bundle; no local AWS is started for it."""
    own = {"source_dir": str(ROOT / "training_src"), "hyperparameters": {"preset": "smoke"}}
    return local_estimator(**own | arguments)


def tuner(estimator: RLEstimator, **arguments: object) -> HyperparameterTuner:
    own = {"objective_metric_name": METRIC, "hyperparameter_ranges": RANGES}
    return HyperparameterTuner(estimator, **own | arguments)


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
