"""A tuning job as a search on this machine: the same request, its jobs in the local AWS.

It answers what the SDK asks SageMaker of a tuning job, so that the same analytics read it.
"""

import contextlib
import copy
import secrets
import threading
import time
from datetime import UTC, datetime
from typing import Any, ClassVar

from estimator.errors import EstimatorError
from estimator.job import ENDED, Job
from estimator.request import Request
from estimator.search import Point, points
from estimator.session import Session

_POLL_SECONDS = 0.3
_RUNNING = "InProgress"


class LocalTuning:
    """One search.

    Args:
        session: The local AWS.
        request: The CreateHyperParameterTuningJob request.

    Raises:
        EstimatorError: If a search on this machine has no such strategy.
    """

    started: ClassVar[set[str]] = set()
    """The names of the searches that this process started."""

    def __init__(self, session: Session, request: Request) -> None:
        self._session = session
        self._request = request
        config = request["HyperParameterTuningJobConfig"]
        if config["Strategy"] == "Hyperband":
            raise EstimatorError(
                "strategy='Hyperband' is SageMaker's: on this machine write 'Bayesian' (an even "
                "spread), 'Random' or 'Grid'"
            )
        self._limits = config["ResourceLimits"]
        self._points = points(
            config["ParameterRanges"],
            strategy=config["Strategy"],
            count=self._limits.get("MaxNumberOfTrainingJobs", 1),
            seed=config.get("RandomSeed", 0),
        )
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._jobs: list[tuple[Job, Point]] = []
        self._known: dict[str, dict[str, Any]] = {}
        self._status, self._reason = _RUNNING, ""
        self._created = datetime.now(UTC)
        self._thread = threading.Thread(target=self._run, name="local-tuning", daemon=True)

    def start(self) -> None:
        """Start the search; it goes on while Python does."""
        self.started.add(self._request["HyperParameterTuningJobName"])
        self._thread.start()

    def describe_hyper_parameter_tuning_job(self, **_: object) -> dict[str, Any]:
        """Answer as SageMaker does."""
        summaries = self._summaries()
        statuses = [one["TrainingJobStatus"] for one in summaries]
        answer = {
            **copy.deepcopy(self._request),
            "HyperParameterTuningJobStatus": self._status,
            "CreationTime": self._created,
            "TrainingJobStatusCounters": {
                "Completed": statuses.count("Completed"),
                "InProgress": sum(status not in ENDED for status in statuses),
                "RetryableError": 0,
                "NonRetryableError": statuses.count("Failed"),
                "Stopped": statuses.count("Stopped"),
            },
        }
        best = self._best(summaries)
        return (
            answer
            | ({"BestTrainingJob": best} if best else {})
            | ({"FailureReason": self._reason} if self._reason else {})
        )

    def list_training_jobs_for_hyper_parameter_tuning_job(self, **_: object) -> dict[str, Any]:
        """Answer as SageMaker does, newest first, in one page."""
        return {"TrainingJobSummaries": self._summaries()[::-1]}

    def stop_hyper_parameter_tuning_job(self, **_: object) -> None:
        """End the search; running jobs are stopped."""
        self._stop.set()

    def _run(self) -> None:
        status, reason = "Completed", ""
        try:
            self._search()
            if self._stop.is_set():
                status = "Stopped"
            elif not self._best(summaries := self._summaries()):
                status, reason = "Failed", self._why_none(summaries)
        except Exception as error:  # it is a thread: whoever waits gets the reason
            status, reason = "Failed", " ".join(str(error).split())
        self._reason, self._status = reason, status

    def _search(self) -> None:
        waiting, running = list(self._points), list[Job]()
        seconds = self._limits.get("MaxRuntimeInSeconds", float("inf"))
        deadline = time.monotonic() + seconds
        while waiting or running:
            if self._stop.is_set() or time.monotonic() > deadline:
                for job in running:
                    with contextlib.suppress(EstimatorError):  # it has just ended
                        job.stop()
                waiting = []
            while waiting and len(running) < self._limits["MaxParallelTrainingJobs"]:
                started = self._start_job(waiting[0])
                if started is None:
                    break
                running.append(started)
                waiting.pop(0)
            # A wait that nobody ends early, even where the search was told to.
            time.sleep(_POLL_SECONDS)
            running = [job for job in running if job.status not in ENDED]

    def _start_job(self, point: Point) -> Job | None:
        """Start a job; None: the local AWS runs as many as it can, so it has to wait."""
        from botocore.exceptions import ClientError

        number, name = len(self._jobs) + 1, self._request["HyperParameterTuningJobName"]
        job = Job(self._session, f"{name}-{number:03d}-{secrets.token_hex(4)}")
        definition = copy.deepcopy(self._request["TrainingJobDefinition"])
        static = definition.pop("StaticHyperParameters")
        metric = {"_tuning_objective_metric": self._objective()["MetricName"]}
        if "CheckpointConfig" in definition:
            definition["CheckpointConfig"]["S3Uri"] += f"/{job.name}"
        try:
            self._session.sagemaker_client.create_training_job(
                TrainingJobName=job.name,
                HyperParameters={**static, **metric, **point},
                **definition,
            )
        except ClientError as error:
            if error.response["Error"].get("Code") == "ResourceLimitExceeded":
                return None
            raise
        with self._lock:
            self._jobs.append((job, point))
        return job

    def _why_none(self, summaries: list[dict[str, Any]]) -> str:
        """Return why no job can be the best."""
        reasons = [one["FailureReason"] for one in summaries if "FailureReason" in one]
        if reasons:
            return f"{len(reasons)} of {len(summaries)} jobs failed, the first: {reasons[0]}"
        return f"no job that ended printed {self._objective()['MetricName']}"

    def _objective(self) -> dict[str, str]:
        config = self._request["HyperParameterTuningJobConfig"]
        objective: dict[str, str] = config["HyperParameterTuningJobObjective"]
        return objective

    def _summaries(self) -> list[dict[str, Any]]:
        with self._lock:
            jobs = list(self._jobs)
        return [self._summary(job, point) for job, point in jobs]

    def _summary(self, job: Job, point: Point) -> dict[str, Any]:
        if job.name in self._known:
            return self._known[job.name]
        described, objective = job.describe(), self._objective()
        names = (
            "TrainingJobName",
            "TrainingJobArn",
            "CreationTime",
            "TrainingStartTime",
            "TrainingEndTime",
            "TrainingJobStatus",
            "FailureReason",
        )
        summary = {name: described[name] for name in names if name in described}
        summary["TunedHyperParameters"] = dict(point)
        for metric in described.get("FinalMetricDataList", ()):
            if metric["MetricName"] == objective["MetricName"]:
                summary["FinalHyperParameterTuningJobObjectiveMetric"] = {
                    **objective,
                    "Value": metric["Value"],
                }
        if described["TrainingJobStatus"] in ENDED:
            self._known[job.name] = summary
        return summary

    def _best(self, summaries: list[dict[str, Any]]) -> dict[str, Any] | None:
        sign = 1.0 if self._objective()["Type"] == "Maximize" else -1.0
        measured = [
            one
            for one in summaries
            if one["TrainingJobStatus"] == "Completed"
            and "FinalHyperParameterTuningJobObjectiveMetric" in one
        ]

        def score(one: dict[str, Any]) -> float:
            return sign * float(one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])

        return max(measured, key=score, default=None)
