"""Runs in the environment `sdk_v2`: prints the request of the SDK's HyperparameterTuner.

drive_tuner_v2.py BUNDLE BUCKET IMAGE ROLE; nothing is sent.
"""

import json
import sys

from sagemaker.rl import RLEstimator
from sagemaker.tuner import (
    CategoricalParameter,
    ContinuousParameter,
    HyperparameterTuner,
    IntegerParameter,
)

bundle, bucket, image, role = sys.argv[1:]
METRICS = [{"Name": "reward", "Regex": "reward: (.*)"}]
estimator = RLEstimator(
    "train.py",
    source_dir=bundle,
    image_uri=image,
    role=role,
    instance_type="ml.c7i.2xlarge",
    instance_count=1,
    output_path=f"s3://{bucket}/out",
    code_location=f"s3://{bucket}/code",
    hyperparameters={"preset": "x", "seed": 1, "gain": 2},
    metric_definitions=METRICS,
    use_spot_instances=True,
    max_run=60,
    max_wait=90,
    tags=[{"Key": "team", "Value": "a"}],
)
tuner = HyperparameterTuner(
    estimator,
    "reward",
    {
        "gain": ContinuousParameter(0.5, 1.5),
        "shift": IntegerParameter(0, 3, "Linear"),
        "head": CategoricalParameter(["band", "level"]),
    },
    METRICS,
    strategy="Random",
    objective_type="Minimize",
    max_jobs=4,
    max_parallel_jobs=2,
    max_runtime_in_seconds=600,
    early_stopping_type="Auto",
    random_seed=3,
)


class CapturedError(Exception):
    """Instead of sending."""


def capture(params, **_):
    print(json.dumps(params))
    raise CapturedError


client = estimator.sagemaker_session.sagemaker_client
event = "before-parameter-build.sagemaker.CreateHyperParameterTuningJob"
client.meta.events.register(event, capture)
try:
    tuner.fit({"load": f"s3://{bucket}/load/"}, job_name="compared", wait=False)
except CapturedError:
    pass
