"""SDK version 3's tuner: its request is valid, and a job that it defines runs this bundle."""

import pytest

from tests.estimator.sdk.checks import check_calls, manifest, requests
from tests.estimator.sdk.conftest import BUCKET, IMAGE, ROLE
from tests.local_mode.support import log_lines, read_object, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tuned(drive, bundle, metrics):
    settings = {
        "bucket": BUCKET,
        "base_job_name": "v3-tuning",
        "hyperparameters": {"preset": "smoke", "seed": 3},
        "image_uri": IMAGE,
        "metrics": metrics,
        "role": ROLE,
        "source_dir": str(bundle),
        "ranges": {
            "population": ["IntegerParameter", 12, 24],
            "training.deviation": ["ContinuousParameter", 0.05, 0.3, "Logarithmic"],
        },
        "tuner": {
            "objective_metric_name": "reward-testing",
            "strategy": "Random",
            "max_jobs": 4,
            "max_parallel_jobs": 2,
        },
    }
    return drive("sdk_v3", "tune", settings)


def test_the_request_is_valid_and_names_the_objective(tuned, metrics):
    check_calls(tuned)
    (request,) = requests(tuned, "CreateHyperParameterTuningJob")
    config = request["HyperParameterTuningJobConfig"]
    assert config["HyperParameterTuningJobObjective"] == {
        "Type": "Maximize",
        "MetricName": "reward-testing",
    }
    algorithm = request["TrainingJobDefinition"]["AlgorithmSpecification"]
    assert algorithm["MetricDefinitions"] == metrics


def test_a_job_of_the_search_trains(aws, tuned):
    """What SageMaker starts of the definition: its static hyperparameters, and a point as texts."""
    (request,) = requests(tuned, "CreateHyperParameterTuningJob")
    definition = dict(request["TrainingJobDefinition"])
    point = {"population": "18", "training.deviation": "0.1", "_tuning_objective_metric": "reward"}
    given = {**definition.pop("StaticHyperParameters"), **point}
    name, client = "v3-tuning-001", aws.client("sagemaker")
    client.create_training_job(TrainingJobName=name, HyperParameters=given, **definition)
    described = wait_for(
        lambda: (
            (answer := client.describe_training_job(TrainingJobName=name))["TrainingJobStatus"]
            != "InProgress"
            and answer
        ),
        seconds=120,
    )
    lines = log_lines(aws, "/aws/sagemaker/TrainingJobs", f"{name}/")
    assert described["TrainingJobStatus"] == "Completed", lines
    made = manifest(read_object(aws, described["ModelArtifacts"]["S3ModelArtifacts"]))
    assert made["preset"]["training"]["population"] == 18
    assert made["preset"]["training"]["deviation"] == 0.1
    assert made["seed"] == 3
