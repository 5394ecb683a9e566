"""The smoke test: whatever is not right takes back the deployment, and maybe the approval."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from lambdas.errors import (
    EndpointBusy,
    EndpointFailed,
    ServiceUnavailable,
    SmokeTestFailed,
)
from lambdas.smoke_test import handler
from lambdas.turns import Turn
from tests.lambdas.samples import (
    BUCKET,
    MODEL,
    Files,
    make_artifact,
)
from tests.lambdas.smoke_test.endpoint import (
    CONFIG,
    ENDPOINT,
    EVENT,
    PACKAGE,
    Answer,
    Put,
    Runtime,
    goes_back,
    in_service,
    right,
    wrong,
)


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
