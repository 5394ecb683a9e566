"""Asks the endpoint real questions; takes deployment and approval back when an answer is wrong."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.artifact import Artifact, load_artifact
from lambdas.aws import Client, client, service_errors
from lambdas.endpoint import find_endpoint, roll_back
from lambdas.errors import EndpointFailed, SmokeTestFailed, WorkflowError
from lambdas.names import EXECUTION_ID
from lambdas.probes import (
    GOLDEN_ROWS,
    USUAL,
    check_golden,
    check_states,
    parse_answer,
    parts,
    states,
)
from lambdas.s3 import archive_address
from lambdas.settings import read_settings
from lambdas.turns import Turn
from lambdas.validation import checked, require, text

JSON = "application/json"
LARGEST_ANSWER = 6 << 20
_NO_TIME = (0, 503)
"""Statuses of a model that did not answer in time, and of one whose queue was full.

One that says that it is damaged has the second, too, but does not come into service.
"""

_NAME = text("[A-Za-z0-9](-*[A-Za-z0-9]){0,62}", "a SageMaker name")
_PACKAGE = text(r"arn:[a-z-]+:sagemaker:\S{1,2000}", "the ARN of a model package")
_LONGEST_DESCRIPTION = 1024
"""Characters that SageMaker takes with an approval."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The handler's environment variables."""

    artifact_bucket: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the state machine passes on.

    `previous_config_name` None: there was no endpoint. `model_package_arn` None: the execution
    began before the stage was deployed again, with a definition that did not pass it on.
    """

    execution_id: str = checked(EXECUTION_ID)
    model_s3_uri: str = checked(archive_address)
    endpoint_name: str = checked(_NAME)
    config_name: str = checked(_NAME)
    previous_config_name: str | None = checked(_NAME, None)
    model_package_arn: str | None = checked(_PACKAGE, None)


@dataclass(frozen=True, kw_only=True)
class Clients:
    """The services that the smoke test talks to."""

    s3: Client
    sagemaker: Client
    runtime: Client


def handler(event: Mapping[str, object], context: object) -> dict[str, object]:
    """Run as a Lambda function; see `smoke_test`."""
    settings = read_settings(Settings, os.environ)
    request = require(Request, event)
    clients = Clients(
        s3=client("s3"), sagemaker=client("sagemaker"), runtime=client("sagemaker-runtime")
    )
    turn = Turn(
        s3=clients.s3,
        bucket=settings.artifact_bucket,
        endpoint=request.endpoint_name,
        execution=request.execution_id,
    )
    with service_errors():
        try:
            decision = smoke_test(request, clients=clients, turn=turn)
        except (EndpointFailed, SmokeTestFailed):
            turn.leave()
            raise
        turn.leave()
        return decision


def smoke_test(request: Request, *, clients: Clients, turn: Turn) -> dict[str, object]:
    """Compare the endpoint's answers with the artifact's own, and its decisions with their bounds.

    Args:
        request: Which endpoint, and what it should be serving.
        clients: The services.
        turn: While it is another execution's, the endpoint is left alone.

    Returns:
        `decision`: the `input` of one question, shortened, and the `answer` to it.

    Raises:
        EndpointFailed: The new configuration never came into service.
        SmokeTestFailed: An answer was wrong or missing. As for EndpointFailed, the endpoint has
            then been rolled back, and the message says how. A package whose answer was wrong is
            no longer approved.
    """
    _require_in_service(request, clients, turn)
    try:
        decision = _ask(request, clients)
    # Whatever went wrong, an endpoint that was not seen to be right must not stay in service.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        wrong = reason if isinstance(error, SmokeTestFailed) else None
        done = _taken_back(request, clients, turn, wrong=wrong)
        raise SmokeTestFailed(f"The endpoint failed its smoke test: {reason}. {done}") from error
    return {"decision": decision}


def _taken_back(request: Request, clients: Clients, turn: Turn, *, wrong: str | None = None) -> str:
    """Roll back, and reject the package whose answer was `wrong`; return what was done."""
    name = request.endpoint_name
    # A turn that was ended, by an answer that was lost, may be another's by now.
    if turn.is_anothers():
        return f"The endpoint {name} was left alone: another execution is deploying to it."
    done = roll_back(clients.sagemaker, name, previous=request.previous_config_name)
    if wrong is None or request.model_package_arn is None:
        return done
    return f"{done} {_rejected(clients.sagemaker, request.model_package_arn, wrong)}"


def _rejected(sagemaker: Client, package: str, reason: str) -> str:
    """Take a package's approval back; return what was done.

    Others serve the newest approved package. It is no other execution's, so never what the
    endpoint goes back to.
    """
    try:
        sagemaker.update_model_package(
            ModelPackageArn=package,
            ModelApprovalStatus="Rejected",
            ApprovalDescription=f"Smoke test: {reason}"[:_LONGEST_DESCRIPTION],
        )
        return f"The package {package} is rejected."
    except (ClientError, BotoCoreError) as error:
        line = " ".join(str(error).split())
        return f"The package {package} could not be rejected, do it by hand: {line}"


def _require_in_service(request: Request, clients: Clients, turn: Turn) -> None:
    name = request.endpoint_name
    found = find_endpoint(clients.sagemaker, name)
    if found is None:
        raise EndpointFailed(f"The endpoint {name} was deleted while it was being deployed.")
    reason = f": {found.failure.rstrip('.')}." if found.failure else "."
    if found.config != request.config_name:
        # SageMaker, or another execution, has put another configuration there: leave it alone.
        raise EndpointFailed(
            f"The endpoint {name} is {found.status} with {found.config}, "
            f"not with {request.config_name}{reason}"
        )
    if found.status != "InService":
        done = _taken_back(request, clients, turn)
        raise EndpointFailed(f"The endpoint {name} is {found.status}{reason} {done}")


def _ask(request: Request, clients: Clients) -> dict[str, object]:
    artifact = load_artifact(clients.s3, request.model_s3_uri)
    action, version = _ask_golden(request, clients, artifact)
    # Whole, an observation or a load would fill the state machine's document; the end says enough.
    if artifact.takes == "observations":
        return {
            "input": {"observation": _end(artifact.golden_observations[0])},
            "answer": {"action": _end(action)} | version,
        }
    asked = states()
    answer = _invoke(request, clients, {"states": [asdict(state) for state in asked]})
    decision = check_states(answer, asked)[USUAL]
    end = {"load": _end(asked[USUAL].load), "failed": _end(asked[USUAL].failed)}
    return {"input": {"state": asdict(asked[USUAL]) | end}, "answer": asdict(decision) | version}


def _ask_golden(
    request: Request, clients: Clients, artifact: Artifact
) -> tuple[object, dict[str, object]]:
    """Compare all golden actions; return the first one, and the model's version."""
    observations = artifact.golden_observations[:GOLDEN_ROWS]
    actions: list[object] = []
    answer: dict[str, object] = {}
    for part in parts(observations):
        answer = _invoke(request, clients, {"observations": observations[part]})
        expected = artifact.golden_actions[:GOLDEN_ROWS][part]
        actions += check_golden(answer, expected, first=part.start)
    return actions[0], {"model_version": answer.get("model_version")}


def _end(values: object) -> object:
    return values[-5:] if isinstance(values, list | tuple) else values


def _invoke(
    request: Request, clients: Clients, question: Mapping[str, object]
) -> dict[str, object]:
    try:
        response = clients.runtime.invoke_endpoint(
            EndpointName=request.endpoint_name,
            ContentType=JSON,
            Accept=JSON,
            Body=json.dumps(question).encode(),
        )
    except ClientError as error:
        said = error.response.get("OriginalMessage") or str(error)
        kind = SmokeTestFailed if _is_the_models(error) else WorkflowError
        raise kind(f"it refused {'/'.join(question)}: {said}") from error
    return parse_answer(response["Body"].read(LARGEST_ANSWER))


def _is_the_models(error: ClientError) -> bool:
    """Tell whether the model answered; not so where SageMaker did, or none for lack of time."""
    of_model = error.response["Error"].get("Code") == "ModelError"
    return of_model and error.response.get("OriginalStatusCode") not in _NO_TIME
