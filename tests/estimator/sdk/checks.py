"""What every run of an SDK has to hold to."""

import json
import tarfile
from io import BytesIO
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

_SESSION = botocore.session.get_session()


def mistakes(service: str, operation: str, request: dict[str, Any]) -> str:
    """Return what the model of this project's botocore finds wrong in a request."""
    shape = _SESSION.get_service_model(service).operation_model(operation).input_shape
    return ParamValidator().validate(request, shape).generate_report()


def check_calls(report: dict[str, Any]) -> None:
    """Every request is one that AWS knows, and none left this machine."""
    assert report["refused"] == []
    assert report["calls"]
    for call in report["calls"]:
        found = mistakes(call["service"], call["operation"], call["parameters"])
        assert not found, f"{call['operation']}: {found}"


def operations(report: dict[str, Any]) -> set[str]:
    """Return the operations that were asked for, with their services."""
    return {f"{call['service']}:{call['operation']}" for call in report["calls"]}


def requests(report: dict[str, Any], operation: str) -> list[dict[str, Any]]:
    """Return the parameters of each call of an operation."""
    calls = report["calls"]
    return [call["parameters"] for call in calls if call["operation"] == operation]


def manifest(content: bytes) -> dict[str, Any]:
    """Return the manifest of a model artifact."""
    with tarfile.open(fileobj=BytesIO(content), mode="r:gz") as opened:
        member = opened.extractfile("manifest.json")
        assert member is not None
        return json.load(member)


def check_metrics(rows: list[dict[str, Any]]) -> None:
    """The frame of TrainingJobAnalytics holds what the preset `smoke` prints."""
    rewards = {"reward-training", "reward-testing", "episode_reward_mean", "episode_reward_max"}
    speed = {"environment_steps", "steps_per_second"}
    assert rewards | speed == {row["metric_name"] for row in rows}
    # Rewards are negative costs; the first point is the zero of time.
    assert all((row["value"] < 0) == (row["metric_name"] in rewards) for row in rows)
    assert all(row["timestamp"] >= 0 for row in rows)
    assert min(row["timestamp"] for row in rows) == 0
