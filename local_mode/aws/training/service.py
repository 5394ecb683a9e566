"""The training part of the SageMaker API."""

import threading
from collections.abc import Iterator

from local_mode.aws.paging import ordered, page
from local_mode.aws.protocol import AwsError, Document, validation_error
from local_mode.aws.storage import S3Location, StorageError
from local_mode.aws.training.drivers import brings_drivers
from local_mode.aws.training.job import TrainingJob, job_arn
from local_mode.aws.training.metrics import compile_definitions
from local_mode.aws.training.runner import JobRunner

_RUNNING = frozenset({"InProgress", "Stopping"})


class TrainingJobs:
    """All training jobs of the account, running and ended."""

    def __init__(self, runner: JobRunner, *, max_running: int) -> None:
        self._runner = runner
        self._max_running = max_running
        self._jobs: dict[str, TrainingJob] = {}
        self._lock = threading.Lock()

    def create(self, request: Document) -> Document:
        """CreateTrainingJob: check what can be checked at once, then run the job in a thread.

        Raises:
            AwsError: As on AWS: ValidationException, ResourceInUse, ResourceLimitExceeded.
        """
        _check(request)
        name = request["TrainingJobName"]
        job = TrainingJob(request)
        with self._lock:
            if name in self._jobs:
                raise AwsError(
                    "ResourceInUse",
                    "Training job names must be unique within an AWS account and region, "
                    f"and a training job with this name already exists ({job_arn(name)})",
                )
            running = sum(job.status in _RUNNING for job in self._jobs.values())
            if running >= self._max_running:
                raise AwsError(
                    "ResourceLimitExceeded",
                    f"The service limit 'local processes for training job usage' is "
                    f"{self._max_running} Instances, with current utilization of {running} "
                    "Instances and a request delta of 1 Instances.",
                )
            self._jobs[name] = job
        threading.Thread(target=self._runner.run, args=(job,), daemon=True).start()
        return {"TrainingJobArn": job_arn(name)}

    def describe(self, request: Document) -> Document:
        """DescribeTrainingJob."""
        return self.find(request["TrainingJobName"]).describe()

    def stop(self, request: Document) -> Document:
        """StopTrainingJob: SIGTERM now, SIGKILL after the grace period."""
        job = self.find(request["TrainingJobName"])
        if not job.request_stop():
            raise validation_error(
                f"The request was rejected because the training job is in status {job.status}."
            )
        return {}

    def list_jobs(self, request: Document) -> Document:
        """ListTrainingJobs, newest first unless asked otherwise."""
        summaries = [job.summary() for job in self._matching(request)]
        key = {"Name": "TrainingJobName", "Status": "TrainingJobStatus"}.get(
            request.get("SortBy", ""), "CreationTime"
        )
        items = ordered(summaries, request, key=key, order="Descending")
        return page(items, request, member="TrainingJobSummaries")

    def find(self, name: str) -> TrainingJob:
        """Return the job of that name.

        Raises:
            AwsError: If there is none.
        """
        try:
            return self._jobs[name]
        except KeyError:
            raise validation_error("Requested resource not found.") from None

    def _matching(self, request: Document) -> Iterator[TrainingJob]:
        for job in list(self._jobs.values()):
            status = request.get("StatusEquals")
            if request.get("NameContains", "") in job.name and status in (None, job.status):
                yield job


def _check(request: Document) -> None:
    for member in ("AlgorithmSpecification", "ResourceConfig", "StoppingCondition"):
        if member not in request:
            raise validation_error(f"Missing required parameter in input: {member}")
    specification, output = request["AlgorithmSpecification"], request["OutputDataConfig"]
    compile_definitions(specification.get("MetricDefinitions", []))
    if "ContainerEntrypoint" in specification and not brings_drivers(request):
        raise validation_error(
            "ContainerEntrypoint is not available: a local process has no image. Name the program "
            "by the hyperparameters sagemaker_program and sagemaker_submit_directory. (The entry "
            "point of SDK version 3 is, with its channel sm_drivers.)"
        )
    if output.get("CompressionType", "GZIP") != "GZIP":
        raise validation_error("OutputDataConfig.CompressionType NONE is not available locally.")
    if "InstanceGroups" in request["ResourceConfig"]:
        raise validation_error("ResourceConfig.InstanceGroups is not available locally.")
    _check_spot(request)
    _check_location("OutputDataConfig.S3OutputPath", output["S3OutputPath"])
    if "CheckpointConfig" in request:
        _check_checkpoints(request["CheckpointConfig"])
    for channel in request.get("InputDataConfig", []):
        _check_channel(channel)


def _check_location(member: str, uri: str) -> None:
    try:
        S3Location.parse(uri)
    except StorageError as error:
        raise validation_error(f"{member}: {error}") from None


def _check_checkpoints(config: Document) -> None:
    _check_location("CheckpointConfig.S3Uri", config["S3Uri"])
    path = config.get("LocalPath", "/opt/ml/checkpoints")
    if not path.startswith("/opt/ml/") or ".." in path.split("/"):
        raise validation_error(f"CheckpointConfig.LocalPath {path} is not under /opt/ml.")


def _check_spot(request: Document) -> None:
    wait = request["StoppingCondition"].get("MaxWaitTimeInSeconds")
    if not request.get("EnableManagedSpotTraining", False):
        if wait is not None:
            raise validation_error(
                "MaxWaitTimeInSeconds is only for jobs with EnableManagedSpotTraining."
            )
        return
    runtime = request["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400)
    if wait is None or wait < runtime:
        raise validation_error(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
            "MaxRuntimeInSeconds."
        )


def _check_channel(channel: Document) -> None:
    name = channel["ChannelName"]
    source = channel["DataSource"].get("S3DataSource")
    if source is None or source.get("S3DataType") != "S3Prefix":
        raise validation_error(f"Channel {name}: only an S3DataSource of type S3Prefix works here.")
    if (
        channel.get("InputMode", "File") == "Pipe"
        or channel.get("CompressionType", "None") != "None"
    ):
        raise validation_error(f"Channel {name}: only uncompressed objects as files work here.")
    _check_location(f"Channel {name}", source["S3Uri"])
