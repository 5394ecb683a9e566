"""Arguments of RLEstimator that both this project's and SDK version 2's get, as plain data."""

from typing import Any

from estimator.toolkits import LEGACY
from tests.estimator.sdk.conftest import BUCKET, IMAGE, ROLE

SOURCE = f"s3://{BUCKET}/source/sourcedir.tar.gz"

_KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
_DEFINITIONS = [{"Name": "loss", "Regex": "^loss: (.*)$"}]
# What each case has unless it says something else; None leaves an argument out.
_COMMON = {
    "entry_point": "train.py",
    "image_uri": IMAGE,
    "role": ROLE,
    "instance_type": "ml.c7i.xlarge",
    "instance_count": 1,
    "hyperparameters": {"preset": "smoke"},
    "metric_definitions": _DEFINITIONS,
    "output_path": f"s3://{BUCKET}/output",
}
_CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "defaults": {"output_path": None, "metric_definitions": None, "hyperparameters": None},
    "places": {"code_location": f"s3://{BUCKET}/code"},
    "base name": {"base_job_name": "named"},
    "no name": {},
    "scalars": {
        "hyperparameters": {
            "preset": "smoke",
            "seed": 3,
            "learning_rate": 2.5e-4,
            "warm": True,
            "note": 'a "quoted" text',
            "number as text": "7",
        },
    },
    "spot": {
        "use_spot_instances": True,
        "max_run": 3600,
        "max_wait": 7200,
        "max_retry_attempts": 3,
        "checkpoint_s3_uri": f"s3://{BUCKET}/checkpoints/run",
    },
    "checkpoints": {
        "checkpoint_s3_uri": f"s3://{BUCKET}/checkpoints/run",
        "checkpoint_local_path": "/opt/ml/checkpoints",
    },
    "network": {
        "subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "security_group_ids": ["sg-0123456789abcdef0"],
        "encrypt_inter_container_traffic": True,
        "instance_count": 2,
    },
    "isolation": {"enable_network_isolation": True},
    "tags": {"tags": [{"Key": "stage", "Value": "dev"}, {"Key": "owner", "Value": "me"}]},
    "warm pool": {"keep_alive_period_in_seconds": 600, "volume_size": 100},
    "no volume": {"instance_type": "ml.g5.xlarge", "volume_size": None},
    "groups": {
        "instance_type": None,
        "instance_count": None,
        "instance_groups": [["learn", "ml.g5.xlarge", 1], ["roll", "ml.c7i.2xlarge", 3]],
    },
    "keys": {"output_kms_key": _KEY, "volume_kms_key": _KEY},
    "environment": {"environment": {"OMP_NUM_THREADS": "1"}, "container_log_level": 10},
    "switches": {
        "disable_profiler": True,
        "debugger_hook_config": False,
        "disable_output_compression": True,
        "enable_sagemaker_metrics": True,
        "enable_remote_debug": True,
        "enable_infra_check": True,
        "enable_session_tag_chaining": True,
        "input_mode": "FastFile",
    },
    "model": {"model_uri": f"s3://{BUCKET}/models/model.tar.gz", "model_channel_name": "start"},
    "source in S3": {"source_dir": SOURCE},
}
# They get a name that is made of the base name and the time.
_UNNAMED = ("base name", "no name")
_INPUTS: dict[str, Any] = {
    "places": f"s3://{BUCKET}/loads/one.csv",
    "scalars": {
        "load": f"s3://{BUCKET}/loads/",
        "checkpoint": {
            "s3_data": f"s3://{BUCKET}/models/",
            "distribution": "ShardedByS3Key",
            "content_type": "application/x-tar",
            "compression": "Gzip",
            "record_wrapping": "RecordIO",
            "input_mode": "FastFile",
        },
    },
    "isolation": {"load": f"s3://{BUCKET}/loads/"},
    "groups": {
        "load": {"s3_data": f"s3://{BUCKET}/loads/", "instance_groups": ["roll"]},
        "list": {"s3_data": f"s3://{BUCKET}/list", "s3_data_type": "ManifestFile"},
    },
}


def cases(source_dir: str) -> dict[str, dict[str, Any]]:
    """Return each case's arguments of the estimator and of `fit`, with the bundle's folder."""
    own = {
        name: {
            "estimator": _without_none({**_COMMON, "source_dir": source_dir, **arguments}),
            "inputs": _INPUTS.get(name),
            "job_name": None if name in _UNNAMED else f"compared-{name.replace(' ', '-').lower()}",
        }
        for name, arguments in _CASES.items()
    }
    return own | _legacy_cases()


def legacy_pairs() -> list[tuple[str, str, str]]:
    """Return toolkit, version and framework of every image that AWS made."""
    return [
        (toolkit.value, version, framework.value)
        for toolkit, versions in LEGACY.items()
        for version, frameworks in versions.items()
        for framework in sorted(frameworks, key=lambda one: one.value)
    ]


def _legacy_cases() -> dict[str, dict[str, Any]]:
    found = {}
    for number, (toolkit, version, framework) in enumerate(legacy_pairs()):
        chosen = {
            "toolkit": toolkit,
            "toolkit_version": version,
            "framework": framework,
            "image_uri": None,
            "metric_definitions": None,
            # The images for CPUs and for GPUs have tags of their own.
            "instance_type": ("ml.m5.xlarge", "ml.p3.2xlarge")[number % 2],
            "source_dir": SOURCE,
        }
        found[f"{toolkit} {version} {framework}"] = {
            "estimator": _without_none({**_COMMON, **chosen}),
            "inputs": None,
            "job_name": "compared",
        }
    return found


def _without_none(arguments: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in arguments.items() if value is not None}
    # None says something here: SageMaker's own size.
    return kept | ({"volume_size": None} if arguments.get("volume_size", 0) is None else {})
