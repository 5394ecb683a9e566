"""Places in turn: what is served, and what it replaced, stays."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from lambdas import slots as module
from lambdas.deploy import handler
from lambdas.errors import EndpointBusy, ServiceRefused, ServiceUnavailable
from lambdas.slots import empty, find_made, slots
from lambdas.turns import Turn
from tests.lambdas.samples import BUCKET, MODEL, SOURCE, VARIABLES

ENDPOINT = VARIABLES["ENDPOINT_NAME"]
A, B, C = slots(ENDPOINT)


def deploy_alone(number: int) -> dict[str, Any]:
    """Deploy as the execution of a number."""
    event = {"execution_id": f"{number:012x}", "source_s3_uri": SOURCE, "model_s3_uri": MODEL}
    return handler(event, None)


def deploy(number: int) -> dict[str, Any]:
    """Deploy, and end the turn as the smoke test does."""
    result, identity = deploy_alone(number), f"{number:012x}"
    turn = Turn(s3=boto3.client("s3"), bucket=BUCKET, endpoint=ENDPOINT, execution=identity)
    turn.leave()
    return result


@pytest.fixture
def updating(sagemaker: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """SageMaker as moto knows it, and UpdateEndpoint, which moto does not."""

    def update_endpoint(EndpointName: str, EndpointConfigName: str) -> None:
        sagemaker.describe_endpoint_config(EndpointConfigName=EndpointConfigName)
        sagemaker.delete_endpoint(EndpointName=EndpointName)
        sagemaker.create_endpoint(EndpointName=EndpointName, EndpointConfigName=EndpointConfigName)

    monkeypatch.setattr(sagemaker, "update_endpoint", update_endpoint, raising=False)
    clients = {"s3": boto3.client("s3"), "sagemaker": sagemaker}
    monkeypatch.setattr("lambdas.deploy.client", clients.__getitem__)
    return sagemaker


def names(sagemaker: Any) -> tuple[set[str], set[str]]:
    models = {it["ModelName"] for it in sagemaker.list_models()["Models"]}
    configs = sagemaker.list_endpoint_configs()["EndpointConfigs"]
    return models, {it["EndpointConfigName"] for it in configs}


def test_deployments_take_turns_and_nothing_piles_up(updating: Any) -> None:
    results = [deploy(number) for number in range(5)]
    assert [it["config_name"] for it in results] == [A, B, C, A, B]
    assert [it["previous_config_name"] for it in results] == [None, A, B, C, A]
    assert names(updating) == ({A, B, C}, {A, B, C})
    made = find_made(updating, B)
    assert made is not None
    assert (made.execution, made.previous) == (f"{4:012x}", A)
    # A repeated call finds what it made.
    assert deploy(4) == results[4]


def test_after_a_roll_back_the_place_that_failed_is_taken(updating: Any) -> None:
    for number in range(3):
        deploy(number)
    updating.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=B)
    kept = [find_made(updating, slot) for slot in (A, B)]
    result = deploy(3)
    assert (result["config_name"], result["previous_config_name"]) == (C, B)
    assert [find_made(updating, slot) for slot in (A, B)] == kept


def test_a_deployment_that_is_not_judged_yet_is_waited_for(updating: Any) -> None:
    deploy_alone(0)
    before = names(updating)
    with pytest.raises(EndpointBusy, match=f"0{{12}} is deploying to {ENDPOINT}"):
        deploy(1)
    assert names(updating) == before


def test_a_deployment_that_is_refused_lets_the_next_one_go_on(
    updating: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, refusals = updating.create_model, ["Could not find model data"]

    def create_model(**request: Any) -> Any:
        if refusals:
            error = {"Code": "ValidationException", "Message": refusals.pop()}
            raise ClientError({"Error": error}, "CreateModel")
        return original(**request)

    monkeypatch.setattr(updating, "create_model", create_model)
    with pytest.raises(ServiceRefused, match="Could not find model data"):
        deploy(0)
    assert deploy(1)["config_name"] == A


def test_a_deployment_that_is_throttled_keeps_its_turn(
    updating: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "CreateModel")

    with monkeypatch.context() as patch:
        patch.setattr(updating, "create_model", throttled)
        with pytest.raises(ServiceUnavailable):
            deploy_alone(0)
    with pytest.raises(EndpointBusy):
        deploy_alone(1)
    assert deploy_alone(0)["config_name"] == A


def test_what_sagemaker_refuses_is_told_though_the_turn_cannot_be_ended(
    updating: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: Any) -> None:
        # Somebody has ended the turn by hand, and may not even tell what is not there.
        monkeypatch.setattr(Turn, "_read", denied)
        error = {"Code": "ValidationException", "Message": "an unknown type of instance"}
        raise ClientError({"Error": error}, "CreateEndpointConfig")

    def denied(_: Turn) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")

    monkeypatch.setattr(updating, "create_endpoint_config", refused)
    with pytest.raises(ServiceRefused, match="an unknown type of instance"):
        deploy_alone(0)


def test_what_an_earlier_try_has_made_is_used(
    updating: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateEndpoint")

    deploy(0)
    with monkeypatch.context() as patch:
        patch.setattr(updating, "update_endpoint", lost)
        with pytest.raises(ServiceUnavailable):
            deploy_alone(1)
    monkeypatch.setattr("lambdas.deploy.empty", lambda *_: pytest.fail("it is in the making"))
    assert deploy_alone(1)["config_name"] == B


def test_a_configuration_of_before_is_not_given_to_the_endpoint(
    updating: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(module.time, "sleep", waited.append)
    original = module.find_made
    late = [None, module.Made(execution="before", previous=None)]

    def behind(sagemaker: Any, config: str) -> Any:
        return late.pop() if late else original(sagemaker, config)

    monkeypatch.setattr(module, "find_made", behind)
    assert deploy(0)["config_name"] == A
    assert len(waited) == 2
    late += [None] * 50
    with pytest.raises(EndpointBusy, match="does not show"):
        module.await_made(updating, A, "0" * 12)


@given(st.text("abcdefghij-0123456789", min_size=1, max_size=61))
def test_places_are_three_and_short_enough(endpoint: str) -> None:
    assert len({*slots(endpoint), endpoint}) == 4
    assert max(map(len, slots(endpoint))) <= 63


def test_a_place_half_empty_is_emptied(updating: Any) -> None:
    deploy(0)
    boto3.client("sagemaker").delete_endpoint_config(EndpointConfigName=A)
    empty(updating, A)
    empty(updating, A)
    assert names(updating) == (set(), set())


@pytest.fixture
def refusing(updating: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return a function that has SageMaker refuse a call."""

    def refuse(call: str, message: str) -> None:
        def refused(**_: Any) -> None:
            operation = "".join(part.title() for part in call.split("_"))
            error = {"Code": "ValidationException", "Message": message}
            raise ClientError({"Error": error}, operation)

        monkeypatch.setattr(updating, call, refused)

    return refuse


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("create_model", "Cannot create already existing model"),
        ("create_endpoint_config", "Cannot create already existing endpoint configuration"),
        ("create_endpoint_config", "Could not find model"),
        ("update_endpoint", "Cannot update in-progress endpoint"),
        ("update_endpoint", "Could not find endpoint configuration"),
    ],
)
def test_what_may_be_right_in_a_moment_is_tried_again(
    updating: Any, refusing: Callable[[str, str], None], call: str, message: str
) -> None:
    deploy(0)
    refusing(call, message)
    with pytest.raises(EndpointBusy, match=f"{ENDPOINT} was changed meanwhile: .*{message}"):
        deploy(1)
