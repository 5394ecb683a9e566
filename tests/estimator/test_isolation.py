"""An isolated job gets its bundle by a channel, and runs on the local AWS as well."""

import pytest

from estimator import JobFailedError
from local_mode.aws.training.isolation import with_bundle_in_s3
from local_mode.local_aws import LocalAws
from tests.estimator.conftest import Make
from tests.estimator.support import report


def test_an_isolated_job_trains(remote: Make, aws: LocalAws) -> None:
    estimator = remote(enable_network_isolation=True, hyperparameters={"seed": 4})
    estimator.fit(logs=False)
    assert report(aws, estimator.model_data)["hyperparameters"]["seed"] == "4"


def test_a_channel_that_is_not_there_is_named(remote: Make) -> None:
    launch = remote(enable_network_isolation=True).launch()
    del launch.request["InputDataConfig"]
    job = launch.start()
    with pytest.raises(JobFailedError, match=r"/opt/ml/input/data/code/sourcedir\.tar\.gz"):
        job.wait(logs=False)


@pytest.mark.parametrize("uri", ["s3://b/k/sourcedir.tar.gz", "s3://b/k", "s3://b/k/"])
def test_the_address_of_the_channel_may_be_a_file_or_a_folder(uri: str) -> None:
    request = {
        "HyperParameters": {
            "sagemaker_submit_directory": '"/opt/ml/input/data/x/sourcedir.tar.gz"'
        },
        "InputDataConfig": [{"ChannelName": "x", "DataSource": {"S3DataSource": {"S3Uri": uri}}}],
    }
    found = with_bundle_in_s3(request)["sagemaker_submit_directory"]
    assert found == "s3://b/k/sourcedir.tar.gz"
    request["HyperParameters"] = {"sagemaker_submit_directory": "s3://b/other.tar.gz"}
    assert with_bundle_in_s3(request) == request["HyperParameters"]
