"""One training job, running or ended: its description, its lines, its end."""

import sys
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estimator.errors import EstimatorError, JobFailedError
from estimator.logs import LOG_GROUP, LogReader
from estimator.screen import Screen
from estimator.sdk import load
from estimator.session import Session, asking

if TYPE_CHECKING:
    from sagemaker.core.analytics import TrainingJobAnalytics
    from sagemaker.core.resources import TrainingJob

ENDED = frozenset({"Completed", "Failed", "Stopped"})
_POLL_SECONDS, _LOCAL_POLL_SECONDS = 5.0, 0.3
_folders: dict[str, Path] = {}
# CloudWatch answers no call with more points than this.
_MAX_POINTS = 1_440


class Job:
    """One training job.

    Args:
        session: Where it runs.
        name: Its name.
        folder: Folder of this machine that gets its results once it has ended; None: the one that
            was named when this process started the job, if any was.
    """

    def __init__(self, session: Session, name: str, *, folder: Path | None = None) -> None:
        self.session = session
        self.name = name
        self.folder = folder or _folders.get(name)
        if folder is not None:
            _folders[name] = folder

    @property
    def job_name(self) -> str:
        """Its name, as version 2 of the SDK calls it."""
        return self.name

    def describe(self) -> dict[str, Any]:
        """Return what DescribeTrainingJob answers.

        Raises:
            EstimatorError: If there is no such job.
        """
        with asking(f"training job {self.name}"):
            answer: dict[str, Any] = self.session.sagemaker_client.describe_training_job(
                TrainingJobName=self.name
            )
        return answer

    @property
    def status(self) -> str:
        """InProgress, Completed, Failed, Stopping or Stopped."""
        return str(self.describe()["TrainingJobStatus"])

    @property
    def resource(self) -> "TrainingJob":
        """The job as version 3 of the SDK has it."""
        kind = load("sagemaker.core.resources").TrainingJob
        found: TrainingJob = kind.get(
            self.name, session=self.session.boto_session, region=self.session.region
        )
        return found

    @property
    def model_data(self) -> str:
        """The address of its model.tar.gz.

        Raises:
            EstimatorError: If it has none.
        """
        described = self.describe()
        artifacts = described.get("ModelArtifacts", {}).get("S3ModelArtifacts")
        if not artifacts:
            raise EstimatorError(
                f"training job {self.name} is {described['TrainingJobStatus']} and has no model: "
                "wait for its end, or train again"
            )
        return str(artifacts)

    def stop(self) -> None:
        """Ask it to stop: it saves a checkpoint and its model first."""
        with asking(f"stop {self.name}"):
            self.session.sagemaker_client.stop_training_job(TrainingJobName=self.name)

    def wait(self, logs: bool = True) -> None:
        """Wait for its end, its lines on the screen if `logs`.

        Raises:
            JobFailedError: If it fails; with its reason.
            KeyboardInterrupt: As it came; the job goes on, and the screen says how to come back.
        """
        try:
            described = self._follow(logs)
        except KeyboardInterrupt:
            print(
                f"\n{self.name} goes on. RLEstimator.attach({self.name!r}) comes back to it, "
                ".latest_training_job.stop() ends it.",
                file=sys.stderr,
                flush=True,
            )
            raise
        if self.folder is not None:
            self.download(self.folder / self.name / "output")
        status = described["TrainingJobStatus"]
        if status == "Failed":
            raise JobFailedError(
                f"training job {self.name} failed: "
                f"{' '.join(described.get('FailureReason', 'no reason given').split())} "
                f"(its lines: log group {LOG_GROUP}, streams {self.name}/)"
            )
        if status == "Stopped":
            warnings.warn(
                f"training job {self.name} was stopped ({described['SecondaryStatus']}): its model "
                "is what it had until then",
                stacklevel=4,
            )

    def _follow(self, logs: bool) -> dict[str, Any]:
        pause = _LOCAL_POLL_SECONDS if self.session.is_near else _POLL_SECONDS
        reader = LogReader(self.session.client("logs"), self.name)
        described = self.describe()
        with Screen(self.name, hosts=_hosts(described)) as screen:
            while True:
                ended = described["TrainingJobStatus"] in ENDED
                if ended and logs and not self.session.is_near:
                    # CloudWatch has the last lines a little later than SageMaker the end.
                    time.sleep(pause)
                if logs:
                    with asking("the job's lines"):
                        for line in reader.lines():
                            screen.show(line.host, line.text)
                if ended:
                    return described
                time.sleep(pause)
                described = self.describe()

    def download(self, folder: Path) -> None:
        """Copy the job's archives into a folder of this machine.

        Raises:
            EstimatorError: If they cannot be had.
        """
        root = self.describe()["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        bucket, _, prefix = f"{root}/{self.name}/output/".removeprefix("s3://").partition("/")
        s3 = self.session.client("s3")
        with asking("the job's results"):
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            try:
                for entry in (entry for page in pages for entry in page.get("Contents", ())):
                    target = folder / entry["Key"].removeprefix(prefix)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    s3.download_file(bucket, entry["Key"], str(target))
            except OSError as error:
                raise EstimatorError(
                    f"the results cannot be written to {folder}: {error.strerror or error}: make "
                    f"room there; they lie in s3://{bucket}/{prefix} as well"
                ) from error

    def analytics(self) -> "TrainingJobAnalytics":
        """Return its metrics, as the SDK's class; `dataframe()` has timestamp, name and value.

        Raises:
            EstimatorError: If it has not started to train, or defines no metrics.
        """
        described = self.describe()
        defined = described["AlgorithmSpecification"].get("MetricDefinitions")
        if not defined:
            raise EstimatorError(f"training job {self.name} defines no metrics: train with some")
        if "TrainingStartTime" not in described:
            raise EstimatorError(
                f"training job {self.name} has not started to train: wait, or look at its end"
            )
        start = described["TrainingStartTime"]
        # A minute more, for CloudWatch counts in whole ones. The SDK would take a time without a
        # zone for the end of a running job.
        end = described.get("TrainingEndTime", datetime.now(UTC)) + timedelta(minutes=1)
        analytics: TrainingJobAnalytics = load("sagemaker.core.analytics").TrainingJobAnalytics(
            self.name,
            metric_names=[one["Name"] for one in defined],
            sagemaker_session=self.session,
            start_time=start,
            end_time=end,
            period=self._period((end - start).total_seconds()),
        )
        return analytics

    def _period(self, seconds: float) -> int:
        # SageMaker publishes by the minute; the local CloudWatch has every point at its own time.
        return 1 if self.session.is_near and seconds <= _MAX_POINTS else 60


def _hosts(described: dict[str, Any]) -> int:
    resources = described["ResourceConfig"]
    groups = resources.get("InstanceGroups") or [resources]
    return sum(group.get("InstanceCount", 1) for group in groups)
