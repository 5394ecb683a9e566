"""HyperparameterTuner: its request, what it refuses, and searches in the local AWS."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from estimator import (
    CategoricalParameter,
    ContinuousParameter,
    EstimatorError,
    HyperparameterTuner,
    IntegerParameter,
    JobFailedError,
    RLEstimator,
)
from estimator.model_check import check_request
from local_mode.local_aws import LocalAws
from tests.estimator.conftest import Make
from tests.estimator.support import BUCKET, IMAGE, ROLE, jobs, keys, report

ROOT = Path(__file__).parents[2]
METRIC = "reward-training"
RANGES = {"gain": ContinuousParameter(0.5, 1.5), "shift": IntegerParameter(0, 3)}


def tuner(estimator: RLEstimator, **arguments: object) -> HyperparameterTuner:
    own = {"objective_metric_name": METRIC, "hyperparameter_ranges": RANGES}
    return HyperparameterTuner(estimator, **own | arguments)


def bundled(**arguments: object) -> RLEstimator:
    """An estimator of the project's own bundle; no local AWS is started for it."""
    own = {
        "entry_point": "train.py",
        "source_dir": str(ROOT / "training_src"),
        "toolkit": "cem",
        "framework": "numpy",
        "instance_type": "local",
        "hyperparameters": {"preset": "smoke"},
    }
    return RLEstimator(**own | arguments)


def test_the_request_is_that_of_the_training_job(remote: Make, aws: LocalAws) -> None:
    estimator = remote(
        hyperparameters={"preset": "x", "gain": 2, "seed": 1},
        use_spot_instances=True,
        max_run=60,
        max_wait=90,
        tags={"team": "a"},
        checkpoint_s3_uri=f"s3://{BUCKET}/checkpoints",
        keep_alive_period_in_seconds=None,
        environment={"A": "b"},
    )
    made = tuner(
        estimator,
        hyperparameter_ranges=RANGES | {"head": CategoricalParameter(["band", 1, True])},
        objective_type="Minimize",
        max_jobs=8,
        max_parallel_jobs=2,
        max_runtime_in_seconds=600,
        early_stopping_type="Auto",
        random_seed=3,
        tags={"what": "tuning"},
        base_tuning_job_name="a-name-that-is-far-too-long-for-a-tuning-job",
    )
    inputs = {"load": f"s3://{BUCKET}/load/"}
    request = made.request(inputs)
    assert len(request["HyperParameterTuningJobName"]) == 32
    assert request["HyperParameterTuningJobConfig"] == {
        "Strategy": "Bayesian",
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": METRIC},
        "ResourceLimits": {
            "MaxNumberOfTrainingJobs": 8,
            "MaxParallelTrainingJobs": 2,
            "MaxRuntimeInSeconds": 600,
        },
        "ParameterRanges": {
            "ContinuousParameterRanges": [
                {"Name": "gain", "MinValue": "0.5", "MaxValue": "1.5", "ScalingType": "Auto"}
            ],
            "IntegerParameterRanges": [
                {"Name": "shift", "MinValue": "0", "MaxValue": "3", "ScalingType": "Auto"}
            ],
            "CategoricalParameterRanges": [{"Name": "head", "Values": ['"band"', "1", "true"]}],
        },
        "TrainingJobEarlyStoppingType": "Auto",
        "RandomSeed": 3,
    }
    assert request["Tags"] == [
        {"Key": "team", "Value": "a"},
        {"Key": "what", "Value": "tuning"},
    ]
    name = request["HyperParameterTuningJobName"]
    training = estimator.launch(inputs, job_name=name).request
    definition = request["TrainingJobDefinition"]
    static = definition["StaticHyperParameters"]
    assert "gain" not in static
    assert {**training["HyperParameters"], **static} == {**static, "gain": "2"}
    for member in ("RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig"):
        assert definition[member] == training[member]
    for member in ("StoppingCondition", "CheckpointConfig", "EnableManagedSpotTraining"):
        assert definition[member] == training[member]
    assert definition["AlgorithmSpecification"] == training["AlgorithmSpecification"]
    assert (definition["RoleArn"], definition["Environment"]) == (ROLE, {"A": "b"})
    assert definition["AlgorithmSpecification"]["TrainingImage"] == IMAGE


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    low=st.floats(-1e6, 1e6, allow_nan=False),
    width=st.floats(1e-3, 1e6),
    jobs=st.integers(1, 500),
    seed=st.none() | st.integers(0, 2**31 - 1),
    strategy=st.sampled_from(["Bayesian", "Random", "Hyperband"]),
)
def test_every_request_is_valid(
    remote: Make, low: float, width: float, jobs: int, seed: int | None, strategy: str
) -> None:
    ranges = {"gain": ContinuousParameter(low, low + width)}
    made = tuner(
        remote(), hyperparameter_ranges=ranges, max_jobs=jobs, random_seed=seed, strategy=strategy
    )
    check_request("CreateHyperParameterTuningJob", made.request())


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
    assert "sent/source/sourcedir.tar.gz" in keys(aws, prefix="sent/")
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


