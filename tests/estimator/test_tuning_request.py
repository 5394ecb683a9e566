"""The request of a tuning job: made of the training job's, valid, and what it cannot carry."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoscaling_rl import presets as bundle_presets
from estimator import CategoricalParameter, ContinuousParameter, EstimatorError
from estimator.model_check import check_request
from estimator.presets import DEFAULT_PRESET
from local_mode.local_aws import LocalAws
from tests.estimator.conftest import Make
from tests.estimator.support import BUCKET, IMAGE, METRIC, RANGES, ROLE, ROOT, tuner


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


HYPERBAND = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 30}}


def test_hyperband_is_told_how_many_values_a_job_prints(remote: Make) -> None:
    made = tuner(remote(), strategy="Hyperband", strategy_config=HYPERBAND)
    assert made.request()["HyperParameterTuningJobConfig"]["StrategyConfig"] == HYPERBAND
    for config in (None, {}, {"HyperbandStrategyConfig": {"MinResource": 1}}):
        with pytest.raises(EstimatorError, match=r"write strategy_config=.*MaxResource"):
            tuner(remote(), strategy="Hyperband", strategy_config=config)
    with pytest.raises(EstimatorError, match="leave out early_stopping_type"):
        tuner(
            remote(),
            strategy="Hyperband",
            strategy_config=HYPERBAND,
            early_stopping_type="Auto",
        )
    with pytest.raises(EstimatorError, match="leave it out with 'Random'"):
        tuner(remote(), strategy="Random", strategy_config=HYPERBAND)


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
    more = {"strategy_config": HYPERBAND} if strategy == "Hyperband" else {}
    made = tuner(
        remote(),
        hyperparameter_ranges=ranges,
        max_jobs=jobs,
        random_seed=seed,
        strategy=strategy,
        **more,
    )
    check_request("CreateHyperParameterTuningJob", made.request())


def test_what_a_tuning_job_cannot_carry_is_refused(remote: Make) -> None:
    with pytest.raises(EstimatorError, match="take no ProfilerConfig: leave it out"):
        tuner(remote(disable_profiler=True)).request()
    with pytest.raises(EstimatorError, match="HyperParameterTuningJobName has 33 characters"):
        tuner(remote()).request(job_name=33 * "a")
    with pytest.raises(EstimatorError, match="no tuning job was started yet"):
        tuner(remote()).best_training_job()


def test_the_preset_may_be_what_is_searched_for(remote: Make) -> None:
    estimator = remote(source_dir=str(ROOT / "training_src"), hyperparameters={})
    with pytest.raises(EstimatorError, match=f"the preset {DEFAULT_PRESET} trains with hindsight"):
        estimator.launch()
    ranges = {"preset": CategoricalParameter(["smoke", "cem-autoscaling"])}
    made = tuner(estimator, hyperparameter_ranges=ranges, objective_metric_name="reward-training")
    assert "preset" not in made.request()["TrainingJobDefinition"]["StaticHyperParameters"]


def test_the_default_preset_is_the_bundles() -> None:
    assert bundle_presets.DEFAULT_PRESET == DEFAULT_PRESET
