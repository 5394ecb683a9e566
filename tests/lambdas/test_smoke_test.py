"""The smoke test: right answers pass, anything else takes the deployment back."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from lambdas.errors import (
    EndpointBusy,
    EndpointFailed,
    InvalidInput,
    ServiceUnavailable,
    SmokeTestFailed,
)
from lambdas.smoke_test import handler
from lambdas.turns import Turn
from tests.lambdas.samples import (
    BUCKET,
    MODEL,
    VARIABLES,
    Files,
    golden_actions,
    make_artifact,
    npz,
)

Put = Callable[[str, bytes], None]
Answer = Callable[[dict[str, Any]], Any]

ENDPOINT = VARIABLES["ENDPOINT_NAME"]
CONFIG = "rl-dev-b"
EVENT = {
    "execution_id": "0123456789ab",
    "model_s3_uri": MODEL,
    "endpoint_name": ENDPOINT,
    "config_name": CONFIG,
    "previous_config_name": "old",
}
ARN = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{ENDPOINT}"
PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/rl-dev/3"


class Runtime:
    """Stands for the sagemaker-runtime client; the endpoint behind it is a function."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.bodies: list[dict[str, Any]] = []

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        assert request["EndpointName"] == ENDPOINT
        assert request["ContentType"] == "application/json"
        body = json.loads(request["Body"])
        self.bodies.append(body)
        answer = self.answer(body)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return {"Body": StreamingBody(io.BytesIO(data), len(data))}


def right(body: dict[str, Any]) -> dict[str, Any]:
    if "observations" in body:
        observations = np.array(body["observations"], np.float32)
        return {"actions": golden_actions(observations).tolist(), "model_version": "1"}
    desired = [state["active"] + sum(state["pending"]) + 2 for state in body["states"]]
    return {"actions": [2] * 3, "desired": desired, "memory": [""] * 3, "model_version": "1"}


@pytest.fixture
def sagemaker_stub(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    client = boto3.client("sagemaker")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def asked(sagemaker_stub: Stubber) -> list[str]:
    """The operations that SageMaker was asked for; a call that no stub expects can be caught."""
    names: list[str] = []
    events = sagemaker_stub.client.meta.events
    events.register(
        "provide-client-params.sagemaker.*", lambda model, **_: names.append(model.name)
    )
    return names


@pytest.fixture
def serve(
    account: None, sagemaker_stub: Stubber, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Answer], Runtime]:
    def put_behind_endpoint(answer: Answer) -> Runtime:
        runtime = Runtime(answer)
        clients = {
            "s3": boto3.client("s3"),
            "sagemaker": sagemaker_stub.client,
            "sagemaker-runtime": runtime,
        }
        monkeypatch.setattr("lambdas.smoke_test.client", clients.__getitem__)
        return runtime

    return put_behind_endpoint


@pytest.fixture(params=["observations", "states"])
def takes(
    request: pytest.FixtureRequest,
    put: Put,
    artifact_files: Files,
    manifest: dict[str, Any],
) -> str:
    put(MODEL, make_artifact(artifact_files, manifest | {"input": request.param}))
    return str(request.param)


def in_service(
    stubber: Stubber, status: str = "InService", config: str = CONFIG, **more: Any
) -> None:
    description = {
        "EndpointName": ENDPOINT,
        "EndpointArn": ARN,
        "EndpointConfigName": config,
        "EndpointStatus": status,
        "CreationTime": 0,
        "LastModifiedTime": 0,
        **more,
    }
    stubber.add_response("describe_endpoint", description, {"EndpointName": ENDPOINT})


def goes_back(stubber: Stubber) -> None:
    stubber.add_response(
        "update_endpoint",
        {"EndpointArn": ARN},
        {"EndpointName": ENDPOINT, "EndpointConfigName": "old"},
    )


def test_right_answers_pass_and_one_is_kept(
    takes: str, serve: Callable[[Answer], Runtime], sagemaker_stub: Stubber
) -> None:
    in_service(sagemaker_stub)
    runtime = serve(right)
    decision: Any = handler(EVENT, None)["decision"]
    assert len(runtime.bodies[0]["observations"]) == 64
    assert decision["answer"]["model_version"] == "1"
    assert len(json.dumps(decision)) < 2000
    if takes == "observations":
        assert len(runtime.bodies) == 1
        assert decision["input"] == {"observation": runtime.bodies[0]["observations"][0]}
        assert decision["answer"]["action"] in (0, 1)
    else:
        assert [len(state["load"]) for state in runtime.bodies[1]["states"]] == [90, 1440, 4320]
        assert decision["input"]["state"]["active"] == 20
        assert decision["answer"] == {"action": 2, "desired": 23, "model_version": "1"}


