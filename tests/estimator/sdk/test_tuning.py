"""For the same arguments, our HyperparameterTuner's request is that of SDK version 2."""

from pathlib import Path

import pytest

import estimator
from tests.estimator.sdk.checks import mistakes, requests
from tests.estimator.sdk.conftest import BUCKET, IMAGE, ROLE

pytestmark = pytest.mark.slow

# Each range: which class, and what it is made with.
RANGES = {
    "gain": ["ContinuousParameter", 0.5, 1.5],
    "shift": ["IntegerParameter", 0, 3, "Linear"],
    "head": ["CategoricalParameter", ["band", "level"]],
}
SETTINGS = {
    "bucket": BUCKET,
    "estimator": {
        "entry_point": "train.py",
        "source_dir": str(Path(__file__).parents[1] / "bundle"),
        "image_uri": IMAGE,
        "role": ROLE,
        "instance_type": "ml.c7i.2xlarge",
        "instance_count": 1,
        "output_path": f"s3://{BUCKET}/out",
        "code_location": f"s3://{BUCKET}/code",
        "hyperparameters": {"preset": "x", "seed": 1, "gain": 2},
        "metric_definitions": [{"Name": "reward", "Regex": "reward: (.*)"}],
        "use_spot_instances": True,
        "max_run": 60,
        "max_wait": 90,
        "tags": [{"Key": "team", "Value": "a"}],
    },
    "ranges": RANGES,
    "tuner": {
        "objective_metric_name": "reward",
        "strategy": "Random",
        "objective_type": "Minimize",
        "max_jobs": 4,
        "max_parallel_jobs": 2,
        "max_runtime_in_seconds": 600,
        "early_stopping_type": "Auto",
        "random_seed": 3,
    },
    "inputs": {"load": f"s3://{BUCKET}/load/"},
    "job_name": "compared",
}


def test_the_request_is_that_of_version_2(aws, drive, monkeypatch):
    report = drive("sdk_v2", "tune", SETTINGS)
    assert report["refused"] == []
    (theirs,) = requests(report, "CreateHyperParameterTuningJob")
    assert not mistakes("sagemaker", "CreateHyperParameterTuningJob", theirs)
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    tuner = estimator.HyperparameterTuner(
        estimator.RLEstimator(**SETTINGS["estimator"]),
        hyperparameter_ranges={
            name: getattr(estimator, kind)(*arguments)
            for name, (kind, *arguments) in RANGES.items()
        },
        **SETTINGS["tuner"],
    )
    ours = tuner.request(SETTINGS["inputs"], job_name=SETTINGS["job_name"])
    definition = theirs["TrainingJobDefinition"]
    # Instances are the same; a warm pool has no place in version 2's member.
    definition["ResourceConfig"] = definition.pop("HyperParameterTuningResourceConfig")
    assert ours == theirs
