"""First state: checks the execution input, and plans everything that the execution will make."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lambdas.aws import Client, client, service_errors
from lambdas.errors import ConfigurationError, InvalidInput
from lambdas.execution_input import ExecutionInput, parse
from lambdas.jobs import Jobs, JobSettings
from lambdas.names import execution_id
from lambdas.s3 import why_unreadable
from lambdas.settings import read_settings
from lambdas.source import keep_source
from lambdas.thing_groups import check_group

MAX_HYPERPARAMETERS = 100
"""SageMaker's limit for one job, the workflow's own included."""

MAX_STATE_BYTES = 180_000
"""Step Functions carries at most 256 KiB from state to state; later states add to the document."""

MOST_LOOKS = 1000
"""At the devices: each is nine events, and Step Functions ends an execution after 25,000."""

Document = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The handler's environment variables."""

    project: str
    stage: str
    artifact_bucket: str
    source_s3_uri: str
    source_sha256: str
    image_uri: str
    presets: str
    poll_seconds: int
    metric_definitions: str
    kms_key_arn: str = ""
    pinned_model_package: str = ""
    instance_types: str = ""
    volume_gigabytes: int = 30
    warm_pool_seconds: int = 0
    network_isolation: int = 0
    encrypt_traffic: int = 0
    thing_group_arn: str = ""
    thing_groups: str = ""
    edge_follow_seconds: int = 3600

    def preset_names(self) -> tuple[str, ...]:
        """Split PRESETS; the first name is the default."""
        return _names(self.presets)

    def job_settings(self, source: str) -> JobSettings:
        """Select what the jobs need; `source` is the bundle's address.

        Raises:
            ConfigurationError: METRIC_DEFINITIONS is not a list of definitions.
        """
        try:
            metrics = tuple(
                {"Name": metric["Name"], "Regex": metric["Regex"]}
                for metric in json.loads(self.metric_definitions)
            )
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigurationError(
                "METRIC_DEFINITIONS must be a JSON list of {Name, Regex}. Deploy it again."
            ) from error
        return JobSettings(
            project=self.project,
            stage=self.stage,
            artifact_bucket=self.artifact_bucket,
            source_s3_uri=source,
            image_uri=self.image_uri,
            kms_key_arn=self.kms_key_arn,
            metric_definitions=metrics,
            volume_gigabytes=self.volume_gigabytes,
            warm_pool_seconds=self.warm_pool_seconds,
            network_isolation=bool(self.network_isolation),
            encrypt_traffic=bool(self.encrypt_traffic),
        )


def handler(event: Mapping[str, object], context: object) -> Document:
    """Run as a Lambda function.

    Args:
        event: `input`, the execution input as it came, and `execution_name`.
        context: Not used.

    Returns:
        The document that the later states read and add to; see `prepare`.
    """
    settings = read_settings(Settings, os.environ)
    with service_errors():
        name = event.get("execution_name")
        return prepare(
            event.get("input"),
            execution_name=name if isinstance(name, str) else None,
            settings=settings,
            s3=client("s3"),
            iot=client("iot"),
        )