@pytest.fixture
def wide(put: Put, artifact_files: Files, manifest: dict[str, Any]) -> np.ndarray:
    """Put an artifact whose golden observations are over 12 MB of JSON."""
    draw = np.random.default_rng(0)
    observations = draw.normal(size=(64, 10_000)).astype(np.float32)
    actions = np.repeat(golden_actions(observations)[:, None], 3_000, axis=1)
    artifact_files["golden.npz"] = npz(observations=observations, actions=actions)
    put(MODEL, make_artifact(artifact_files, manifest | {"observation": {"shape": [10_000]}}))
    return observations


def right_for_each(body: dict[str, Any]) -> dict[str, Any]:
    actions = golden_actions(np.array(body["observations"], np.float32))
    return {"actions": [[action] * 3_000 for action in actions.tolist()], "model_version": "1"}


def test_wide_observations_come_in_parts_that_the_endpoint_takes(
    wide: np.ndarray, serve: Callable[[Answer], Runtime], sagemaker_stub: Stubber
) -> None:
    in_service(sagemaker_stub)
    runtime = serve(right_for_each)
    decision: Any = handler(EVENT, None)["decision"]
    # 4 MB is what a serverless endpoint takes.
    assert all(len(json.dumps(body)) < 4_000_000 for body in runtime.bodies)
    asked = [row for body in runtime.bodies for row in body["observations"]]
    assert np.array_equal(np.array(asked, np.float32), wide)
    assert decision["input"]["observation"] == asked[0][-5:]
    assert len(json.dumps(decision)) < 2000


def test_the_last_of_the_parts_is_compared_and_told_by_its_number(
    wide: np.ndarray, serve: Callable[[Answer], Runtime], sagemaker_stub: Stubber
) -> None:
    def last_is_wrong(body: dict[str, Any]) -> dict[str, Any]:
        answer = right_for_each(body)
        if body["observations"][-1] == wide[-1].tolist():
            answer["actions"][-1] = [2] * 3_000
        return answer

    in_service(sagemaker_stub)
    goes_back(sagemaker_stub)
    serve(last_is_wrong)
    with pytest.raises(SmokeTestFailed, match="golden observation 63 was answered with"):
        handler(EVENT, None)


def test_states_are_those_of_the_contract(
    serve: Callable[[Answer], Runtime],
    sagemaker_stub: Stubber,
    put: Put,
    artifact_files: Files,
    manifest: dict[str, Any],
) -> None:
    put(MODEL, make_artifact(artifact_files, manifest | {"input": "states"}))
    in_service(sagemaker_stub)
    runtime = serve(right)
    handler(EVENT, None)
    for state in runtime.bodies[1]["states"]:
        assert set(state) == {
            "timestamp", "load", "failed", "active", "pending", "capacity", "warmup_minutes",
            "failure_price", "min_machines", "max_machines", "memory",
        }  # fmt: skip
        assert len(state["load"]) == len(state["failed"])
        assert all(load > 0 for load in state["load"])
        assert len(state["pending"]) <= state["warmup_minutes"]


def wrong(**change: Any) -> Answer:
    return lambda body: right(body) | change


@pytest.mark.usefixtures("takes")
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (wrong(actions=[0] * 64), "golden observation .* was answered with 0 instead of 1"),
        (wrong(actions=[True] * 64), "was answered with true instead of"),
        (wrong(actions=[0] * 63), "the answer's actions is .*, not a list of 64"),
        (wrong(actions="none"), 'the answer\'s actions is "none", not a list of 64'),
        (lambda body: {}, "the answer's actions is null"),
        (lambda body: [], "the answer is \\[\\], not a JSON object"),
        (lambda body: b"<html>", "the answer is not JSON: b'<html>'"),
    ],
)
def test_a_wrong_answer_takes_the_deployment_back(
    serve: Callable[[Answer], Runtime], sagemaker_stub: Stubber, answer: Answer, message: str
) -> None:
    in_service(sagemaker_stub)
    goes_back(sagemaker_stub)
    serve(answer)
    with pytest.raises(SmokeTestFailed, match=message) as caught:
        handler(EVENT, None)
    assert str(caught.value).startswith("The endpoint failed its smoke test: ")
    assert str(caught.value).endswith(f"The endpoint {ENDPOINT} goes back to old.")


