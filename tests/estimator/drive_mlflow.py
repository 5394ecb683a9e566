"""Runs in the environment `notebooks`: jobs of the tests' bundle, logged to MLflow.

drive_mlflow.py ADDRESS PREFIX: names of jobs begin with PREFIX; prints what MLflow has then, as
JSON in its last line.
"""

import json
import os
import sys
import time
import warnings
from pathlib import Path

from estimator import (
    HyperparameterTuner,
    IntegerParameter,
    JobFailedError,
    RLEstimator,
)

ADDRESS, PREFIX = sys.argv[1:]
BUNDLE = str(Path(__file__).parent / "bundle")


def make(**hyperparameters):
    return RLEstimator(
        entry_point="train.py",
        source_dir=BUNDLE,
        toolkit="cem",
        framework="numpy",
        instance_type="local",
        hyperparameters=hyperparameters,
        mlflow_tracking_uri=ADDRESS,
    )


silent = make(task="learn")
silent.fit(logs="None", wait=False, job_name=PREFIX + "tracked-late")
learnt = make(seed=7, note="a b")
learnt.fit(logs="None", job_name=PREFIX + "tracked")
learnt.training_job_analytics.dataframe()  # logs nothing a second time
failed = make(task="fail")
try:
    failed.fit(logs="None", job_name=PREFIX + "tracked-failed")
except JobFailedError as error:
    print(error)
silent.latest_training_job.wait(logs=False)
silent.training_job_analytics.dataframe()

tuner = HyperparameterTuner(
    make(), "reward-training", {"shift": IntegerParameter(0, 3)}, max_jobs=2
)
tuner.fit(job_name=PREFIX + "tuned")

os.environ["MLFLOW_TRACKING_URI"] = "no-such-store://nowhere"
learnt._options.pop("mlflow_tracking_uri")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    learnt.training_job_analytics.dataframe()
    os.environ["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:9"  # nothing listens there
    begun = time.monotonic()
    learnt.training_job_analytics.dataframe()
    waited = time.monotonic() - begun

from mlflow import MlflowClient  # noqa: E402

client = MlflowClient(tracking_uri=ADDRESS)
experiment = client.get_experiment_by_name("rl-autoscaling")
runs = {
    run.info.run_name.removeprefix(PREFIX): {
        "status": run.info.status,
        "params": run.data.params,
        "tags": {name: text for name, text in run.data.tags.items() if "mlflow." not in name},
        "rewards": [
            one.value for one in client.get_metric_history(run.info.run_id, "episode_reward_mean")
        ],
        "seconds": (run.info.end_time - run.info.start_time) / 1000,
    }
    for run in client.search_runs([experiment.experiment_id])
}
told = [str(one.message) for one in caught]
print(json.dumps({"runs": runs, "told": told, "waited": waited, "model": learnt.model_data}))
