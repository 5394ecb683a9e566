"""`RLEstimator`: trains and deploys as the SDK's version 2 did, with this project's image."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, Unpack

from estimator import local_aws
from estimator.arguments import Arguments
from estimator.attach import arguments_of
from estimator.bundle import find_bundle
from estimator.checks import shows_logs
from estimator.deployment import check_program, endpoint_settings
from estimator.errors import EstimatorError, JobFailedError
from estimator.hosting import (
    DEFAULT_PROGRAM,
    create_endpoint,
    delete_endpoint,
    wait_for_endpoint,
)
from estimator.hyperparameters import encode_all
from estimator.images import Image
from estimator.inputs import Inputs, named_inputs
from estimator.job import ENDED, Job
from estimator.kinds import check_kind
from estimator.launch import Launch, prepare
from estimator.metrics import (
    Definitions,
    default_metric_definitions,
    definition_list,
    metric_definitions,
)
from estimator.names import default_base, timestamped
from estimator.options import Options, checked_options, draft_settings
from estimator.predictor import Predictor
from estimator.presets import check_defaults, check_preset
from estimator.session import Session, as_session
from estimator.settings import LOCAL, JobSettings
from estimator.toolkits import RLFramework, RLToolkit
from estimator.tracking import check_tracking, track

if TYPE_CHECKING:
    from sagemaker.core.analytics import TrainingJobAnalytics


class RLEstimator(Arguments):
    """Trains a policy with SageMaker, or on this machine, and deploys it.

    Everything that can be checked without AWS is checked here, the rest before anything is
    uploaded.

    Args:
        entry_point: The program, a file at the root of `source_dir`.
        toolkit: `sb3`, `cem`, `hindsight`; or `coach` and `ray`, whose images are AWS's dead ones.
        toolkit_version: For `coach` and `ray` alone.
        framework: `pytorch` for `sb3`, `numpy` for `cem` and `hindsight`.
        source_dir: The bundle: a folder, or the S3 address of a `sourcedir.tar.gz`.
        hyperparameters: Texts, numbers and truth values by name.
        image_uri: An image instead of a toolkit.
        metric_definitions: None: the bundle's `metrics.json`, else the toolkit's.
        options: See `Options`.

    Raises:
        EstimatorError: If an argument is wrong; the line says what to do.
    """

    def __init__(
        self,
        entry_point: str,
        toolkit: RLToolkit | str | None = None,
        toolkit_version: str | None = None,
        framework: RLFramework | str | None = None,
        source_dir: str | None = None,
        hyperparameters: Mapping[str, object] | None = None,
        image_uri: str | None = None,
        metric_definitions: Sequence[Mapping[str, str]] | None = None,
        **options: Unpack[Options],
    ) -> None:
        options = self._options = checked_options(options)
        own = {"entry_point": entry_point, "source_dir": source_dir, "image_uri": image_uri}
        chosen = {"toolkit": toolkit, "toolkit_version": toolkit_version, "framework": framework}
        self._given = {**options, **own, **chosen}
        program = _text(entry_point) or ""
        check_kind("hyperparameters", hyperparameters, Mapping)
        self._image = Image(
            image_uri=image_uri,
            toolkit=toolkit,
            toolkit_version=toolkit_version,
            framework=framework,
        )
        self._draft = draft_settings(program, options)
        check_tracking(options.get("mlflow_tracking_uri"))
        if self._draft.is_local and self._image.is_legacy:
            raise EstimatorError(
                "instance_type='local' runs the bundle as processes of this machine, without the "
                f"image of {toolkit}: take toolkit='sb3' with framework='pytorch'"
            )
        self.bundle = find_bundle(program, _text(source_dir), options.get("dependencies") or ())
        self._draft = dataclasses.replace(self._draft, entry_point=self.bundle.program)
        self._definitions = (
            None if metric_definitions is None else definition_list(metric_definitions)
        )
        self._hyperparameters: dict[str, object] = {}
        self._add(hyperparameters or {})
        self._session: Session | None = None
        self._endpoint: tuple[str, str] | None = None
        self.jobs: list[Job] = []
        self.latest_training_job: Job | None = None

    @property
    def sagemaker_session(self) -> Session:
        """Where the jobs run; the local AWS is started when it is first asked for.

        Raises:
            EstimatorError: If it cannot be had.
        """
        if self._session is None or self._session.is_gone:
            names = {
                "project": self._options.get("project"),
                "stage": self._options.get("stage"),
            }
            given = self._options.get("sagemaker_session")
            if self._draft.is_local and given is None:
                self._session = local_aws.local_session(**names)
            else:
                self._session = as_session(given, **names)
            if self._draft.is_local:
                self._session.require_local()
        return self._session

    def hyperparameters(self) -> dict[str, object]:
        """Return the hyperparameters."""
        return dict(self._hyperparameters)

    def set_hyperparameters(self, **hyperparameters: object) -> None:
        """Add hyperparameters for the next job, or change them.

        Raises:
            EstimatorError: If one is no scalar, or the preset's toolkit is another one.
        """
        self._add(hyperparameters)

    def _add(self, hyperparameters: Mapping[str, object]) -> None:
        merged = {**self._hyperparameters, **hyperparameters}
        encode_all(merged)
        check_preset(self.bundle, self._image.toolkit, merged)
        self._hyperparameters = merged

    def fit(
        self,
        inputs: Inputs = None,
        wait: bool = True,
        logs: str | bool | Sequence[str] | None = "All",
        job_name: str | None = None,
        experiment_config: Mapping[str, str] | None = None,
    ) -> None:
        """Start a training job.

        Args:
            inputs: Channels by name: `s3://…` or `file://…`; one alone is the channel `training`.
            wait: Wait for the end of the job.
            logs: `"All"` or `"None"`, as the SDK has it, or a truth value: show the job's lines.
            job_name: None: made of `base_job_name` and the time.
            experiment_config: `ExperimentName`, `TrialName`, `TrialComponentDisplayName`.

        Raises:
            EstimatorError: If something is wrong; nothing was uploaded or started then.
            JobFailedError: If the job fails while it is waited for.
        """
        shows = shows_logs(logs)
        launch = self.launch(inputs, job_name=job_name, experiment_config=experiment_config)
        self.latest_training_job = launch.start()
        self.jobs.append(self.latest_training_job)
        if wait:
            self._wait(self.latest_training_job, logs=shows)

    def _wait(self, job: Job, *, logs: bool) -> None:
        """Wait for the end of a job and log it to MLflow, if there is one."""
        try:
            job.wait(logs=logs)
        except JobFailedError:
            track(job, self.mlflow_tracking_uri)
            raise
        track(job, self.mlflow_tracking_uri)

    @property
    def mlflow_tracking_uri(self) -> str | None:
        """Where MLflow gets its jobs; None: where MLFLOW_TRACKING_URI says."""
        return self._options.get("mlflow_tracking_uri")

    def launch(
        self,
        inputs: Inputs = None,
        *,
        job_name: str | None = None,
        experiment_config: Mapping[str, str] | None = None,
        searched: Collection[str] = (),
    ) -> Launch:
        """Return a job that can be started, looked up and checked; its `request` can be read.

        Args:
            inputs: As in `fit`.
            job_name: As in `fit`.
            experiment_config: As in `fit`.
            searched: Hyperparameters that a tuner gives each job.

        Raises:
            EstimatorError: If something is wrong.
        """
        check_kind("job_name", job_name, str)
        check_kind("experiment_config", experiment_config, Mapping)
        channels = named_inputs(inputs)
        options = self._options
        check_defaults(
            self.bundle,
            self._image.toolkit,
            {**dict.fromkeys(searched), **self._hyperparameters},
            checkpoint_local_path=self._draft.checkpoint_local_path,
        )
        return prepare(
            self.sagemaker_session,
            self._settings(experiment_config),
            job_name=job_name or timestamped(self.base_name),
            image=self._image,
            bundle=self.bundle,
            inputs=channels,
            role=options.get("role"),
            output_path=_text(options.get("output_path")),
            code_location=_text(options.get("code_location")),
        )

    @property
    def is_local(self) -> bool:
        """Whether its jobs run on this machine."""
        return self._draft.is_local

    @property
    def metric_definitions(self) -> Sequence[Mapping[str, str]]:
        """What CloudWatch reads in its jobs' lines.

        Raises:
            EstimatorError: If the bundle's own definitions are of no use.
        """
        if self._definitions is None:
            return metric_definitions(self._image.toolkit, self.bundle)
        return self._definitions

    def _settings(self, experiment: Mapping[str, str] | None) -> JobSettings:
        return dataclasses.replace(
            self._draft,
            hyperparameters=self._hyperparameters,
            metric_definitions=self.metric_definitions,
            extra={**self._draft.extra, "ExperimentConfig": dict(experiment or {})},
        )

    @property
    def base_name(self) -> str:
        """What the names of its jobs begin with."""
        toolkit = self._image.toolkit.value if self._image.toolkit else None
        what = self._hyperparameters.get("preset") or toolkit or "training"
        return self._options.get("base_job_name") or default_base(what)

    @classmethod
    def attach(
        cls,
        training_job_name: str,
        sagemaker_session: object = None,
        model_channel_name: str = "model",
        *,
        wait: bool = True,
    ) -> Self:
        """Return the estimator of a job that was started before, here or anywhere.

        Args:
            training_job_name: Name of the job.
            sagemaker_session: None: the local AWS of this process if the job is there, else AWS.
            model_channel_name: The channel that brings a model to start from.
            wait: Wait for the end of the job, without its lines.

        Raises:
            EstimatorError: If there is no such job, or it runs no bundle.
        """
        session = local_aws.session_of_job(training_job_name, sagemaker_session)
        job = Job(session, training_job_name)
        arguments = arguments_of(job.describe())
        # A job without an instance type is one of a local AWS, whoever started that.
        session.is_local = session.is_local or arguments.get("instance_type") == LOCAL
        estimator = cls(
            **arguments, sagemaker_session=session, model_channel_name=model_channel_name
        )
        estimator.latest_training_job = job
        estimator.jobs.append(job)
        if wait and job.status not in ENDED:
            estimator._wait(job, logs=False)
        return estimator

    def _job(self) -> Job:
        if self.latest_training_job is None:
            raise EstimatorError("no job was started yet: call fit(), or RLEstimator.attach(NAME)")
        return self.latest_training_job

    def logs(self) -> None:
        """Show the lines of the latest job, until its end.

        Raises:
            JobFailedError: If it fails.
        """
        self._wait(self._job(), logs=True)

    @property
    def model_data(self) -> str:
        """The address of the latest job's model.tar.gz."""
        return self._job().model_data

    @property
    def training_job_analytics(self) -> "TrainingJobAnalytics":
        """The metrics of the latest job; `.dataframe()` has timestamp, metric_name and value."""
        job = self._job()
        track(job, self.mlflow_tracking_uri)
        return job.analytics()

    @classmethod
    def default_metric_definitions(cls, toolkit: RLToolkit | str) -> Definitions:
        """Return the metric definitions of a toolkit's jobs when none are given."""
        return default_metric_definitions(toolkit)

    def training_image_uri(self) -> str:
        """Return the address of the image that trains."""
        return self._image.uri(self.sagemaker_session, instance_type=self._draft.instance_type)

    def deploy(
        self,
        initial_instance_count: int | None = None,
        instance_type: str | None = None,
        serializer: Any = None,  # noqa: ANN401 - the SDK's
        deserializer: Any = None,  # noqa: ANN401
        *,
        endpoint_name: str | None = None,
        model_name: str | None = None,
        wait: bool = True,
        entry_point: str = DEFAULT_PROGRAM,
        image_uri: str | None = None,
        role: str | None = None,
        kms_key: str | None = None,
        tags: Any = None,  # noqa: ANN401 - list or mapping
        environment: Mapping[str, str] | None = None,
        **variant: Any,  # noqa: ANN401 - see below
    ) -> Predictor:
        """Deploy the latest job's model to an endpoint.

        Args:
            initial_instance_count: How many instances serve.
            instance_type: `local` for a job that trained so; else for example `ml.m5.large`.
            serializer: See `Predictor`.
            deserializer: See `Predictor`.
            endpoint_name: None: made of the base name and the time.
            model_name: None: the endpoint's.
            wait: Wait until it answers.
            entry_point: File of the job's bundle that serves.
            image_uri: None: the image that trained.
            role: None: the job's.
            kms_key: Encrypts the instances' volumes.
            tags: Of model, configuration and endpoint; None: the estimator's.
            environment: Further variables of the program.
            variant: `serverless_inference_config`, `data_capture_config` (in the form of the
                request), `volume_size`, `model_data_download_timeout`,
                `container_startup_health_check_timeout`.

        Raises:
            EstimatorError: If something is wrong; nothing was made then.
            JobFailedError: If the endpoint does not come up.
        """
        job, session = self._job(), self.sagemaker_session
        check_program(self._image, self.bundle, entry_point)
        name = endpoint_name or timestamped(self.base_name)
        settings = endpoint_settings(
            job,
            self._draft,
            name=name,
            model_name=model_name,
            instance_type=instance_type,
            instance_count=initial_instance_count,
            program=entry_point,
            image_uri=image_uri,
            role=role,
            kms_key=kms_key,
            tags=tags,
            environment=environment,
            variant=variant,
        )
        create_endpoint(session, settings)
        self._endpoint = (name, settings.model_name)
        if wait:
            wait_for_endpoint(session, name)
        return Predictor(name, session, serializer, deserializer, model_name=settings.model_name)

    def delete_endpoint(self) -> None:
        """Delete the endpoint that `deploy` made last, with its configuration and its model.

        Raises:
            EstimatorError: If there is none.
        """
        if self._endpoint is None:
            raise EstimatorError("deploy() made no endpoint yet, or it is deleted already")
        name, model = self._endpoint
        delete_endpoint(self.sagemaker_session, name, model=model)
        self._endpoint = None


def _text(given: object) -> str | None:
    """Return a path or address as text."""
    return None if given is None else str(given)