@pytest.mark.usefixtures("takes")
def test_a_first_deployment_is_taken_back_by_deleting_it(
    serve: Callable[[Answer], Runtime], sagemaker_stub: Stubber
) -> None:
    in_service(sagemaker_stub)
    sagemaker_stub.add_response("delete_endpoint", {}, {"EndpointName": ENDPOINT})
    serve(wrong(actions=[]))
    with pytest.raises(SmokeTestFailed, match="was deleted, there was none before"):
        handler({**EVENT, "previous_config_name": None}, None)


@pytest.mark.usefixtures("takes")
def test_a_roll_back_that_is_refused_does_not_hide_the_fault(
    serve: Callable[[Answer], Runtime], sagemaker_stub: Stubber
) -> None:
    in_service(sagemaker_stub)
    sagemaker_stub.add_client_error("update_endpoint", "ValidationException", "gone")
    serve(wrong(actions=[]))
    with pytest.raises(SmokeTestFailed, match=r"not a list of 64.*do it by hand: .*gone"):
        handler(EVENT, None)


@pytest.mark.usefixtures("takes")
@pytest.mark.parametrize("refused", [False, True])
def test_a_package_that_answers_wrong_is_no_longer_approved(
    serve: Callable[[Answer], Runtime], sagemaker_stub: Stubber, refused: bool
) -> None:
    in_service(sagemaker_stub)
    goes_back(sagemaker_stub)
    if refused:
        sagemaker_stub.add_client_error("update_model_package", "AccessDeniedException", "no")
    else:
        told = "Smoke test: the answer's actions is \"" + "x" * 56 + "..., not a list of 64"
        sagemaker_stub.add_response(
            "update_model_package",
            {"ModelPackageArn": PACKAGE},
            {
                "ModelPackageArn": PACKAGE,
                "ModelApprovalStatus": "Rejected",
                "ApprovalDescription": told,
            },
        )
    serve(wrong(actions="x" * 9000))
    done = "could not be rejected, do it by hand: .*no$" if refused else "is rejected.$"
    with pytest.raises(SmokeTestFailed, match=f"goes back to old. The package {PACKAGE} {done}"):
        handler({**EVENT, "model_package_arn": PACKAGE}, None)


@pytest.mark.parametrize(
    ("code", "status", "rejected"),
    [
        ("ThrottlingException", None, False),
        ("AccessDeniedException", None, False),
        ("ModelError", 503, False),
        ("ModelError", 0, False),
        ("ModelError", 500, True),
        ("ModelError", 400, True),
    ],
)
def test_a_fault_that_is_not_the_models_leaves_its_approval(
    put: Put,
    artifact_files: Files,
    manifest: dict[str, Any],
    serve: Callable[[Answer], Runtime],
    sagemaker_stub: Stubber,
    asked: list[str],
    code: str,
    status: int | None,
    rejected: bool,
) -> None:
    def refuse(body: dict[str, Any]) -> Any:
        response: Any = {"Error": {"Code": code, "Message": "no"}, "OriginalStatusCode": status}
        raise ClientError(response, "InvokeEndpoint")

    put(MODEL, make_artifact(artifact_files, manifest))
    in_service(sagemaker_stub)
    goes_back(sagemaker_stub)
    serve(refuse)
    if rejected:
        sagemaker_stub.add_response("update_model_package", {"ModelPackageArn": PACKAGE})
    with pytest.raises(SmokeTestFailed, match="it refused observations: ") as caught:
        handler({**EVENT, "model_package_arn": PACKAGE}, None)
    assert ("is rejected" in str(caught.value)) == rejected
    assert ("UpdateModelPackage" in asked) == rejected


@pytest.mark.parametrize("missing", ["model", "server"])
def test_whatever_goes_wrong_takes_the_deployment_back(
    serve: Callable[[Answer], Runtime],
    sagemaker_stub: Stubber,
    asked: list[str],
    put: Put,
    artifact_files: Files,
    manifest: dict[str, Any],
    missing: str,
) -> None:
    def dead(body: dict[str, Any]) -> Any:
        raise EndpointConnectionError(endpoint_url="http://x")

    if missing == "server":
        put(MODEL, make_artifact(artifact_files, manifest))
    in_service(sagemaker_stub)
    goes_back(sagemaker_stub)
    serve(dead)
    expected = "There is no model at" if missing == "model" else "Could not connect"
    with pytest.raises(SmokeTestFailed, match=f"{expected}.*goes back to old"):
        handler({**EVENT, "model_package_arn": PACKAGE}, None)
    assert "UpdateEndpoint" in asked
    assert "UpdateModelPackage" not in asked


