"""HyperparameterTuner: what it asks of SageMaker, what it refuses, and the page about it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.stub import Stubber

from estimator import (
    CategoricalParameter,
    ContinuousParameter,
    EstimatorError,
    HyperparameterTuner,
    IntegerParameter,
    RLEstimator,
)
from local_mode.local_aws import LocalAws
from tests.estimator.conftest import Make
from tests.estimator.support import METRIC, ROOT, bundled, keys, tuner


def test_sagemaker_gets_the_request_and_is_asked_for_the_best(remote: Make, aws: LocalAws) -> None:
    made = tuner(remote(), max_jobs=2, base_tuning_job_name="sent")
    client = made.estimator.sagemaker_session.sagemaker_client
    best = {
        "TrainingJobName": "sent-001",
        "TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/sent-001",
        "CreationTime": 0,
        "TrainingJobStatus": "Completed",
        "TunedHyperParameters": {"gain": "1.0"},
        "ObjectiveStatus": "Succeeded",
    }
    arn = "arn:aws:sagemaker:us-east-1:123456789012:hyper-parameter-tuning-job/sent"
    described = {
        "HyperParameterTuningJobName": "sent",
        "HyperParameterTuningJobArn": arn,
        "HyperParameterTuningJobConfig": made.request()["HyperParameterTuningJobConfig"],
        "HyperParameterTuningJobStatus": "Completed",
        "CreationTime": 0,
        "TrainingJobStatusCounters": {"Completed": 2},
        "ObjectiveStatusCounters": {},
        "BestTrainingJob": best,
    }
    with Stubber(client) as stub:
        # The stub checks the request against the service's model.
        stub.add_response("create_hyper_parameter_tuning_job", {"HyperParameterTuningJobArn": arn})
        stub.add_response("describe_hyper_parameter_tuning_job", described)
        stub.add_response("describe_hyper_parameter_tuning_job", described)
        stub.add_response(
            "list_training_jobs_for_hyper_parameter_tuning_job", {"TrainingJobSummaries": [best]}
        )
        stub.add_response("stop_hyper_parameter_tuning_job", {})
        made.fit(job_name="sent")
        assert made.best_training_job() == "sent-001"
        frame = made.analytics().dataframe()
        made.stop_tuning_job()
        stub.assert_no_pending_responses()
    assert frame["gain"].tolist() == [1.0]
    assert "jobs/sent/source/sourcedir.tar.gz" in keys(aws, prefix="jobs/sent/")
    with Stubber(client) as stub:
        stub.add_client_error("create_hyper_parameter_tuning_job", "ResourceLimitExceeded", "few")
        with pytest.raises(EstimatorError, match=r"sent-2 was not started: .*ResourceLimitEx"):
            made.fit(job_name="sent-2")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"hyperparameter_ranges": {"populaton": IntegerParameter(8, 9)}}, "mean 'population'"),
        ({"hyperparameter_ranges": {"population": IntegerParameter(9, 8)}}, "from 9 to 8"),
        (
            {"hyperparameter_ranges": {"population": ContinuousParameter(8, 9.5)}},
            "training.population must be an integer, not 9.5",
        ),
        (
            # Both ends are whole, and so is the middle.
            {"hyperparameter_ranges": {"population": ContinuousParameter(8, 48)}},
            "training.population must be an integer, not 28.5",
        ),
        (
            {
                "hyperparameter_ranges": {
                    "preset": CategoricalParameter(["smoke"]),
                    "training.deviation": ContinuousParameter(0.5, 1.5),
                    "population": ContinuousParameter(8, 9),
                }
            },
            "training.population must be an integer, not 8.5",
        ),
        (
            {"hyperparameter_ranges": {"training.deviation": ContinuousParameter(0, 1)}},
            "training.deviation must be greater than 0.0",
        ),
        (
            {"hyperparameter_ranges": {"preset": CategoricalParameter(["smoke", "x", "smoky"])}},
            "there is no preset 'x'",
        ),
        ({"objective_metric_name": "reward-test"}, "did you mean 'reward-testing'?"),
        ({"metric_definitions": []}, "have no 'reward-training': define some"),
        ({"strategy": "Bayes"}, "there is no 'Bayes': did you mean 'Bayesian'?"),
        ({"objective_type": "Max"}, "did you mean 'Maximize'?"),
        ({"early_stopping_type": "On"}, "early_stopping_type: there is no 'On'"),
        ({"max_jobs": 0}, "max_jobs is 0: write 1 or more"),
        ({"max_jobs": 2, "max_parallel_jobs": 3}, "write no more at a time than in all"),
        ({"strategy": "Grid"}, "takes a CategoricalParameter alone, and population is none"),
        ({"strategy": "Grid", "max_jobs": 3}, "leave out max_jobs"),
    ],
)
def test_mistakes_end_in_one_line_before_anything_starts(arguments: dict, words: str) -> None:
    own = {
        "objective_metric_name": METRIC,
        "hyperparameter_ranges": {"population": IntegerParameter(8, 16)},
    }
    with pytest.raises(EstimatorError) as error:
        HyperparameterTuner(bundled(), **own | arguments)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_the_example_of_the_page_runs(tmp_path: Path, aws: LocalAws) -> None:
    page = (ROOT / "docs" / "tuning.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], **aws.environment()},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "FinalObjectiveValue" in done.stdout
    assert "'training.deviation': 0." in done.stdout.splitlines()[-1]


RATE = {"learning_rate": ContinuousParameter(1e-3, 1e-2)}


def own(name: str, **arguments: object) -> RLEstimator:
    """An estimator whose environment is an example of docs/environments.md, beside the bundle."""
    files = [str(path) for path in (ROOT / "docs" / "examples" / name).iterdir()]
    return bundled(
        dependencies=[file for file in files if not file.endswith("__pycache__")],
        hyperparameters={"preset": f"{name}.toml"},
        **{"toolkit": "sb3", "framework": "pytorch"} | arguments,
    )


def test_a_preset_that_lies_beside_the_bundle_is_asked() -> None:
    assert tuner(
        own("tank"),
        hyperparameter_ranges={**RATE, "environment.leak": ContinuousParameter(0.01, 0.1)},
    )
    with pytest.raises(EstimatorError, match="no hyperparameter 'learning_rat', did you mean 'lea"):
        tuner(own("tank"), hyperparameter_ranges={"learning_rat": ContinuousParameter(1e-3, 1e-2)})
    with pytest.raises(
        EstimatorError, match=r"the preset tank\.toml trains with sb3, and toolkit is"
    ):
        own("tank", toolkit="cem", framework="numpy")


def test_what_only_a_channel_brings_is_not_missed() -> None:
    # Room.fmu comes at fit(), by the channel `simulator`.
    assert tuner(own("room"), hyperparameter_ranges=RATE)
    with pytest.raises(EstimatorError, match="no hyperparameter 'learning_rat'"):
        tuner(own("room"), hyperparameter_ranges={"learning_rat": ContinuousParameter(1e-3, 1e-2)})
