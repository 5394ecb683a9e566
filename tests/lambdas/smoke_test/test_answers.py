"""The smoke test: right answers pass, whatever their size."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from botocore.stub import Stubber

from lambdas.errors import (
    InvalidInput,
    SmokeTestFailed,
)
from lambdas.smoke_test import handler
from tests.lambdas.samples import (
    MODEL,
    Files,
    golden_actions,
    make_artifact,
    npz,
)
from tests.lambdas.smoke_test.endpoint import (
    EVENT,
    Answer,
    Put,
    Runtime,
    goes_back,
    in_service,
    right,
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


@pytest.mark.usefixtures("variables")
def test_a_request_must_be_whole() -> None:
    with pytest.raises(InvalidInput, match="config_name: must be a SageMaker name"):
        handler({**EVENT, "config_name": "-"}, None)