def test_what_a_tuning_job_cannot_carry_is_refused(remote: Make) -> None:
    with pytest.raises(EstimatorError, match="take no ProfilerConfig: leave it out"):
        tuner(remote(disable_profiler=True)).request()
    with pytest.raises(EstimatorError, match="HyperParameterTuningJobName has 33 characters"):
        tuner(remote()).request(job_name=33 * "a")
    with pytest.raises(EstimatorError, match="no tuning job was started yet"):
        tuner(remote()).best_training_job()


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
    with pytest.raises(EstimatorError, match="strategy='Hyperband' is SageMaker's"):
        tuner(make(), strategy="Hyperband").fit()
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


@pytest.mark.slow
def test_the_request_is_that_of_the_sdks_version_2(remote: Make, aws: LocalAws) -> None:
    subprocess.run([ROOT / "tools/install_apart.sh", "sdk_v2"], cwd=ROOT, check=True)
    bundle = Path(__file__).parent / "bundle"
    done = subprocess.run(
        [
            ROOT / ".venv/sdk_v2/bin/python",
            Path(__file__).with_name("drive_tuner_v2.py"),
            *(bundle, BUCKET, IMAGE, ROLE),
        ],
        env={
            "PATH": os.environ["PATH"],
            "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": str(ROOT / "estimator" / "sdk_config.yaml"),
            "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
            **aws.environment(),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    theirs = json.loads(done.stdout.strip().splitlines()[-1])
    metrics = [{"Name": "reward", "Regex": "reward: (.*)"}]
    estimator = remote(
        toolkit=None,
        framework=None,
        image_uri=IMAGE,
        source_dir=str(bundle),
        instance_count=1,
        output_path=f"s3://{BUCKET}/out",
        code_location=f"s3://{BUCKET}/code",
        hyperparameters={"preset": "x", "seed": 1, "gain": 2},
        metric_definitions=metrics,
        use_spot_instances=True,
        max_run=60,
        max_wait=90,
        tags=[{"Key": "team", "Value": "a"}],
    )
    ranges = {
        "gain": ContinuousParameter(0.5, 1.5),
        "shift": IntegerParameter(0, 3, "Linear"),
        "head": CategoricalParameter(["band", "level"]),
    }
    ours = tuner(
        estimator,
        objective_metric_name="reward",
        hyperparameter_ranges=ranges,
        strategy="Random",
        objective_type="Minimize",
        max_jobs=4,
        max_parallel_jobs=2,
        max_runtime_in_seconds=600,
        early_stopping_type="Auto",
        random_seed=3,
    ).request({"load": f"s3://{BUCKET}/load/"}, job_name="compared")
    definition = theirs["TrainingJobDefinition"]
    # Instances are the same; a warm pool has no place in version 2's member.
    definition["ResourceConfig"] = definition.pop("HyperParameterTuningResourceConfig")
    assert ours == theirs


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