def prepare(
    document: object,
    *,
    execution_name: str | None,
    settings: Settings,
    s3: Client,
    iot: Client,
) -> Document:
    """Check an execution input and plan the execution.

    Args:
        document: The execution input, any JSON.
        execution_name: Makes the names of all resources; the same again when repeated.
        settings: The handler's environment variables.
        s3: The client that looks whether the objects named exist, and copies the bundle.
        iot: The client that looks whether there is such a group of devices.

    Returns:
        `execution`, `source` (the bundle that all of it names), `plan` (which branches to take),
        `training` and `evaluation` (jobs), `gate`, `registry`, `endpoint`, `edge`, and what later
        states replace: `model`, the newest artifact, `verdict`, the gate's, and `deployment`, the
        endpoint's.

    Raises:
        InvalidInput: One line for every mistake.
        ConfigurationError: The deployment lacks something that no input can mend.
    """
    presets = settings.preset_names()
    if not presets:
        raise ConfigurationError("PRESETS names no preset. Deploy it again.")
    offered = _names(settings.instance_types)
    request = parse(
        document,
        presets=presets,
        pinned=settings.pinned_model_package,
        instance_types=offered,
    )
    _check(request, settings, offered, s3=s3, iot=iot)
    identity = execution_id(execution_name, project=settings.project, stage=settings.stage)
    preset = request.preset or presets[0]
    source = keep_source(
        s3,
        settings.source_s3_uri,
        sha256=settings.source_sha256,
        bucket=settings.artifact_bucket,
    )
    jobs = Jobs(
        document=request, identity=identity, preset=preset, settings=settings.job_settings(source)
    )
    training, evaluation = jobs.training(), jobs.evaluation()
    result = {
        "execution": {"id": identity, "name": execution_name, "preset": preset},
        "source": {"s3_uri": source},
        "plan": _plan(request, channels=bool(evaluation["input_channels"])),
        "training": training,
        "evaluation": evaluation,
        "gate": {"baseline": request.gate.baseline, "confidence": request.gate.confidence},
        "registry": {"approval": _approval_status(request)},
        "endpoint": {"poll_seconds": settings.poll_seconds},
        "edge": {
            "thing_group": request.edge.thing_group,
            "poll_seconds": max(settings.poll_seconds, settings.edge_follow_seconds // MOST_LOOKS),
        },
        "deployment": {"endpoint_name": None},
        "model": {"job_name": None, "s3_uri": request.evaluation.checkpoint_s3_uri},
        "verdict": _no_verdict(),
    }
    _check_size(request, result)
    return result


def _check(
    request: ExecutionInput, settings: Settings, offered: Sequence[str], *, s3: Client, iot: Client
) -> None:
    _check_instance_type(request.training.instance_type, offered)
    _check_objects(request, s3=s3)
    if request.edge.run:
        check_group(
            request.edge.thing_group,
            own_arn=settings.thing_group_arn,
            further=_names(settings.thing_groups),
            iot=iot,
        )


def _check_instance_type(asked: str, offered: Sequence[str]) -> None:
    if offered and asked not in offered:
        raise InvalidInput(
            [
                f"training.instance_type: {asked} is not offered by this stage; use "
                f"{' or '.join(offered)}, or add it in stacks/config.py"
            ]
        )


def _check_objects(request: ExecutionInput, *, s3: Client) -> None:
    named = {
        "load.s3_uri": request.load.s3_uri,
        "evaluation.checkpoint_s3_uri": request.evaluation.checkpoint_s3_uri,
    }
    reasons = {path: why_unreadable(s3, uri) for path, uri in named.items() if uri}
    problems = [f"{path}: {reason}" for path, reason in reasons.items() if reason]
    if problems:
        raise InvalidInput(problems)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _plan(request: ExecutionInput, *, channels: bool) -> Document:
    return {
        "train": request.training.run,
        "channels": channels,
        "evaluate": request.evaluation.run,
        # A package that waits for a person's approval must not answer requests before it has it.
        "deploy": request.endpoint.run and request.registry.approval == "automatic",
        "edge": request.edge.run,
    }


def _approval_status(request: ExecutionInput) -> str:
    return "Approved" if request.registry.approval == "automatic" else "PendingManualApproval"


def _no_verdict() -> Document:
    empty = ("baseline", "saving", "lower_bound", "confidence", "scorecard_s3_uri", "report_s3_uri")
    reason = "The policy was not evaluated: evaluation.run is false."
    return {"passed": False, "reason": reason} | dict.fromkeys(empty)


def _check_size(request: ExecutionInput, result: Document) -> None:
    own = 3 + len(request.environment.given()) + (request.gate.baseline is not None)
    given = len(request.training.hyperparameters)
    if own + given > MAX_HYPERPARAMETERS:
        raise InvalidInput(
            [
                f"training.hyperparameters: {given} are too many; "
                f"leave at most {MAX_HYPERPARAMETERS - own}"
            ]
        )
    if len(json.dumps(result)) > MAX_STATE_BYTES:
        raise InvalidInput(
            ["training.hyperparameters: together too long for a state machine; shorten the values"]
        )
