"""Two places in turn: what is served stays, what another execution is filling is waited for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.deploy import handler
from lambdas.endpoint import EndpointState
from lambdas.errors import EndpointBusy
from lambdas.slots import LONGEST_DEPLOY, empty, find_made, slots, vacate
from tests.lambdas.samples import MODEL, SOURCE, VARIABLES

ENDPOINT = VARIABLES["ENDPOINT_NAME"]
A, B = slots(ENDPOINT)


def deploy(number: int) -> dict[str, Any]:
    event = {
        "execution_id": f"{number:012x}",
        "source_s3_uri": SOURCE,
        "model_s3_uri": MODEL,
    }
    return handler(event, None)


@pytest.fixture
def updating(sagemaker: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """SageMaker as moto knows it, and UpdateEndpoint, which moto does not."""

    def update_endpoint(EndpointName: str, **change: Any) -> None:
        sagemaker.describe_endpoint_config(EndpointConfigName=change["EndpointConfigName"])
        sagemaker.delete_endpoint(EndpointName=EndpointName)
        sagemaker.create_endpoint(
            EndpointName=EndpointName, EndpointConfigName=change["EndpointConfigName"]
        )

    monkeypatch.setattr(sagemaker, "update_endpoint", update_endpoint, raising=False)
    monkeypatch.setattr("lambdas.deploy.client", lambda _: sagemaker)
    return sagemaker


def names(sagemaker: Any) -> tuple[set[str], set[str]]:
    models = {it["ModelName"] for it in sagemaker.list_models()["Models"]}
    configs = sagemaker.list_endpoint_configs()["EndpointConfigs"]
    return models, {it["EndpointConfigName"] for it in configs}


def test_deployments_take_turns_and_nothing_piles_up(updating: Any) -> None:
    results = [deploy(number) for number in range(5)]
    assert [it["config_name"] for it in results] == [A, B, A, B, A]
    assert [it["previous_config_name"] for it in results] == [None, A, B, A, B]
    assert names(updating) == ({A, B}, {A, B})
    made = find_made(updating, A)
    assert made is not None
    assert (made.execution, made.previous) == (f"{4:012x}", B)
    # A repeated call finds what it made.
    assert deploy(4) == results[4]


def test_after_a_roll_back_the_served_place_stays(updating: Any) -> None:
    deploy(0)
    deploy(1)
    updating.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=A)
    kept = find_made(updating, A)
    assert deploy(2)["config_name"] == B
    assert find_made(updating, A) == kept


@given(st.text("abcdefghij-0123456789", min_size=1, max_size=61))
def test_places_are_two_and_short_enough(endpoint: str) -> None:
    assert len({*slots(endpoint), endpoint}) == 3
    assert max(map(len, slots(endpoint))) <= 63


NOW = datetime.now(UTC)
TURNS = {"another": "0" * 12, "own": "1" * 12}


class Account:
    """One configuration of another execution, made at some time; notes deletions."""

    def __init__(self, created: datetime) -> None:
        self.created = created
        self.deleted: list[str] = []

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:
        return {"EndpointConfigArn": EndpointConfigName, "CreationTime": self.created}

    def list_tags(self, ResourceArn: str) -> dict[str, Any]:
        return {"Tags": [{"Key": "execution", "Value": TURNS["another"]}]}

    def delete_endpoint_config(self, EndpointConfigName: str) -> None:
        self.deleted.append(EndpointConfigName)

    def delete_model(self, ModelName: str) -> None:
        self.deleted.append(ModelName)


@pytest.mark.parametrize(
    ("age", "changed", "who", "waits"),
    [
        # Filled after the last change of the endpoint: about to be served.
        (timedelta(minutes=1), timedelta(minutes=2), "own", True),
        (timedelta(minutes=14), timedelta(days=2), "own", True),
        # The endpoint was changed since: to it, or away from it.
        (timedelta(minutes=2), timedelta(minutes=1), "own", False),
        # Whoever filled it has ended.
        (LONGEST_DEPLOY, timedelta(days=2), "own", False),
        # It is an earlier try of the same execution.
        (timedelta(minutes=1), timedelta(minutes=2), "another", False),
    ],
)
def test_a_place_that_is_being_filled_is_left_alone(
    age: timedelta, changed: timedelta, who: str, waits: bool
) -> None:
    account = Account(NOW - age)
    endpoint = EndpointState(
        status="InService", config=B, pending=None, failure=None, modified=NOW - changed
    )
    if waits:
        with pytest.raises(EndpointBusy, match=f"{A} was made by execution 0{{12}} and is not"):
            vacate(account, A, execution=TURNS[who], endpoint=endpoint)
        assert account.deleted == []
        return
    vacate(account, A, execution=TURNS[who], endpoint=endpoint)
    assert account.deleted == [A, A]


def test_without_an_endpoint_nothing_is_served() -> None:
    account = Account(NOW)
    vacate(account, A, execution=TURNS["own"], endpoint=None)
    assert account.deleted == [A, A]


def test_a_place_half_empty_is_emptied(sagemaker: Any) -> None:
    deploy(0)
    boto3.client("sagemaker").delete_endpoint_config(EndpointConfigName=A)
    empty(sagemaker, A)
    empty(sagemaker, A)
    assert names(sagemaker) == (set(), set())
