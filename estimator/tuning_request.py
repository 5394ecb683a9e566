"""The CreateHyperParameterTuningJob request: a pure function of a training job's and the ranges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from estimator.errors import EstimatorError
from estimator.hyperparameters import encode
from estimator.ranges import CategoricalParameter, Range, parameter_ranges
from estimator.request import Request
from estimator.toolkits import nearest

STRATEGIES = ("Bayesian", "Random", "Hyperband", "Grid")
OBJECTIVE_TYPES = ("Maximize", "Minimize")
EARLY_STOPPING_TYPES = ("Off", "Auto")

# What a training job has and the definition of a tuning job's has as well, under the same name.
_KEPT = (
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "RetryStrategy",
    "Environment",
)
_MOVED = ("TrainingJobName", "AlgorithmSpecification", "HyperParameters", "Tags")


@dataclass(frozen=True, kw_only=True)
class TuningSettings:
    """What a tuner's requests have in common; names and defaults are those of the SDK v2.

    Attributes:
        objective_metric_name: The metric that is made as good as possible.
        ranges: What may be chosen.
        strategy: How: one of `STRATEGIES`.
        objective_type: `Maximize` or `Minimize`.
        max_jobs: Training jobs in all; None: 1, or all of a grid.
        max_parallel_jobs: Training jobs at a time.
        max_runtime_in_seconds: Of the tuning job; None: no limit.
        early_stopping_type: `Auto` lets SageMaker stop jobs that fall behind.
        strategy_config: Of Hyperband alone, which needs it: the API's member `StrategyConfig`.
        random_seed: Of the choice.
        tags: Further tags of the tuning job.
    """

    objective_metric_name: str
    ranges: Mapping[str, Range]
    strategy: str = "Bayesian"
    objective_type: str = "Maximize"
    max_jobs: int | None = None
    max_parallel_jobs: int = 1
    max_runtime_in_seconds: int | None = None
    early_stopping_type: str = "Off"
    strategy_config: Mapping[str, Any] | None = None
    random_seed: int | None = None
    tags: Sequence[Mapping[str, str]] = ()

    def check(self, metrics: Sequence[str]) -> None:
        """Check what the form of the request does not show.

        Args:
            metrics: Names of the metrics that the jobs define.

        Raises:
            EstimatorError: If something is wrong.
        """
        _check_choice("strategy", self.strategy, STRATEGIES)
        _check_choice("objective_type", self.objective_type, OBJECTIVE_TYPES)
        _check_choice("early_stopping_type", self.early_stopping_type, EARLY_STOPPING_TYPES)
        if self.objective_metric_name not in metrics:
            name = str(self.objective_metric_name)
            known = nearest(name, metrics) if metrics else ": define some"
            raise EstimatorError(
                f"objective_metric_name: metric_definitions have no "
                f"{self.objective_metric_name!r}{known}"
            )
        for name in ("max_jobs", "max_parallel_jobs"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise EstimatorError(f"{name} is {value!r}: write 1 or more")
        self._check_hyperband()
        if self.strategy == "Grid":
            self._check_grid()
        elif self.max_parallel_jobs > self.jobs:
            raise EstimatorError(
                f"max_parallel_jobs is {self.max_parallel_jobs} and max_jobs {self.jobs}: write no "
                "more at a time than in all"
            )

    @property
    def jobs(self) -> int:
        """Training jobs in all, 1 unless the user says otherwise."""
        return self.max_jobs or 1

    def _check_hyperband(self) -> None:
        """Check what the service refuses: it cannot tell how many values a job will print."""
        if self.strategy != "Hyperband":
            if self.strategy_config is not None:
                raise EstimatorError(
                    f"strategy_config is Hyperband's: leave it out with {self.strategy!r}"
                )
            return
        found = (self.strategy_config or {}).get("HyperbandStrategyConfig", {})
        if not isinstance(found, Mapping) or "MaxResource" not in found:
            raise EstimatorError(
                "strategy='Hyperband' needs the most values of the objective that a job prints: "
                "write strategy_config={'HyperbandStrategyConfig': {'MaxResource': 30}}"
            )
        if self.early_stopping_type != "Off":
            raise EstimatorError(
                "strategy='Hyperband' stops jobs by itself: leave out early_stopping_type"
            )

    def _check_grid(self) -> None:
        if self.max_jobs is not None:
            raise EstimatorError(
                "strategy='Grid' tries every combination: leave out max_jobs, or write 'Random'"
            )
        others = [n for n, one in self.ranges.items() if not isinstance(one, CategoricalParameter)]
        if others:
            raise EstimatorError(
                f"strategy='Grid' takes a CategoricalParameter alone, and {', '.join(others)} is "
                "none: write its values as one, or strategy='Random'"
            )


def tuning_job_request(training: Request, settings: TuningSettings) -> Request:
    """Return the request.

    Args:
        training: The CreateTrainingJob request of a job like those to be started; its name becomes
            that of the tuning job.
        settings: What is tuned, and how.

    Raises:
        EstimatorError: If the training job has something that a tuning job's cannot have.
    """
    left = sorted(set(training) - {*_KEPT, *_MOVED})
    if left:
        raise EstimatorError(
            f"a tuning job's training jobs take no {', '.join(left)}: leave it out of the estimator"
        )
    algorithm = {
        name: training["AlgorithmSpecification"][name]
        for name in ("TrainingImage", "TrainingInputMode", "MetricDefinitions")
        if name in training["AlgorithmSpecification"]
    }
    static = {
        name: value
        for name, value in training["HyperParameters"].items()
        if name not in settings.ranges
    }
    # What version 2's attach() looks for.
    static["sagemaker_estimator_class_name"] = encode("RLEstimator")
    static["sagemaker_estimator_module"] = encode("sagemaker.rl.estimator")
    definition = {"StaticHyperParameters": static, "AlgorithmSpecification": algorithm} | {
        name: training[name] for name in _KEPT if name in training
    }
    request: Request = {
        "HyperParameterTuningJobName": training["TrainingJobName"],
        "HyperParameterTuningJobConfig": _config(settings),
        "TrainingJobDefinition": definition,
    }
    tags = [dict(tag) for tag in (*training.get("Tags", ()), *settings.tags)]
    return request | ({"Tags": tags} if tags else {})


def _config(settings: TuningSettings) -> dict[str, Any]:
    limits: dict[str, int] = {"MaxParallelTrainingJobs": settings.max_parallel_jobs}
    if settings.strategy != "Grid":
        limits["MaxNumberOfTrainingJobs"] = settings.jobs
    if settings.max_runtime_in_seconds is not None:
        limits["MaxRuntimeInSeconds"] = settings.max_runtime_in_seconds
    config: dict[str, Any] = {
        "Strategy": settings.strategy,
        "HyperParameterTuningJobObjective": {
            "Type": settings.objective_type,
            "MetricName": settings.objective_metric_name,
        },
        "ResourceLimits": limits,
        "ParameterRanges": parameter_ranges(settings.ranges),
        "TrainingJobEarlyStoppingType": settings.early_stopping_type,
    }
    if settings.strategy_config is not None:
        config["StrategyConfig"] = settings.strategy_config
    if settings.random_seed is not None:
        config["RandomSeed"] = settings.random_seed
    return config


def _check_choice(argument: str, value: object, choices: Sequence[str]) -> None:
    if value not in choices:
        raise EstimatorError(f"{argument}: there is no {value!r}{nearest(str(value), choices)}")
