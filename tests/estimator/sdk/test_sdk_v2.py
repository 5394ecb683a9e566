"""SDK version 2's RLEstimator trains with the bundle, on the local AWS."""

from dataclasses import asdict
from pathlib import Path

import pytest

from autoscaling_rl.errors import UserError
from autoscaling_rl.manifest import check_files
from lambdas.probes import states
from local_mode.aws.archives import extract
from tests.estimator.sdk.checks import (
    check_calls,
    check_metrics,
    manifest,
    operations,
    requests,
)
from tests.estimator.sdk.conftest import BUCKET, IMAGE, ROLE
from tests.local_mode.support import read_object

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(bundle, metrics):
    return {
        "bucket": BUCKET,
        "estimator": {
            "entry_point": "train.py",
            "source_dir": str(bundle),
            "image_uri": IMAGE,
            "role": ROLE,
            "instance_type": "ml.c7i.xlarge",
            "instance_count": 1,
            "base_job_name": "v2",
            "hyperparameters": {"preset": "smoke", "seed": 3, "training.population": 18},
            "metric_definitions": metrics,
        },
        "question": {"states": [asdict(one) for one in states()[:2]]},
    }


@pytest.fixture(scope="module")
def trained(drive, settings):
    return drive("sdk_v2", "train", settings)


def test_fit_trains_to_the_end(aws, trained):
    job = aws.client("sagemaker").describe_training_job(TrainingJobName=trained["job"])
    assert job["TrainingJobStatus"] == "Completed"
    assert trained["model_data"] == f"s3://{BUCKET}/{trained['job']}/output/model.tar.gz"
    made = manifest(read_object(aws, trained["model_data"]))
    assert made["seed"] == 3
    assert made["preset"]["training"]["population"] == 18


def test_the_lines_of_the_job_are_printed(trained):
    assert "runs train.py (no SageMaker instance does)" in trained["output"]
    assert "Testing> Name=main_level/agent, Episode=4, Total reward=" in trained["output"]
    assert "Completed - Training job completed" in trained["output"]


def test_every_request_is_valid_and_stays_on_this_machine(trained):
    check_calls(trained)
    assert operations(trained) >= {
        "s3:PutObject",
        "sagemaker:CreateTrainingJob",
        "sagemaker:DescribeTrainingJob",
        "sagemaker:CreateModel",
        "sagemaker:CreateEndpoint",
        "sagemaker-runtime:InvokeEndpoint",
        "logs:GetLogEvents",
        "cloudwatch:GetMetricStatistics",
    }


def test_the_request_fits_the_image(trained):
    (request,) = requests(trained, "CreateTrainingJob")
    assert "ContainerEntrypoint" not in request["AlgorithmSpecification"]
    hyperparameters = request["HyperParameters"]
    assert hyperparameters["preset"] == '"smoke"'
    assert hyperparameters["seed"] == "3"
    assert hyperparameters["sagemaker_program"] == '"train.py"'
    assert hyperparameters["sagemaker_submit_directory"].endswith('/source/sourcedir.tar.gz"')


def test_the_analytics_have_the_metrics(trained):
    check_metrics(trained["analytics"])
    assert trained["own_analytics"] == trained["analytics"]


def test_another_process_can_attach(trained):
    attached = trained["attached"]
    assert attached["image_uri"] == IMAGE
    assert attached["model_data"] == trained["model_data"]
    assert attached["hyperparameters"]["preset"] == '"smoke"'


def test_the_endpoint_answers_the_predictor(trained, aws):
    answer = trained["answer"]
    assert len(answer["desired"]) == len(answer["actions"]) == 2
    assert all(machines >= 1 for machines in answer["desired"])
    assert aws.client("sagemaker").list_endpoints()["Endpoints"] == []


def test_deploy_of_the_estimator_packs_the_bundle_into_the_model_which_is_refused(
    trained, aws, tmp_path: Path
):
    """Why docs/sdks.md deploys by the class Model: RLEstimator.deploy always packs anew."""
    packed = trained["repacked"]
    assert packed["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"] == "/opt/ml/model/code"
    (tmp_path / "model.tar.gz").write_bytes(read_object(aws, packed["ModelDataUrl"]))
    extract(tmp_path / "model.tar.gz", tmp_path / "model")
    assert (tmp_path / "model/code/serve.py").is_file()
    with pytest.raises(UserError, match="is not listed"):
        check_files(tmp_path / "model")
