"""The description of one training job: what DescribeTrainingJob answers at any moment."""

import copy
import threading
from datetime import datetime

from local_mode.aws.protocol import Document, now
from local_mode.deployment import ACCOUNT, REGION

_ENDED = frozenset({"Completed", "Failed", "Stopped"})


class TrainingJob:
    """One job. The thread that runs it writes, every request may read."""

    def __init__(self, request: Document) -> None:
        self.request = request
        self.tags: list[Document] = list(request.get("Tags", []))
        self.stop_requested = threading.Event()
        self.ended = threading.Event()
        self._lock = threading.RLock()
        created = now()
        kept = {key: value for key, value in request.items() if key != "Tags"}
        defaults: Document = {
            "EnableNetworkIsolation": False,
            "EnableInterContainerTrafficEncryption": False,
            "EnableManagedSpotTraining": False,
        }
        # SageMaker answers them for every job, and clients read them unasked.
        output_defaults = {"KmsKeyId": "", "CompressionType": "GZIP"}
        self._document: Document = {
            **defaults,
            **kept,
            "OutputDataConfig": {**output_defaults, **request["OutputDataConfig"]},
            "TrainingJobArn": job_arn(request["TrainingJobName"]),
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            "CreationTime": created,
            "LastModifiedTime": created,
            "SecondaryStatusTransitions": [
                {
                    "Status": "Starting",
                    "StartTime": created,
                    "StatusMessage": "Preparing a local process for training",
                }
            ],
        }

    @property
    def name(self) -> str:
        """Name of the job."""
        return str(self.request["TrainingJobName"])

    @property
    def status(self) -> str:
        """The primary status."""
        with self._lock:
            return str(self._document["TrainingJobStatus"])

    def describe(self) -> Document:
        """Return a copy of the whole description."""
        with self._lock:
            return copy.deepcopy(self._document)

    def summary(self) -> Document:
        """Return the members that ListTrainingJobs shows."""
        names = (
            "TrainingJobName",
            "TrainingJobArn",
            "CreationTime",
            "TrainingEndTime",
            "LastModifiedTime",
            "TrainingJobStatus",
            "SecondaryStatus",
        )
        document = self.describe()
        return {name: document[name] for name in names if name in document}

    def set(self, **members: object) -> None:
        """Change members of the description."""
        with self._lock:
            self._document.update(members, LastModifiedTime=now())

    def enter(self, secondary: str, message: str, *, status: str | None = None) -> None:
        """Go over to a secondary status, closing the one before."""
        with self._lock:
            moment = now()
            transitions = self._document["SecondaryStatusTransitions"]
            if transitions[-1]["Status"] == secondary:
                transitions[-1]["StatusMessage"] = message
            else:
                transitions[-1]["EndTime"] = moment
                transitions.append(
                    {"Status": secondary, "StartTime": moment, "StatusMessage": message}
                )
            self._document["SecondaryStatus"] = secondary
            self._document["LastModifiedTime"] = moment
            if status is not None:
                self._document["TrainingJobStatus"] = status

    def finish(self, status: str, secondary: str, message: str, *, reason: str = "") -> None:
        """End the job, once: the first end counts."""
        with self._lock:
            if self.status in _ENDED:
                return
            self.enter(secondary, message, status=status)
            moment: datetime = self._document["LastModifiedTime"]
            self._document["SecondaryStatusTransitions"][-1]["EndTime"] = moment
            self._document["TrainingEndTime"] = moment
            self._document.setdefault("TrainingStartTime", moment)
            seconds = round((moment - self._document["TrainingStartTime"]).total_seconds())
            self._document["TrainingTimeInSeconds"] = seconds
            self._document["BillableTimeInSeconds"] = seconds
            if reason:
                self._document["FailureReason"] = reason[:1024]
        self.ended.set()

    def request_stop(self) -> bool:
        """Ask the running job to stop; False if it has ended already."""
        with self._lock:
            if self.status in _ENDED:
                return False
            self.enter("Stopping", "Stopping the local process", status="Stopping")
        self.stop_requested.set()
        return True


def job_arn(name: str) -> str:
    """Return the ARN of the job of that name."""
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/{name}"
