"""One policy, one decision: trainer, ONNX Runtime, NumPy, endpoint and function agree."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoscaling_rl.artifact import pack
from autoscaling_rl.artifact_code import load_code
from autoscaling_rl.controller.bank_controller import BankController
from autoscaling_rl.controller.controller import Controller
from autoscaling_rl.controller.inference import Inference, make_controller
from autoscaling_rl.controller.policy import Policy, band_action
from autoscaling_rl.controller.state import parse_state
from autoscaling_rl.onnx_export import run_onnx
from lambdas.served_model import load_model
from tests.training_src.banks import fixed_policy
from tests.training_src.endpoints import autoscaling_artifact, autoscaling_policy, serving

POLICIES = {
    "levels": autoscaling_policy("levels", outputs=5, levels=(-9, -1, 0, 1, 12)),
    "band": autoscaling_policy("band"),
    "bank": fixed_policy(),
    "ensemble with a bank": fixed_policy(networks=3),
}


@dataclass(frozen=True)
class Places:
    """The places that decide."""

    folder: Path
    trainer: Policy
    controller: Controller | BankController
    code: Inference
    function: Any
    endpoint: Any


@pytest.fixture(scope="module", params=list(POLICIES))
def places(request, tmp_path_factory):
    policy = POLICIES[request.param]
    base = tmp_path_factory.mktemp("parity")
    folder = autoscaling_artifact(base / "model", policy)
    pack(folder, base / "model.tar.gz")
    archive = io.BytesIO((base / "model.tar.gz").read_bytes())
    function = load_model(archive, guard={}, explain=lambda explanation: None)
    artifacts_own = __import__(f"{load_code(folder).__name__}.inference", fromlist=["Inference"])
    code = artifacts_own.Inference.load(folder)
    with serving(folder) as endpoint:
        endpoint.wait_for("model verified")
        chosen = {"version": code.version, "guard_settings": code.guard_settings}
        controller = make_controller(policy, **chosen)
        yield Places(folder, policy, controller, code, function, endpoint)


def by_onnx(places, rows):
    """Return actions of the graph in ONNX Runtime, and which hang on the last bit of an output."""
    outputs = run_onnx((places.folder / "policy.onnx").read_bytes(), rows)
    policy = places.trainer
    if policy.head == "levels":
        best = np.sort(outputs, axis=1)
        return np.array(policy.levels)[outputs.argmax(axis=1)], best[:, -1] - best[:, -2] < 1e-5
    actions = band_action(rows, outputs, nearest=policy.head == "band_nearest")
    moved = [
        band_action(rows, outputs + shift, nearest=policy.head == "band_nearest")
        for shift in (-1e-5, 1e-5)
    ]
    return actions, np.logical_or(*(each != actions for each in moved))


def assert_same_actions(places, rows):
    expected = places.trainer.act(rows)
    assert (places.code._policy.act(rows) == expected).all()
    for begin in range(0, len(rows), 1000):
        part = {"observations": rows[begin : begin + 1000].tolist()}
        wanted = expected[begin : begin + 1000].tolist()
        for answer in (places.function.respond(part), places.endpoint.invoke(part)):
            assert (answer[0], answer[1]["actions"]) == (200, wanted)
    actions, close = by_onnx(places, rows)
    # Another runtime adds up in another order; in fixed point even that changes nothing.
    exact = places.trainer.fixed_point
    assert (actions == expected)[~close | exact].all()
    assert close.mean() < 0.05
    if places.trainer.head == "band":
        fleet = np.expm1(np.clip(rows[:, 1], 0, 14))
        assert (np.abs(actions - expected) <= 1 + 2e-5 * (fleet + np.abs(expected))).all()


def test_golden_observations(places):
    with np.load(places.folder / "golden.npz") as golden:
        rows, actions = golden["observations"], golden["actions"]
    assert (places.trainer.act(rows) == actions).all()
    assert_same_actions(places, rows)


def test_ten_thousand_random_observations(places):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((10_000, places.trainer.inputs)) * rng.choice(
        (0.1, 1, 9), (10_000, 1)
    )
    assert_same_actions(places, rows.astype(np.float32))


def random_states(count, lengths):
    """Yield states of fleets of any size, of loads of any kind, some of them damaged."""
    rng = np.random.default_rng(count)
    for _ in range(count):
        minutes, mean = int(rng.choice(lengths)), float(np.exp(rng.uniform(0, 6)))
        shape = 50 if rng.random() < 0.5 else 1
        load = np.round(250 * mean * rng.gamma(shape, 1 / shape, minutes), 3).tolist()
        for place in rng.integers(0, minutes, 9 if rng.random() < 0.2 else 0):
            load[place] = None if place else load[place]
        month, day, hour = rng.integers((1, 1, 0), (13, 29, 24))
        least = int(rng.integers(0, 4))
        yield {
            "timestamp": f"2026-{month:02}-{day:02}T{hour:02}:30Z",
            "load": load,
            "failed": [0.0] * (minutes - 1) + [float(rng.uniform(0, 99))],
            "active": int(rng.integers(0, 3 * mean + 2)),
            "pending": rng.integers(0, 3, int(rng.integers(0, 9))).tolist(),
            "capacity": 250.0,
            "warmup_minutes": int(rng.integers(0, 31)),
            "failure_price": float(rng.choice((5.0, 20.0, 100.0))),
            "min_machines": least,
            "max_machines": int(rng.choice((0, least + 40))),
        }


def assert_same_decisions(places, count, lengths=(1, 30, 61, 200, 400)):
    states = list(random_states(count, lengths))
    for begin in range(0, count, 50):
        part = states[begin : begin + 50]
        decided = [places.controller.decide(parse_state(each, "state"), "state") for each in part]
        status, answer = places.code.respond({"states": part})
        assert status == 200
        assert answer["desired"] == [each.desired for each in decided]
        assert answer["actions"] == [each.action for each in decided]
        for other in (places.function, places.endpoint):
            ask = getattr(other, "respond", None) or other.invoke
            assert json.loads(json.dumps(ask({"states": part}))) == [200, answer]


def test_random_states(places):
    assert_same_decisions(places, 40)


@pytest.mark.slow
def test_ten_thousand_random_states(places):
    """With short loads: a bank that is made anew for each of them takes its time."""
    assert_same_decisions(places, 10_000, lengths=(5, 61, 75))
