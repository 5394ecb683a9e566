"""SDK version 3's ModelTrainer trains with the bundle, on the local AWS, in two ways."""

import pytest

from tests.estimator.sdk.checks import (
    check_calls,
    check_metrics,
    manifest,
    operations,
    requests,
)
from tests.estimator.sdk.conftest import BUCKET, IMAGE, ROLE
from tests.local_mode.support import log_lines, read_object

pytestmark = pytest.mark.slow

GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture(scope="module")
def settings(bundle, metrics):
    return {
        "bucket": BUCKET,
        "base_job_name": "v3",
        "hyperparameters": {"preset": "smoke", "seed": 3, "population": 18},
        "image_uri": IMAGE,
        "metrics": metrics,
        "role": ROLE,
        "source_dir": str(bundle),
        "source_s3_uri": f"s3://{BUCKET}/source/sourcedir.tar.gz",
    }


@pytest.fixture(scope="module", params=["source", "image"])
def way(request):
    return request.param


@pytest.fixture(scope="module")
def trained(drive, settings, way):
    return drive("sdk_v3", way, settings)


def test_train_trains_to_the_end(aws, trained):
    assert trained["status"] == "Completed"
    assert trained["model_data"].endswith(f"/{trained['job']}/output/model.tar.gz")
    made = manifest(read_object(aws, trained["model_data"]))
    assert made["seed"] == 3
    assert made["preset"]["training"]["population"] == 18


def test_every_request_is_valid_and_stays_on_this_machine(trained):
    check_calls(trained)
    assert operations(trained) >= {
        "sagemaker:CreateTrainingJob",
        "sagemaker:DescribeTrainingJob",
        "logs:GetLogEvents",
        "cloudwatch:GetMetricStatistics",
    }


def test_the_analytics_have_the_metrics(trained):
    check_metrics(trained["analytics"])


def test_the_request_starts_what_the_image_has_to_have(aws, trained, way):
    (request,) = requests(trained, "CreateTrainingJob")
    assert request["HyperParameters"]["preset"] == "smoke"
    algorithm = request["AlgorithmSpecification"]
    lines = log_lines(aws, GROUP, f"{trained['job']}/")
    if way == "image":
        # No entry point: SageMaker starts the image with the argument `train`.
        assert "ContainerEntrypoint" not in algorithm
        assert "InputDataConfig" not in request
        return
    assert algorithm["ContainerEntrypoint"] == ["/bin/bash"]
    assert {one["ChannelName"] for one in request["InputDataConfig"]} == {"code", "sm_drivers"}
    # The SDK's own scripts ran, and found what they look for on PATH.
    assert "Running Basic Script driver" in lines
    assert "Training Container Execution Completed" in lines