def test_the_models_own_message_is_passed_on(
    account: None,
    put: Put,
    artifact_files: Files,
    manifest: dict[str, Any],
    sagemaker_stub: Stubber,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(MODEL, make_artifact(artifact_files, manifest))
    runtime = boto3.client("sagemaker-runtime")
    clients = {
        "s3": boto3.client("s3"),
        "sagemaker": sagemaker_stub.client,
        "sagemaker-runtime": runtime,
    }
    monkeypatch.setattr("lambdas.smoke_test.client", clients.__getitem__)
    in_service(sagemaker_stub)
    goes_back(sagemaker_stub)
    with Stubber(runtime) as stubber:
        stubber.add_client_error(
            "invoke_endpoint",
            "ModelError",
            "Received server error (500)",
            424,
            modeled_fields={"OriginalMessage": "weights are missing"},
        )
        with pytest.raises(SmokeTestFailed, match="it refused observations: weights are missing"):
            handler(EVENT, None)


@pytest.mark.usefixtures("takes")
@pytest.mark.parametrize("judged", ["passed", "failed", "not yet"])
def test_the_turn_ends_once_the_deployment_is_judged(
    serve: Callable[[Answer], Runtime], sagemaker_stub: Stubber, judged: str
) -> None:
    parts = {"s3": boto3.client("s3"), "bucket": BUCKET, "endpoint": ENDPOINT}
    Turn(execution="0123456789ab", **parts).take(settled=None)
    serve(right)
    other = Turn(execution="ba9876543210", **parts)
    if judged == "not yet":
        sagemaker_stub.add_client_error("describe_endpoint", "ThrottlingException", "slower")
        with pytest.raises(ServiceUnavailable, match="slower"):
            handler(EVENT, None)
        with pytest.raises(EndpointBusy, match="its smoke test has not ended"):
            other.take(settled=None)
        return
    in_service(sagemaker_stub, config=CONFIG if judged == "passed" else "old")
    if judged == "passed":
        handler(EVENT, None)
    else:
        with pytest.raises(EndpointFailed):
            handler(EVENT, None)
    other.take(settled=None)


@pytest.mark.usefixtures("takes")
@pytest.mark.parametrize("status", ["Updating", "InService"])
def test_the_deployment_of_another_execution_is_left_alone(
    serve: Callable[[Answer], Runtime], sagemaker_stub: Stubber, asked: list[str], status: str
) -> None:
    """A repeated test, whose first answer was lost, may come upon the next deployment."""
    parts = {"s3": boto3.client("s3"), "bucket": BUCKET, "endpoint": ENDPOINT}
    Turn(execution="ba9876543210", **parts).take(settled=None)
    in_service(sagemaker_stub, status)
    serve(lambda body: {**right(body), "actions": []})
    with pytest.raises((EndpointFailed, SmokeTestFailed), match="left alone: another execution"):
        handler({**EVENT, "model_package_arn": PACKAGE}, None)
    assert set(asked) == {"DescribeEndpoint"}


@pytest.mark.usefixtures("takes")
@pytest.mark.parametrize("status", ["Failed", "OutOfService"])
def test_an_endpoint_that_failed_is_taken_back(
    serve: Callable[[Answer], Runtime], sagemaker_stub: Stubber, status: str
) -> None:
    in_service(sagemaker_stub, status, FailureReason="/ping gave 503")
    goes_back(sagemaker_stub)
    runtime = serve(right)
    message = f"is {status}: /ping gave 503\\. The endpoint {ENDPOINT} goes back to old"
    with pytest.raises(EndpointFailed, match=message):
        handler(EVENT, None)
    assert runtime.bodies == []


@pytest.mark.usefixtures("takes")
def test_an_endpoint_that_was_rolled_back_already_is_left_alone(
    serve: Callable[[Answer], Runtime], sagemaker_stub: Stubber
) -> None:
    in_service(sagemaker_stub, config="old")
    serve(right)
    with pytest.raises(EndpointFailed, match=f"is InService with old, not with {CONFIG}"):
        handler(EVENT, None)


@pytest.mark.usefixtures("takes")
def test_an_endpoint_that_is_gone_is_named(
    serve: Callable[[Answer], Runtime], sagemaker_stub: Stubber
) -> None:
    sagemaker_stub.add_client_error(
        "describe_endpoint", "ValidationException", "Could not find endpoint"
    )
    serve(right)
    with pytest.raises(EndpointFailed, match="was deleted while it was being deployed"):
        handler(EVENT, None)


@pytest.mark.usefixtures("variables")
def test_a_request_must_be_whole() -> None:
    with pytest.raises(InvalidInput, match="config_name: must be a SageMaker name"):
        handler({**EVENT, "config_name": "-"}, None)
