"""`HyperparameterTuner`: SageMaker's automatic model tuning, or a small search on this machine."""

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from estimator.checks import tag_list
from estimator.errors import EstimatorError, JobFailedError
from estimator.estimator import RLEstimator
from estimator.inputs import Inputs
from estimator.kinds import check_kind, of_their_kinds
from estimator.launch import Launch
from estimator.local_tuning import LocalTuning
from estimator.metrics import check_regexes, definition_list
from estimator.model_check import check_request
from estimator.names import timestamped_short
from estimator.preset_check import check_in_preset
from estimator.ranges import check_ranges
from estimator.request import Request
from estimator.session import Session, asking
from estimator.tracking import is_tracked, track
from estimator.tuning_job import TuningJob
from estimator.tuning_request import TuningSettings, tuning_job_request

if TYPE_CHECKING:
    from sagemaker.core.analytics import HyperparameterTuningJobAnalytics


class HyperparameterTuner:
    """Finds good hyperparameters for an estimator's jobs.

    With `instance_type="local"` the same ranges are searched on this machine: see `points`.

    Args:
        estimator: What the training jobs are made with; its hyperparameters stay fixed.
        objective_metric_name: The metric that is made as good as possible.
        hyperparameter_ranges: What may be chosen, by the name of the hyperparameter.
        metric_definitions: None: the estimator's.
        strategy: `Bayesian`, `Random`, `Hyperband` or `Grid`.
        objective_type: `Maximize` or `Minimize`.
        max_jobs: Training jobs in all; None: 1, or all of a grid.
        max_parallel_jobs: Training jobs at a time.
        max_runtime_in_seconds: Of the tuning job; None: no limit.
        tags: Further tags of the tuning job.
        base_tuning_job_name: What its name begins with.
        early_stopping_type: `Off`, or `Auto`: SageMaker stops jobs that fall behind.
        random_seed: Of the choice.
        strategy_config: Of Hyperband alone, as the API has it:
            `{"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 30}}`.

    Raises:
        EstimatorError: If an argument is wrong; the line says what to do.
    """

    def __init__(
        self,
        estimator: RLEstimator,
        objective_metric_name: str,
        hyperparameter_ranges: Mapping[str, Any],
        metric_definitions: Sequence[Mapping[str, str]] | None = None,
        strategy: str = "Bayesian",
        objective_type: str = "Maximize",
        max_jobs: int | None = None,
        max_parallel_jobs: int = 1,
        max_runtime_in_seconds: int | None = None,
        tags: Sequence[Mapping[str, str]] | Mapping[str, str] | None = None,
        base_tuning_job_name: str | None = None,
        early_stopping_type: str = "Off",
        random_seed: int | None = None,
        strategy_config: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(estimator, RLEstimator):
            raise EstimatorError(f"estimator is {estimator!r}: write an RLEstimator")
        check_kind("base_tuning_job_name", base_tuning_job_name, str)
        self.estimator = estimator
        self._base = base_tuning_job_name
        self._definitions = (
            None if metric_definitions is None else definition_list(metric_definitions)
        )
        given = {
            "objective_metric_name": objective_metric_name,
            "ranges": check_ranges(hyperparameter_ranges),
            "strategy": strategy,
            "objective_type": objective_type,
            "max_jobs": max_jobs,
            "max_parallel_jobs": max_parallel_jobs,
            "max_runtime_in_seconds": max_runtime_in_seconds,
            "early_stopping_type": early_stopping_type,
            "random_seed": random_seed,
            "strategy_config": strategy_config,
            "tags": tag_list(tags),
        }
        self.settings = TuningSettings(**of_their_kinds(given, TuningSettings))
        defined = estimator.metric_definitions if self._definitions is None else self._definitions
        self.settings.check([one["Name"] for one in defined])
        check_in_preset(estimator.bundle, estimator.hyperparameters(), self.settings.ranges)
        self.latest_tuning_job: TuningJob | None = None

    def fit(self, inputs: Inputs = None, job_name: str | None = None, wait: bool = True) -> None:
        """Start a tuning job.

        Args:
            inputs: As `RLEstimator.fit` takes them; every training job gets them.
            job_name: At most 32 characters; None: made of `base_tuning_job_name` and the time.
            wait: Wait for its end.

        Raises:
            EstimatorError: If something is wrong; nothing was uploaded or started then.
            JobFailedError: If it fails while it is waited for.
        """
        launch, request = self._prepare(inputs, job_name)
        session, name = launch.session, request["HyperParameterTuningJobName"]
        local = LocalTuning(session, request) if self.estimator.is_local else None
        if local and self.settings.early_stopping_type == "Auto":
            warnings.warn(
                "early_stopping_type='Auto' is SageMaker's: on this machine every job runs to its "
                "end",
                stacklevel=2,
            )
        self._check_name(session, name)
        launch.places.upload(session, name, launch.bundle, launch.inputs)
        if local:
            local.start()
        else:
            with asking(f"tuning job {name} was not started"):
                session.sagemaker_client.create_hyper_parameter_tuning_job(**request)
        self.latest_tuning_job = TuningJob(session, name, local)
        if wait:
            self.wait()

    def _check_name(self, session: Session, name: str) -> None:
        """Refuse the name of a tuning job that there is: its bundle would be overwritten."""
        from botocore.exceptions import BotoCoreError, ClientError

        taken = self.estimator.is_local and name in LocalTuning.started
        with contextlib.suppress(ClientError, BotoCoreError):  # whoever may not ask finds out later
            if not self.estimator.is_local:
                session.sagemaker_client.describe_hyper_parameter_tuning_job(
                    HyperParameterTuningJobName=name
                )
                taken = True
        if taken:
            raise EstimatorError(
                f"tuning job {name} was not started: ResourceInUse: there is one of this name "
                "already: leave out job_name, or write another"
            )

    def request(self, inputs: Inputs = None, job_name: str | None = None) -> Request:
        """Return the CreateHyperParameterTuningJob request that `fit` would send.

        Raises:
            EstimatorError: If something is wrong.
        """
        return self._prepare(inputs, job_name)[1]

    def _prepare(self, inputs: Inputs, job_name: str | None) -> tuple[Launch, Request]:
        launch = self.estimator.launch(
            inputs, job_name=job_name or self._name(), searched=self.settings.ranges
        )
        training = launch.request
        if self._definitions is not None:
            algorithm = training["AlgorithmSpecification"]
            definitions = [dict(one) for one in self._definitions]
            training = training | {
                "AlgorithmSpecification": algorithm | {"MetricDefinitions": definitions}
            }
        request = tuning_job_request(training, self.settings)
        check_request("CreateHyperParameterTuningJob", request)
        check_regexes(self._definitions or ())
        return launch, request

    def _name(self) -> str:
        return timestamped_short(self._base or self.estimator.base_name)

    def _job(self) -> TuningJob:
        if self.latest_tuning_job is None:
            raise EstimatorError("no tuning job was started yet: call fit()")
        return self.latest_tuning_job

    def wait(self) -> None:
        """Wait for the end of the latest tuning job.

        Raises:
            JobFailedError: If it fails.
        """
        job = self._job()
        try:
            job.wait()
        except JobFailedError:
            self._track(job)
            raise
        self._track(job)

    def _track(self, job: TuningJob) -> None:
        if is_tracked(self.estimator.mlflow_tracking_uri):
            for one in job.training_jobs():
                track(one, self.estimator.mlflow_tracking_uri)

    def describe(self) -> dict[str, Any]:
        """Return what DescribeHyperParameterTuningJob answers of the latest tuning job."""
        return self._job().describe()

    def stop_tuning_job(self) -> None:
        """Ask the latest tuning job to stop, and its training jobs."""
        self._job().stop()

    def analytics(self) -> "HyperparameterTuningJobAnalytics":
        """Return its training jobs; `.dataframe()` has their hyperparameters and objectives."""
        return self._job().analytics()

    def best_training_job(self) -> str:
        """Return the name of the best training job.

        Raises:
            EstimatorError: If there is none yet.
        """
        return self._job().best_training_job()

    def best_estimator(self) -> RLEstimator:
        """Return the estimator of the best training job: it can deploy, or train on.

        Raises:
            EstimatorError: If there is no best job yet.
        """
        job = self._job()
        return RLEstimator.attach(job.best_training_job(), job.session, wait=False)

    def deploy(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - those of `deploy`
        """Deploy the best training job's model, as `RLEstimator.deploy` does."""
        return self.best_estimator().deploy(*arguments, **options)
