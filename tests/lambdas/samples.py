"""What stands in the test account: settings, and artifacts and scorecards as jobs write them."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

import numpy as np

BUCKET = "artifacts"
BUNDLE = b"bundle"
ASSET = "s3://assets/0123456789abcdef.gz"
"""Where a deployment puts the bundle."""

SOURCE = f"s3://{BUCKET}/source/{hashlib.sha256(BUNDLE).hexdigest()}/sourcedir.tar.gz"
"""Where executions keep it."""

MODEL = f"s3://{BUCKET}/jobs/rl-evaluation-x-0123456789ab-0/output/model.tar.gz"
OUTPUT = f"s3://{BUCKET}/jobs/rl-evaluation-x-0123456789ab-0/output/output.tar.gz"

VARIABLES = {
    "PROJECT": "rl",
    "STAGE": "dev",
    "ARTIFACT_BUCKET": BUCKET,
    "SOURCE_S3_URI": ASSET,
    "SOURCE_SHA256": hashlib.sha256(BUNDLE).hexdigest(),
    "IMAGE_URI": "123456789012.dkr.ecr.us-east-1.amazonaws.com/rl:1",
    "TRAINING_ROLE_ARN": "arn:aws:iam::123456789012:role/rl-dev-training",
    "MODEL_PACKAGE_GROUP": "rl-dev",
    "ENDPOINT_NAME": "rl-dev",
    "ENDPOINT_INSTANCE_TYPE": "ml.m5.large",
    "POLL_SECONDS": "30",
    "PRESETS": "cem-autoscaling,ppo-autoscaling,smoke",
    "METRIC_DEFINITIONS": '[{"Name": "reward", "Regex": "episode_reward_mean: ([0-9.-]+)"}]',
    "KMS_KEY_ARN": "",
}
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}

# A new session for every test would read SageMaker's large model anew.
KEEP_SESSION = {"reset_boto3_session": False}

Files = dict[str, bytes]


def put_bundle(s3: Any) -> None:
    """Put the training bundle where a deployment does."""
    bucket, _, key = ASSET.removeprefix("s3://").partition("/")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=key, Body=BUNDLE)


def npz(**arrays: Any) -> bytes:
    """Write arrays as NumPy does."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def golden_actions(observations: np.ndarray) -> np.ndarray:
    """Answer observations as the policy of the test artifact does."""
    return (observations.sum(axis=1) > 0).astype(np.int64)


def artifact_files() -> Files:
    """Make the files of a good artifact, all but its manifest."""
    observations = np.random.default_rng(0).normal(size=(70, 5)).astype(np.float32)
    return {
        "policy.onnx": b"onnx",
        "policy.npz": npz(weights=np.ones((5, 2), np.float32)),
        "golden.npz": npz(observations=observations, actions=golden_actions(observations)),
        "code/controller/__init__.py": b'"""The controller."""\n',
    }


def manifest() -> dict[str, Any]:
    """Make the manifest of a good artifact, all but its files."""
    return {
        "schema_version": 1,
        "input": "observations",
        "environment": {"id": "AutoScaling-v0", "version": "1"},
        "observation": {"shape": [5]},
        "action": {"n": 2},
        "preset": {"name": "cem-autoscaling"},
        "seed": 1,
        "source_revision": "0123abc",
        "figures": {},
    }


def pack(files: Mapping[str, bytes]) -> bytes:
    """Make a tar.gz of files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(data)
            archive.addfile(item, io.BytesIO(data))
    return buffer.getvalue()


def make_artifact(files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> bytes:
    """Make a model.tar.gz; its manifest lists the files unless it has a list of its own."""
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    document = {"files": sums, **manifest}
    return pack({**files, "manifest.json": json.dumps(document).encode()})


def scorecard() -> dict[str, Any]:
    """Make a scorecard in which the policy beats all but `static_best` and the oracle."""
    windows = range(16)

    def values(base: float) -> dict[str, Any]:
        return {"values": [base + window for window in windows]}

    return {
        "schema_version": 1,
        "metric": "J",
        "unit": "machine-minutes",
        "default_baseline": "best_tuned",
        "windows": list(windows),
        "policies": {
            "policy": values(90),
            "target_tracking_tuned": values(100),
            "hpa_tuned": values(95),
            "static_best": values(80),
            "oracle": values(70),
        },
    }
