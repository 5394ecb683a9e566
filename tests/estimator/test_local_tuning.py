"""Searches on this machine: jobs of the local AWS that run, fail, wait and are stopped."""

import time

import boto3
import pytest

from estimator import (
    CategoricalParameter,
    ContinuousParameter,
    EstimatorError,
    IntegerParameter,
    JobFailedError,
)
from local_mode.local_aws import LocalAws
from tests.estimator.conftest import Make
from tests.estimator.support import METRIC, bundled, jobs, report, tuner


def test_a_search_on_this_machine(
    make: Make, aws: LocalAws, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tuner(make(hyperparameters={"seed": 7}), max_jobs=3, max_parallel_jobs=2, random_seed=1)
    made.fit()
    frame = made.analytics().dataframe()
    assert {"gain", "shift", "TrainingJobName", "TrainingJobStatus"} < set(frame.columns)
    assert {"FinalObjectiveValue", "TrainingElapsedTimeSeconds"} < set(frame.columns)
    assert frame["TrainingJobStatus"].tolist() == ["Completed"] * 3
    wanted = 6.0 * frame["gain"] - frame["shift"]
    assert frame["FinalObjectiveValue"].tolist() == pytest.approx(wanted.tolist(), rel=1e-4)
    name = made.best_training_job()
    assert name == frame.loc[frame["FinalObjectiveValue"].idxmax(), "TrainingJobName"]
    assert made.describe()["HyperParameterTuningJobStatus"] == "Completed"
    assert "jobs that ended: 3, best reward-training" in capsys.readouterr().out
    best = made.best_estimator()
    row = frame[frame["TrainingJobName"] == name].iloc[0]
    found = best.hyperparameters()
    assert found.pop("gain") == pytest.approx(row["gain"])
    assert found == {"seed": 7, "shift": int(row["shift"])}
    given = report(aws, best.model_data)["hyperparameters"]
    assert given["_tuning_objective_metric"] == METRIC
    assert set(frame["TrainingJobName"]) <= set(jobs(aws))
    # The same seed searches the same points.
    again = tuner(make(), max_jobs=3, random_seed=1, strategy="Bayesian")
    again.fit(job_name="again")
    assert sorted(again.analytics().dataframe()["gain"]) == sorted(frame["gain"])


def test_a_search_for_the_least_by_a_grid(make: Make) -> None:
    ranges = {"gain": CategoricalParameter([2, 1, 3])}
    made = tuner(
        make(), hyperparameter_ranges=ranges, strategy="Grid", objective_type="Minimize",
        max_parallel_jobs=3,
    )  # fmt: skip
    made.fit()
    assert made.best_estimator().hyperparameters() == {"gain": 1}
    assert len(made.analytics().dataframe()) == 3


def test_a_search_whose_jobs_fail_says_why(make: Make) -> None:
    made = tuner(make(hyperparameters={"task": "fail"}), max_jobs=2, max_parallel_jobs=2)
    with pytest.raises(JobFailedError, match=r"2 of 2 jobs failed, the first: .*no preset 'x'"):
        made.fit()
    with pytest.raises(EstimatorError, match="has no best training job yet"):
        made.best_training_job()
    assert made.analytics().dataframe()["FinalObjectiveValue"].isna().all()


def test_a_search_that_is_stopped_ends_its_jobs(make: Make) -> None:
    made = tuner(make(hyperparameters={"task": "wait"}), max_jobs=5)
    made.fit(wait=False)
    deadline = time.monotonic() + 20
    while made.describe()["TrainingJobStatusCounters"]["InProgress"] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    made.stop_tuning_job()
    with pytest.warns(UserWarning, match="was stopped: the best is that of the jobs until then"):
        made.wait()
    assert made.analytics().dataframe()["TrainingJobStatus"].tolist() == ["Stopped"]


def test_a_search_waits_where_the_local_aws_is_busy(make: Make) -> None:
    others = [make(hyperparameters={"pause": 0.3}) for _ in range(4)]
    for one in others:
        one.fit(wait=False)
    made = tuner(make(), max_jobs=2, max_parallel_jobs=2)
    made.fit()
    assert made.analytics().dataframe()["TrainingJobStatus"].tolist() == ["Completed"] * 2
    for one in others:
        one.latest_training_job.wait(logs=False)


def test_what_only_sagemaker_does(make: Make) -> None:
    config = {"HyperbandStrategyConfig": {"MaxResource": 30}}
    with pytest.raises(EstimatorError, match="strategy='Hyperband' is SageMaker's"):
        tuner(make(), strategy="Hyperband", strategy_config=config).fit()
    with pytest.warns(UserWarning, match="every job runs to its end"):
        tuner(make(), early_stopping_type="Auto").fit()


@pytest.mark.slow
def test_a_preset_is_tuned(make: Make) -> None:
    """The project's own bundle, whose settings are named by dotted paths."""
    estimator = bundled(sagemaker_session=boto3.Session())
    ranges = {
        "training.population": IntegerParameter(8, 24),
        "deviation": ContinuousParameter(0.01, 0.2, "Logarithmic"),
    }
    made = tuner(
        estimator, objective_metric_name="reward-testing", hyperparameter_ranges=ranges,
        max_jobs=3, max_parallel_jobs=2,
    )  # fmt: skip
    made.fit()
    frame = made.analytics().dataframe()
    assert frame["FinalObjectiveValue"].max() < -1
    assert set(made.best_estimator().hyperparameters()) == {
        "preset",
        "training.population",
        "deviation",
    }
