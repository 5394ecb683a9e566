"""Drives SDK version 3: `drive_v3.py COMMAND SETTINGS.json REPORT.json`, in .venv/sdk_v3.

`source` gives ModelTrainer the bundle as SourceCode, which bypasses the image's `train`; `image`
names it by the hyperparameters that `train` reads; `dry` sends no request for a job.
"""

import json
import sys
import threading
from pathlib import Path

from watch import Watch


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


def main():
    command, settings, report = sys.argv[1:]
    watch = Watch()
    make, use = {"source": (source, run), "image": (image, run), "dry": (image, dry_run)}[command]
    watch.report(report, **use(make(json.loads(Path(settings).read_text()))))


if __name__ == "__main__":
    main()
