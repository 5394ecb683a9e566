"""Drives SDK version 2: `drive_v2.py train|capture|tune SETTINGS REPORT`, in .venv/sdk_v2.

`train` does what the documentation of RLEstimator does, against the AWS that the environment names;
`capture` makes the request of each case and `tune` that of a tuning job, and neither sends one.
"""

import json
import sys
from pathlib import Path

from watch import Watch

NONE = "arn:aws:sagemaker:::none"


def session(settings):
    import boto3
    import sagemaker

    # With a bucket: the SDK asks STS for the account of the default one at an address of its own,
    # whatever AWS_ENDPOINT_URL says.
    return sagemaker.Session(boto_session=boto3.Session(), default_bucket=settings["bucket"])


def train(watch, settings):
    from sagemaker.analytics import TrainingJobAnalytics
    from sagemaker.rl import RLEstimator

    ours = session(settings)
    estimator = RLEstimator(**settings["estimator"], sagemaker_session=ours)
    estimator.fit(wait=True, logs=True)
    name = estimator.latest_training_job.name
    attached = RLEstimator.attach(name, sagemaker_session=ours)
    repacked = attached.create_model(entry_point="serve.py").prepare_container_def()
    return {
        "job": name,
        "model_data": estimator.model_data,
        "analytics": frame(TrainingJobAnalytics(name, sagemaker_session=ours)),
        "own_analytics": frame(estimator.training_job_analytics),
        "attached": {
            "image_uri": attached.image_uri,
            "model_data": attached.model_data,
            "hyperparameters": attached.hyperparameters(),
        },
        "repacked": repacked,
        **deploy(settings, ours, estimator),
    }


def frame(analytics):
    return analytics.dataframe().to_dict("records")


def deploy(settings, ours, estimator):
    """Deploy the artifact as it is: RLEstimator.deploy would pack the bundle into it."""
    from sagemaker.deserializers import JSONDeserializer
    from sagemaker.model import Model
    from sagemaker.predictor import Predictor
    from sagemaker.serializers import JSONSerializer

    source = json.loads(estimator.hyperparameters()["sagemaker_submit_directory"])
    model = Model(
        image_uri=estimator.image_uri,
        model_data=estimator.model_data,
        role=estimator.role,
        env={"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": source},
        predictor_cls=Predictor,
        sagemaker_session=ours,
    )
    predictor = model.deploy(
        initial_instance_count=1,
        instance_type="ml.c7i.large",
        serializer=JSONSerializer(),
        deserializer=JSONDeserializer(),
    )
    answer = predictor.predict(settings["question"])
    predictor.delete_model()
    predictor.delete_endpoint()
    return {"answer": answer}


def capture(watch, settings):
    requests = {}
    ours = session(settings)
    for name, case in settings["cases"].items():
        before = len(watch.requests("CreateTrainingJob"))
        estimator = make(case, ours)
        estimator.fit(inputs(case), wait=False, job_name=case["job_name"])
        (requests[name],) = watch.requests("CreateTrainingJob")[before:]
    from sagemaker.rl.estimator import TOOLKIT_FRAMEWORK_VERSION_MAP

    return {"requests": requests, "legacy": TOOLKIT_FRAMEWORK_VERSION_MAP}


def make(case, ours):
    from sagemaker.instance_group import InstanceGroup
    from sagemaker.rl import RLEstimator, RLFramework, RLToolkit

    arguments = dict(case["estimator"])
    for name, kind in (("toolkit", RLToolkit), ("framework", RLFramework)):
        if name in arguments:
            arguments[name] = kind(arguments[name])
    if "instance_groups" in arguments:
        groups = [InstanceGroup(*group) for group in arguments["instance_groups"]]
        arguments["instance_groups"] = groups
    return RLEstimator(**arguments, sagemaker_session=ours)


def inputs(case):
    from sagemaker.inputs import TrainingInput

    given = case.get("inputs")
    if not isinstance(given, dict):
        return given
    return {
        name: one if isinstance(one, str) else TrainingInput(**one) for name, one in given.items()
    }


def tune(watch, settings):
    from sagemaker import tuner
    from sagemaker.rl import RLEstimator

    ranges = {
        name: getattr(tuner, kind)(*arguments)
        for name, (kind, *arguments) in settings["ranges"].items()
    }
    estimator = RLEstimator(**settings["estimator"], sagemaker_session=session(settings))
    tuner.HyperparameterTuner(
        estimator,
        hyperparameter_ranges=ranges,
        metric_definitions=settings["estimator"]["metric_definitions"],
        **settings["tuner"],
    ).fit(settings["inputs"], job_name=settings["job_name"], wait=False)
    return {}


def main():
    command, settings, report = sys.argv[1:]
    unsent = {
        "capture": {"CreateTrainingJob": lambda _: {"TrainingJobArn": NONE}},
        "tune": {"CreateHyperParameterTuningJob": lambda _: {"HyperParameterTuningJobArn": NONE}},
    }
    watch = Watch(answers=unsent.get(command))
    done = {"train": train, "capture": capture, "tune": tune}[command]
    watch.report(report, **done(watch, json.loads(Path(settings).read_text())))


if __name__ == "__main__":
    main()
