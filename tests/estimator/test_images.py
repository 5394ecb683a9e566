"""Which image trains, and which metrics a job has without being told."""

import json
import warnings
from pathlib import Path

import pytest

from estimator import EstimatorError, RLEstimator, RLFramework, RLToolkit
from estimator.bundle import Bundle
from estimator.metrics import metric_definitions
from tests.estimator.conftest import Make
from tests.estimator.support import IMAGE

ROOT = Path(__file__).parents[2]
METRICS = json.loads((ROOT / "training_src/metrics.json").read_text())
OLD = {"instance_type": "ml.m5.large"}


@pytest.mark.parametrize(
    ("toolkit", "framework"),
    [
        ("cem", "numpy"),
        ("hindsight", None),
        (RLToolkit.SB3, RLFramework.PYTORCH),
        ("SB3", "PyTorch"),
    ],
)
def test_the_projects_toolkits_run_in_the_image_of_the_stage(
    remote: Make, toolkit: object, framework: object
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        launch = remote(toolkit=toolkit, framework=framework).launch()
    algorithm = launch.request["AlgorithmSpecification"]
    assert algorithm["TrainingImage"] == IMAGE
    assert algorithm["MetricDefinitions"] == METRICS


def test_a_named_image_is_used_as_it_stands(remote: Make) -> None:
    uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/own:1"
    launch = remote(image_uri=uri, toolkit=None, framework=None).launch()
    assert launch.request["AlgorithmSpecification"]["TrainingImage"] == uri


@pytest.mark.parametrize(
    ("toolkit", "version", "framework", "kind", "image"),
    [
        (
            "ray",
            "1.6.0",
            "pytorch",
            "ml.m5.large",
            "462105765813.dkr.ecr.us-east-1.amazonaws.com/sagemaker-rl-ray-container:"
            "ray-1.6.0-torch-cpu-py36",
        ),
        (
            "coach",
            "1.0.0",
            "tensorflow",
            "ml.p3.2xlarge",
            "462105765813.dkr.ecr.us-east-1.amazonaws.com/sagemaker-rl-coach-container:"
            "coach-1.0.0-tf-gpu-py3",
        ),
        (
            "coach",
            "0.11.0",
            "mxnet",
            "ml.m5.large",
            "520713654638.dkr.ecr.us-east-1.amazonaws.com/sagemaker-rl-mxnet:coach0.11.0-cpu-py3",
        ),
    ],
)
def test_the_old_pairs_resolve_to_awss_images_with_a_warning(
    remote: Make, toolkit: str, version: str, framework: str, kind: str, image: str
) -> None:
    with pytest.warns(UserWarning, match="no updates or support any more"):
        estimator = remote(
            toolkit=toolkit, toolkit_version=version, framework=framework, instance_type=kind
        )
    assert estimator.training_image_uri() == image
    names = [one["Name"] for one in RLEstimator.default_metric_definitions(toolkit)]
    request = estimator.launch().request
    assert [one["Name"] for one in request["AlgorithmSpecification"]["MetricDefinitions"]] == names


def test_an_old_pair_where_aws_has_no_image(remote: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    with pytest.warns(UserWarning, match="old ones"):
        estimator = remote(toolkit="ray", toolkit_version="1.6.0", framework="pytorch")
    with pytest.raises(EstimatorError, match="AWS has no image for this: Unsupported region"):
        estimator.training_image_uri()


def test_a_version_of_the_projects_toolkits_chooses_nothing(remote: Make) -> None:
    with pytest.warns(UserWarning, match="toolkit_version='2' chooses nothing"):
        remote(toolkit_version="2")


def test_the_old_metric_definitions_are_the_sdks() -> None:
    assert RLEstimator.default_metric_definitions(RLToolkit.COACH) == METRICS[:2]
    assert RLEstimator.default_metric_definitions("ray") == METRICS[2:4]


def test_a_bundle_brings_its_own_metrics(remote: Make, tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    own = [{"Name": "speed", "Regex": "speed=(.*)"}]
    (tmp_path / "metrics.json").write_text(json.dumps(own))
    request = remote(source_dir=tmp_path).launch().request
    assert request["AlgorithmSpecification"]["MetricDefinitions"] == own
    request = remote(source_dir=tmp_path, metric_definitions=[]).launch().request
    assert "MetricDefinitions" not in request["AlgorithmSpecification"]
    (tmp_path / "metrics.json").write_text("[{}]")
    with pytest.raises(EstimatorError, match=r"metrics\.json: cannot be read"):
        metric_definitions(RLToolkit.CEM, Bundle("train.py", folder=tmp_path))
