"""What the handlers share with the training bundle: ranges, names, files and states."""

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoscaling_rl.artifact import pack, write_artifact
from autoscaling_rl.baselines.registry import BASELINES as KNOWN
from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.controller.state import KEYS, parse_state
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.scorecard import Totals, evaluation_scorecard
from lambdas.artifact import check_artifact
from lambdas.execution_input import BASELINES, Environment, parse
from lambdas.gate import judge
from lambdas.probes import check_golden, states
from lambdas.scorecard import parse_scorecard

ENDS = {
    "mean_machines": (1, 100_000),
    "warmup_minutes": (0, 60),
    "failure_price": (0.1, 10_000),
    "change_price": (0, 10_000),
    "min_machines": (0, 1_000_000),
    "max_machines": (0, 1_000_000),
}


@pytest.mark.parametrize("key", Environment.__dataclass_fields__)
def test_an_environment_key_has_the_range_of_the_environment(key: str) -> None:
    for value in ENDS[key]:
        document = parse({"environment": {key: value}}, presets=("smoke",))
        AutoScalingSettings.of(**document.environment.given())


def test_every_baseline_of_the_evaluation_can_be_named_and_no_other() -> None:
    assert set(BASELINES) == {*KNOWN, "best_tuned", "random"}


def policy(head: str, **parts: Any) -> Policy:
    draw = np.random.default_rng(0)
    outputs = 3
    return Policy(
        weights=(draw.normal(size=(4, outputs)).astype(np.float32),),
        biases=(np.zeros(outputs, np.float32),),
        head=head,
        **parts,
    )


@pytest.mark.parametrize(
    ("head", "parts"),
    [
        ("discrete", {}),
        ("levels", {"levels": (-1, 0, 1)}),
        ("continuous", {"low": (-1.0,) * 3, "high": (1.0,) * 3}),
    ],
)
def test_an_artifact_of_the_bundle_is_accepted(
    tmp_path: Path, head: str, parts: dict[str, Any]
) -> None:
    made = policy(head, **parts)
    observations = np.random.default_rng(1).normal(size=(80, 4)).astype(np.float32)
    write_artifact(
        tmp_path / "model",
        policy=made,
        environment={"id": "CartPole-v1"},
        preset={"name": "x"},
        seed=3,
        golden_observations=observations,
        figures={},
    )
    pack(tmp_path / "model", tmp_path / "model.tar.gz")
    artifact = check_artifact(io.BytesIO((tmp_path / "model.tar.gz").read_bytes()))
    assert artifact.takes == "observations"
    assert artifact.environment.startswith("CartPole-v1 ")
    assert artifact.seed == "3"
    asked = np.array(artifact.golden_observations, np.float32)
    answer = json.loads(json.dumps({"actions": made.act(asked).tolist()}))
    check_golden(answer, artifact.golden_actions)


def test_a_scorecard_of_the_bundle_is_judged() -> None:
    def runs(cost: float) -> list[Totals]:
        return [Totals(10, 1.0, 0.0, cost, cost + extra, 0, 0, 0) for extra in range(4)]

    card = evaluation_scorecard(
        ["a", "b", "c", "d"],
        {
            "policy": runs(90),
            "target_tracking_tuned": runs(100),
            "seasonal_tuned": runs(95),
            "static_best": runs(85),
            "oracle": runs(80),
        },
    )
    result = judge(parse_scorecard(json.dumps(card).encode()), baseline=None, confidence=0.95)
    assert result.passed
    assert result.baseline == "seasonal_tuned"


def test_the_states_of_the_smoke_test_are_understood() -> None:
    for state in states():
        document = json.loads(json.dumps(asdict(state)))
        # Those of the contract; the keys after them say more of the fleet, and may be left out.
        assert tuple(document) == KEYS[: KEYS.index("memory") + 1]
        assert parse_state(document, "states[0]").active == state.active
