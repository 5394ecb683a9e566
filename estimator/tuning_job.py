"""One tuning job, running or ended: SageMaker's, or a search on this machine."""

import sys
import time
import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from estimator.errors import EstimatorError, JobFailedError
from estimator.job import ENDED, Job
from estimator.local_tuning import LocalTuning
from estimator.sdk import load
from estimator.session import Session, asking

if TYPE_CHECKING:
    from sagemaker.core.analytics import HyperparameterTuningJobAnalytics

_POLL_SECONDS, _LOCAL_POLL_SECONDS = 30.0, 0.5


class TuningJob:
    """One tuning job.

    Args:
        session: Where its training jobs run.
        name: Its name.
        local: The search, if it is one on this machine.
    """

    def __init__(self, session: Session, name: str, local: LocalTuning | None = None) -> None:
        self.session = session
        self.name = name
        self._local = local

    @property
    def _client(self) -> Any:  # noqa: ANN401 - botocore has no types
        return self._local or self.session.sagemaker_client

    def describe(self) -> dict[str, Any]:
        """Return what DescribeHyperParameterTuningJob answers.

        Raises:
            EstimatorError: If there is no such job.
        """
        with asking(f"tuning job {self.name}"):
            answer: dict[str, Any] = self._client.describe_hyper_parameter_tuning_job(
                HyperParameterTuningJobName=self.name
            )
        return answer

    def stop(self) -> None:
        """Ask it to stop, and its training jobs."""
        with asking(f"stop {self.name}"):
            self._client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=self.name)

    def analytics(self) -> "HyperparameterTuningJobAnalytics":
        """Return its training jobs as the SDK's class; `dataframe()` has one row for each."""
        analytics: HyperparameterTuningJobAnalytics = load(
            "sagemaker.core.analytics"
        ).HyperparameterTuningJobAnalytics(
            self.name, sagemaker_session=SimpleNamespace(sagemaker_client=self._client)
        )
        return analytics

    def training_jobs(self) -> list[Job]:
        """Return the training jobs that it started."""
        summaries = self.analytics().training_job_summaries()
        return [Job(self.session, one["TrainingJobName"]) for one in summaries]

    def best_training_job(self) -> str:
        """Return the name of the best training job so far.

        Raises:
            EstimatorError: If none has ended with a value of the objective.
        """
        best = self.describe().get("BestTrainingJob", {}).get("TrainingJobName")
        if not best:
            raise EstimatorError(
                f"tuning job {self.name} has no best training job yet: wait for its end"
            )
        return str(best)

    def wait(self) -> None:
        """Wait for its end; a line says whenever training jobs have ended.

        Raises:
            JobFailedError: If it fails; with its reason.
            KeyboardInterrupt: As it came; the job goes on.
        """
        pause, shown = _LOCAL_POLL_SECONDS if self._local else _POLL_SECONDS, ""
        try:
            while True:
                described = self.describe()
                shown = _show(described, shown)
                if described["HyperParameterTuningJobStatus"] in ENDED:
                    break
                time.sleep(pause)
        except KeyboardInterrupt:
            print(
                f"\n{self.name} goes on. .wait() comes back to it, .stop_tuning_job() ends it.",
                file=sys.stderr,
                flush=True,
            )
            raise
        status = described["HyperParameterTuningJobStatus"]
        if status == "Failed":
            reason = " ".join(described.get("FailureReason", "no reason given").split())
            raise JobFailedError(f"tuning job {self.name} failed: {reason}")
        if status == "Stopped":
            warnings.warn(
                f"tuning job {self.name} was stopped: the best is that of the jobs until then",
                stacklevel=3,
            )


def _show(described: dict[str, Any], shown: str) -> str:
    """Print how far the job is, if that is news; return what was printed last."""
    counts = described.get("TrainingJobStatusCounters", {})
    ended = sum(counts.get(name, 0) for name in ("Completed", "NonRetryableError", "Stopped"))
    text = f"{described['HyperParameterTuningJobName']}, jobs that ended: {ended}"
    if counts.get("NonRetryableError"):
        text += f", {counts['NonRetryableError']} of them failed"
    objective = described.get("BestTrainingJob", {}).get(
        "FinalHyperParameterTuningJobObjectiveMetric"
    )
    if objective:
        text += f", best {objective['MetricName']} {objective['Value']:.6g}"
    if ended and text != shown:
        print(text, flush=True)
    return text
