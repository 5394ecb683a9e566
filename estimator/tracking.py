"""Jobs in MLflow, where it is installed and an address is set; nothing is imported otherwise."""

import importlib.util
import os
import warnings
from datetime import datetime
from typing import TYPE_CHECKING, Any

from estimator.attach import hyperparameters_of
from estimator.curves import Curve, curves
from estimator.errors import EstimatorError
from estimator.job import ENDED, Job

if TYPE_CHECKING:
    from mlflow import MlflowClient

URI_VARIABLE = "MLFLOW_TRACKING_URI"
_EXPERIMENT_VARIABLE, _EXPERIMENT = "MLFLOW_EXPERIMENT_NAME", "rl-autoscaling"
_TAG = "training_job_name"
_STATUS = {"Completed": "FINISHED", "Failed": "FAILED", "Stopped": "KILLED"}
_SETTINGS = {
    # MLflow reports its use to its makers otherwise.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # It would ask a server that does not answer for four minutes, while whoever called fit() waits.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
# MLflow takes no more of them in one call.
_MAX_METRICS = 1_000


def check_tracking(uri: str | None) -> None:
    """Check that MLflow is there if a user asks for it by an argument.

    Raises:
        EstimatorError: If it is not.
    """
    if uri and not _installed():
        raise EstimatorError(
            "mlflow_tracking_uri is set and MLflow is not installed: install mlflow (it is in "
            "requirements/notebooks.txt), or leave the argument out"
        )


def is_tracked(uri: str | None) -> bool:
    """Tell whether jobs are logged: MLflow is there, and an address."""
    return bool(uri or os.environ.get(URI_VARIABLE)) and _installed()


def track(job: Job, uri: str | None = None) -> str | None:
    """Log an ended job: parameters, every value of its metrics, the address of its model.

    A job is logged once, however often this is called. What goes wrong is a warning: the job and
    its model are there all the same.

    Args:
        job: The job.
        uri: Address of the tracking server or store; None: that of MLFLOW_TRACKING_URI.

    Returns:
        The identifier of the run, None if the job was not logged.
    """
    if not is_tracked(uri):
        return None
    address = uri or os.environ[URI_VARIABLE]
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient

        return _log(MlflowClient(tracking_uri=address), job)
    except Exception as error:  # MLflow's stores raise what they like
        reason = " ".join(str(error).split())
        warnings.warn(f"{job.name} was not logged to MLflow at {address}: {reason}", stacklevel=2)
        return None


def _installed() -> bool:
    return importlib.util.find_spec("mlflow") is not None


def _log(client: "MlflowClient", job: Job) -> str | None:
    described = job.describe()
    if described["TrainingJobStatus"] not in ENDED:
        return None
    experiment = _experiment(client)
    found = client.search_runs([experiment], f"tags.{_TAG} = '{job.name}'", max_results=1)
    if found and found[0].info.status in _STATUS.values():
        return str(found[0].info.run_id)
    for begun in found:  # by a call that was interrupted
        client.delete_run(begun.info.run_id)
    run = client.create_run(
        experiment,
        start_time=_milliseconds(described["CreationTime"]),
        tags=_tags(described),
        run_name=job.name,
    )
    run_id = str(run.info.run_id)
    parameters = hyperparameters_of(described)
    for name in sorted(parameters):
        client.log_param(run_id, name, parameters[name])
    _log_metrics(client, run_id, job, described)
    end = _milliseconds(described.get("TrainingEndTime", described["CreationTime"]))
    client.set_terminated(run_id, _STATUS[described["TrainingJobStatus"]], end_time=end)
    return run_id


def _experiment(client: "MlflowClient") -> str:
    name = os.environ.get(_EXPERIMENT_VARIABLE) or _EXPERIMENT
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


def _tags(described: dict[str, Any]) -> dict[str, str]:
    tags = {
        _TAG: described["TrainingJobName"],
        "model_data": described.get("ModelArtifacts", {}).get("S3ModelArtifacts"),
        "image_uri": described["AlgorithmSpecification"].get("TrainingImage"),
        "instance_type": described["ResourceConfig"].get("InstanceType", "local"),
        "failure_reason": described.get("FailureReason"),
    }
    return {name: str(value) for name, value in tags.items() if value}


def _log_metrics(client: "MlflowClient", run_id: str, job: Job, described: dict[str, Any]) -> None:
    from mlflow.entities import Metric

    defined = described["AlgorithmSpecification"].get("MetricDefinitions")
    if "TrainingStartTime" not in described or not defined:
        return
    start = _milliseconds(described["TrainingStartTime"])
    found: dict[str, Curve] = curves(job)
    metrics = [
        Metric(name, value, start + round(1000 * seconds), number)
        for name, curve in found.items()
        for number, (seconds, value) in enumerate(curve)
    ]
    for first in range(0, len(metrics), _MAX_METRICS):
        client.log_batch(run_id, metrics=metrics[first : first + _MAX_METRICS])


def _milliseconds(moment: datetime) -> int:
    return round(1000 * moment.timestamp())
