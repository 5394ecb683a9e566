"""Drives SDK version 3: `drive_v3.py COMMAND SETTINGS.json REPORT.json`, in .venv/sdk_v3.

`source` gives ModelTrainer the bundle as SourceCode, which bypasses the image's `train`; `image`
names it by the hyperparameters that `train` reads; `dry` sends no request for a job; `tune` gives
the trainer of `source` to a HyperparameterTuner, whose request is not sent.
"""

import datetime
import json
import sys
import threading
from pathlib import Path

from watch import Watch

NONE = "arn:aws:sagemaker:us-east-1:123456789012:hyper-parameter-tuning-job/unsent"


def trainer(settings, **arguments):
    import boto3
    from sagemaker.core.helper.session_helper import Session
    from sagemaker.core.shapes import MetricDefinition
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import Compute

    hyperparameters = {**settings["hyperparameters"], **arguments.pop("hyperparameters", {})}
    made = ModelTrainer(
        training_image=settings["image_uri"],
        role=settings["role"],
        base_job_name=settings["base_job_name"],
        compute=Compute(instance_type="ml.c7i.xlarge", instance_count=1),
        hyperparameters=hyperparameters,
        sagemaker_session=Session(boto_session=boto3.Session(), default_bucket=settings["bucket"]),
        **arguments,
    )
    return made.with_metric_definitions(
        [MetricDefinition(name=one["Name"], regex=one["Regex"]) for one in settings["metrics"]]
    )


def source(settings):
    from sagemaker.train.configs import SourceCode

    code = SourceCode(source_dir=settings["source_dir"], entry_script="train.py")
    return trainer(settings, source_code=code)


def image(settings):
    named = {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": settings["source_s3_uri"],
    }
    return trainer(settings, hyperparameters=named)


def run(made):
    from sagemaker.core.analytics import TrainingJobAnalytics

    made.train(wait=True, logs=True)
    job = made._latest_training_job
    analytics = TrainingJobAnalytics(
        job.training_job_name, sagemaker_session=made.sagemaker_session
    )
    return {
        "job": job.training_job_name,
        "status": job.training_job_status,
        "model_data": job.model_artifacts.s3_model_artifacts,
        "analytics": analytics.dataframe().to_dict("records"),
    }


def dry_run(made):
    made.train(dry_run=True)
    # The SDK reports the use from threads that it does not wait for.
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(5)
    return {}


def tune(made, settings):
    from sagemaker.core import parameter
    from sagemaker.train.tuner import HyperparameterTuner

    ranges = {
        name: getattr(parameter, kind)(*arguments)
        for name, (kind, *arguments) in settings["ranges"].items()
    }
    HyperparameterTuner(
        made,
        hyperparameter_ranges=ranges,
        metric_definitions=settings["metrics"],
        **settings["tuner"],
    ).tune(job_name=settings["base_job_name"], wait=False)
    return {}


def described(parameters):
    """What DescribeHyperParameterTuningJob has to answer of a search that was not sent."""
    return {
        **parameters,
        "HyperParameterTuningJobArn": NONE,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "ResourceLimits": {"MaxParallelTrainingJobs": 1},
        },
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": datetime.datetime.now(datetime.UTC),
        "TrainingJobStatusCounters": {},
        "ObjectiveStatusCounters": {},
    }


def main():
    unsent = {
        "CreateHyperParameterTuningJob": lambda _: {"HyperParameterTuningJobArn": NONE},
        "DescribeHyperParameterTuningJob": described,
    }
    command, settings, report = sys.argv[1:]
    watch = Watch(answers=unsent if command == "tune" else None)
    given = json.loads(Path(settings).read_text())
    if command == "tune":
        watch.report(report, **tune(source(given), given))
        return
    make, use = {"source": (source, run), "image": (image, run), "dry": (image, dry_run)}[command]
    watch.report(report, **use(make(given)))


if __name__ == "__main__":
    main()
