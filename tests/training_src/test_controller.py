"""The controller: what training saw is what it observes, and no request makes it stumble."""

import base64
import hashlib
import json
import math
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autoscaling_rl.controller import guard, memory
from autoscaling_rl.controller import observation as obs
from autoscaling_rl.controller.controller import Controller
from autoscaling_rl.controller.inference import Inference, model_version
from autoscaling_rl.controller.policy import MAX_MACHINES, Policy, band_action
from autoscaling_rl.controller.state import (
    KEYS,
    LARGEST_FLEET,
    LONGEST_LOAD,
    InvalidRequest,
    State,
    parse_state,
)
from autoscaling_rl.environments import dynamics
from autoscaling_rl.environments.batch import batch_observations
from autoscaling_rl.environments.kernels import FAILED_SHARE
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.environments.simulation import Simulation
from tests.training_src.endpoints import (
    HEAVY,
    autoscaling_artifact,
    autoscaling_policy,
    cartpole_artifact,
    daily_load,
    state,
)
from tests.training_src.jobs import observations, small_policy

TOLERANCE = 1e-5
LENGTHS = (1, 2, 3, 59, 60, 61, 1499, 1500, 1501, 10139, 10140, 10141, 10200, LONGEST_LOAD)

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=6,
)


def parsed(**changes):
    return parse_state(state(**changes), "states[0]")


def refused(call, *arguments, **keywords):
    with pytest.raises(InvalidRequest) as caught:
        call(*arguments, **keywords)
    return caught.value.field, caught.value.message


def outcome(call, *arguments, **keywords):
    """Return what a call returns, or how it refuses."""
    try:
        return call(*arguments, **keywords)
    except InvalidRequest as error:
        return error


def controller(head="band", **parts):
    return Controller(autoscaling_policy(head, **parts))


# Observations


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("warmup", [0, 1, 5, 60])
def test_the_controller_observes_what_the_batch_computes(length, warmup):
    rng = np.random.default_rng(length + warmup)
    load = rng.gamma(2, 1500, length) * rng.integers(0, 2, length)
    asked = parsed(
        load=load.tolist(),
        failed=(load * 0.25).tolist(),
        active=int(rng.integers(0, 300)),
        pending=rng.integers(0, 9, 40).tolist(),
        warmup_minutes=warmup,
        failure_price=float(rng.uniform(1, 100)),
        capacity=float(rng.uniform(0.5, 400)),
    )
    expected = batch_observations(
        load,
        length,
        length + 1,
        capacity=asked.capacity,
        minute_of_week=asked.minute_of_week,
        failure_price=asked.failure_price,
        warmup=warmup,
    )[:, 0]
    soon = sum(asked.pending[: warmup // 2])
    share = 0.25 if load[-1] > 0 else 0.0
    obs.set_fleet(expected, asked.active, sum(asked.pending), soon, share)
    np.testing.assert_allclose(
        controller().observe(asked, asked.load), expected, rtol=0, atol=TOLERANCE
    )


@pytest.mark.parametrize("begin", [1, 1490, 10130])
def test_consecutive_minutes_agree_with_the_batch(begin):
    load = np.random.default_rng(begin).gamma(3, 900, begin + 30)
    expected = batch_observations(
        load, begin, len(load), capacity=250.0, minute_of_week=70, failure_price=20.0, warmup=5
    )
    observer, monday = controller(), datetime.fromisoformat("2026-01-05T01:10Z")
    for step in range(30):
        asked = parsed(
            load=load[: begin + step].tolist(),
            timestamp=(monday + timedelta(minutes=step)).isoformat(),
        )
        obs.set_fleet(expected[:, step], 12, 1, 1, 0.0)
        got = observer.observe(asked, asked.load)
        np.testing.assert_allclose(got, expected[:, step], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("warmup", "delay"), [(5, 0), (0, 0), (1, 3), (12, 60), (60, 7), (5, 1)])
def test_the_controller_observes_what_the_environment_shows(warmup, delay):
    """In minutes that follow each other, with boot times that scatter and launches that fail."""
    settings = AutoScalingSettings(
        warmup_minutes=warmup, metric_delay_minutes=delay, launch_failure_rate=0.2
    )
    simulation = Simulation(3, settings, None)
    simulation.reset([0, 1, 2], [np.random.default_rng(seed) for seed in range(3)])
    rng, observer = np.random.default_rng(9), controller()
    for _ in range(150):
        simulation.step(rng.integers(2, 7, 3))
        seen = simulation.minute - delay
        rows = np.arange(seen - obs.HISTORY, seen) % simulation.rows
        for fleet in range(3):
            load = simulation.load[rows, fleet].astype(np.float64)
            row = simulation.fleets[fleet]
            asked = State(
                minute=int(simulation.minute_of_week[fleet]) + 4 * obs.DAY,
                load=load,
                failed=float(simulation.fleet_logs[FAILED_SHARE, fleet]) * load[-1],
                active=int(row[dynamics.IN_SERVICE]),
                pending=tuple(
                    dynamics.due_by_minute(row, int(simulation.clocks[fleet]) + simulation.minute)
                ),
                capacity=settings.capacity,
                warmup_minutes=warmup,
                failure_price=settings.failure_price,
            )
            np.testing.assert_allclose(
                observer.observe(asked, load),
                simulation.observations[:, fleet],
                rtol=0,
                atol=TOLERANCE,
            )
    assert simulation.fleets[:, dynamics.ON_THEIR_WAY].any() == (warmup > 0)


def test_observations_of_the_largest_numbers_are_finite():
    for load, capacity in ((1e12, 1e-6), (0.0, 1e12), (5e-324, 1.0)):
        asked = parsed(
            load=[load] * 100, failed=[1e12] * 100, capacity=capacity, active=LARGEST_FLEET - 1
        )
        assert np.isfinite(controller().observe(asked, asked.load)).all()
        controller().decide(asked)


# Memory


def test_memory_replaces_the_load_before_it():
    """Across the end of the 14 days, where the oldest minutes fall out, among them the peak."""
    load = daily_load(LONGEST_LOAD + 220, seed=3)
    load[60] = 40_000.0
    decider, first = Controller(eager_policy()), datetime.fromisoformat("2026-01-18T23:50+02:00")
    remembered, fleet, desired = "", 12, []
    for step in range(300):
        length = LONGEST_LOAD - 100 + step
        asked = {
            "timestamp": (first + timedelta(minutes=step)).isoformat(),
            "active": fleet,
            "failed": [],
        }
        known = load[max(0, length - LONGEST_LOAD) : length]
        whole = decider.decide(parsed(**asked, load=known))
        if step > 0:
            news = (step - 1) % 3 + 1 + step % 2  # at times also a minute that is known already
            part = parsed(**asked, load=load[length - news : length], memory=remembered)
            assert decider.decide(part) == whole
        if step % 3 == 0:
            remembered = whole.memory
        fleet = whole.desired
        desired.append(whole.desired)
    assert max(desired[:160]) > max(desired[161:])  # the peak raised the limit
    assert len(set(desired)) > 2


def eager_policy():
    """Return a random policy that wants many times the machines that the load needs."""
    policy = autoscaling_policy(seed=5)
    return replace(policy, biases=(policy.biases[0], policy.biases[1] + np.float32(3.0)))


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=50), st.integers(-(2**62), 2**62))
def test_memory_returns_what_was_remembered(load, minute):
    found = memory.recall(memory.remember(minute, np.array(load), b"more"), "memory")
    got_minute, got = found.after, found.load
    assert found.extra == b"more"
    assert got_minute == minute
    np.testing.assert_array_equal(got, load)


@given(st.text() | st.text("abcdefghijklmnopqrstuvwxyzABCDEFGH+/=", min_size=12))
def test_other_texts_are_no_memory(text):
    assert refused(memory.recall, text, "states[0].memory")[0] == "states[0].memory"


@given(st.integers(0, 2000), st.integers(1, 255))
def test_a_changed_memory_is_refused(place, change):
    raw = bytearray(base64.b64decode(memory.remember(7, np.arange(100.0))))
    raw[place % len(raw)] ^= change
    refused(memory.recall, base64.b64encode(raw).decode(), "memory")


def forged(*, version=memory.VERSION, count=None, load=(1.0,), packed=b""):
    """Return memory with a right checksum, which anyone can compute."""
    body = struct.pack("<BqI", version, 29459520, len(load) if count is None else count)
    packed = packed or zlib.compress(body + np.array(load, "<f8").tobytes())
    return base64.b64encode(hashlib.sha256(packed).digest()[:8] + packed).decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"load": ()},
        {"load": (math.nan,)},
        {"load": (-1.0, 1.0)},
        {"load": (math.inf,)},
        {"load": (1e13,)},
        {"count": 3},
        {"packed": b"not compressed"},
        {"packed": zlib.compress(b"short")},
        {"load": (0.0,) * (LONGEST_LOAD + 1)},
        {"load": (0.0,) * 3_000_000},
    ],
)
def test_forged_memory_is_refused(changes):
    text = forged(**changes)
    assert len(text) < 100_000
    assert "is not the memory" in refused(memory.recall, text, "memory")[1]


def test_memory_must_join_the_load():
    now = parsed().minute
    kept = memory.remember(now - 3, np.array([5.0, 6.0]))
    fits = parsed(load=[7, 8, 9], memory=kept)
    assert memory.known_load(fits, "s").tolist() == [5, 6, 7, 8, 9]
    overlaps = parsed(load=[1, 2, 3, 4], memory=kept)
    assert memory.known_load(overlaps, "s").tolist() == [5, 1, 2, 3, 4]
    covers = parsed(load=[0, 1, 2, 3, 4, 5], memory=kept)
    assert memory.known_load(covers, "s").tolist() == [0, 1, 2, 3, 4, 5]
    field, message = refused(memory.known_load, parsed(load=[7, 8], memory=kept), "s")
    assert field == "s.load"
    assert "1 minutes are missing" in message
    assert "at least the last 3 minutes" in message
    later = parsed(load=[7], memory=memory.remember(now + 1, np.array([5.0])))
    assert refused(memory.known_load, later, "s")[0] == "s.memory"


def test_memory_of_long_ago_is_forgotten():
    old = memory.remember(parsed().minute - LONGEST_LOAD, np.array([1.0]))
    assert memory.known_load(parsed(load=[7, 8], memory=old), "s").tolist() == [7, 8]
    assert refused(memory.known_load, parsed(load=[], memory=old), "s")[0] == "s.load"
    young = memory.remember(parsed().minute - LONGEST_LOAD + 1, np.array([1.0]))
    assert refused(memory.known_load, parsed(load=[7, 8], memory=young), "s")[0] == "s.load"


def test_memory_alone_decides_the_same_minute_again():
    decider = controller()
    first = decider.decide(parsed())
    assert decider.decide(parsed(load=[], memory=first.memory)) == first


# States


@given(st.dictionaries(st.sampled_from([*KEYS, "other"]), junk) | junk)
def test_any_state_is_parsed_or_refused_with_its_field(raw):
    found = outcome(parse_state, raw, "states[4]")
    if isinstance(found, InvalidRequest):
        assert found.field.startswith("states[4]")
        assert found.message
    else:
        assert 0 <= found.active + sum(found.pending) <= LARGEST_FLEET


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"other": 1}, "other"),
        ({"timestamp": 5}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"load": []}, "load"),
        ({"load": "abc"}, "load"),
        ({"load": [1, True]}, "load"),
        ({"load": [1, -2, 3]}, "load[1]"),
        ({"load": [1, math.nan]}, "load[1]"),
        ({"load": [10**400]}, "load"),
        ({"load": [0] * (LONGEST_LOAD + 1)}, "load"),
        ({"load": [1, 2], "failed": [1]}, "failed"),
        ({"failed": {}}, "failed"),
        ({"active": -1}, "active"),
        ({"active": 1.5}, "active"),
        ({"active": True}, "active"),
        ({"active": 10**400}, "active"),
        ({"active": LARGEST_FLEET, "pending": [1]}, "pending"),
        ({"pending": [1, None]}, "pending[1]"),
        ({"pending": [0] * 1441}, "pending"),
        ({"pending": 3}, "pending"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": math.inf}, "capacity"),
        ({"capacity": "1"}, "capacity"),
        ({"warmup_minutes": 61}, "warmup_minutes"),
        ({"failure_price": 0}, "failure_price"),
        ({"min_machines": -1}, "min_machines"),
        ({"min_machines": 5, "max_machines": 4}, "max_machines"),
        ({"memory": 5}, "memory"),
    ],
)
def test_a_wrong_state_is_refused_with_the_field(changes, field):
    assert refused(parsed, **changes)[0] == f"states[0].{field}"


@pytest.mark.parametrize("key", ["timestamp", "active", "capacity"])
def test_what_is_needed_must_be_there(key):
    raw = state()
    del raw[key]
    assert refused(parse_state, raw, "s") == (f"s.{key}", "this key is required")
    assert refused(parse_state, [raw], "s") == ("s", "a state must be an object")


@given(
    st.datetimes(),
    st.none() | st.integers(-1439, 1439).map(lambda off: timezone(timedelta(minutes=off))),
)
def test_the_minute_is_that_of_the_calendar(moment, zone):
    try:
        local = moment.replace(tzinfo=zone)
        utc = local if zone is None else local.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        assume(False)
    found = parsed(timestamp=local.isoformat())
    assert found.minute == (utc - datetime(1970, 1, 1)) // timedelta(minutes=1)
    assert found.minute_of_week == utc.weekday() * 1440 + utc.hour * 60 + utc.minute


@given(st.text(), st.text("0123456789-:TZ+.W", max_size=30))
def test_a_text_is_a_time_or_refused(text, near):
    for timestamp in (text, near):
        found = outcome(parsed, timestamp=timestamp)
        assert isinstance(found, State) or found.field == "states[0].timestamp"


# Limits


@given(
    st.integers(-(10**7), 10**7),
    st.lists(st.floats(0, 1e12), max_size=5),
    st.floats(1e-6, 1e12),
    st.integers(0, LARGEST_FLEET),
    st.integers(0, LARGEST_FLEET),
)
def test_limits_hold_whatever_is_wanted(desired, load, capacity, low, high):
    assume(high == 0 or low <= high)
    limits = {"capacity": capacity, "min_machines": low, "max_machines": high}
    allowed = guard.limit(desired, load=np.array(load), **limits)
    assert low <= allowed <= (high or max(allowed, low))
    peak = max(load, default=0.0)
    assert allowed == guard.limit_by_peak(desired, peak=peak, **limits)
    if allowed != desired:  # as near as the limits let it be
        most = max(1, math.ceil(guard.PEAK_FACTOR * peak / capacity))
        assert allowed in (low, high, most)
    assert guard.limit(desired + 1, load=np.array(load), **limits) >= allowed
    assert guard.limit(allowed, load=np.array(load), **limits) == allowed


# Policies


def test_a_policy_survives_its_file(tmp_path):
    for head, parts in (
        ("levels", {"levels": (-1, 0, 2), "activation": "silu"}),
        ("continuous", {"low": (-1.0,) * 3, "high": (1.0,) * 3, "activation": "relu"}),
        ("discrete", {"skip": np.ones((4, 3), np.float32)}),
    ):
        policy = small_policy(head, **parts)
        policy.save(tmp_path / "policy.npz")
        loaded = Policy.load(tmp_path / "policy.npz", policy.specification())
        np.testing.assert_array_equal(
            loaded.outputs(observations()), policy.outputs(observations())
        )
        np.testing.assert_array_equal(loaded.act(observations()), policy.act(observations()))
        assert loaded.specification() == policy.specification()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"head": "other"}, "head 'other' is unknown"),
        ({"activation": "gelu"}, "activation 'gelu' is unknown"),
        ({"head": "band"}, "'band' needs 2 outputs, not 3"),
        ({"head": "levels", "levels": (1, 2)}, "'levels' needs 2 outputs, not 3"),
        ({"mean": np.zeros(3, np.float32)}, "mean and scale must have shape"),
        (
            {"mean": np.zeros(4, np.float32), "scale": np.zeros(4, np.float32)},
            "scale must be positive",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, text):
    with pytest.raises(ValueError, match=text):
        small_policy(**{"head": "discrete", **changes})


def test_weights_that_are_no_numbers_are_refused():
    policy = small_policy()
    arrays = {**policy.arrays(), "bias_0": np.full(8, np.nan, np.float32)}
    with pytest.raises(ValueError, match="bias_0 holds numbers that are not finite"):
        Policy.from_arrays(arrays, policy.specification())


@pytest.mark.parametrize("activation", ["tanh", "silu", "relu"])
def test_no_observation_makes_an_action_that_is_no_number(activation):
    largest = np.finfo(np.float32).max
    rows = np.stack([np.full(obs.SIZE, value, np.float32) for value in (largest, -largest, 0)])
    scale = np.full(obs.SIZE, 0.01, np.float32)
    policy = autoscaling_policy(
        activation=activation, mean=np.zeros(obs.SIZE, np.float32), scale=scale
    )
    steep = Policy(
        weights=tuple(weight * 100 for weight in policy.weights),
        biases=policy.biases,
        head="band",
        activation=activation,
    )
    for each in (policy, steep):
        assert (np.abs(each.act(rows)) <= MAX_MACHINES).all()


@given(
    st.integers(0, 100_000),
    st.floats(0, 12, width=32),
    st.floats(-5, 5, width=32),
    st.floats(-5, 5, width=32),
)
def test_a_band_moves_the_fleet_just_into_it(fleet, level, wanted, spread):
    row = np.zeros((1, obs.SIZE), np.float32)
    row[0, :2] = level, np.log1p(np.float32(fleet))
    after = fleet + int(band_action(row, np.array([[wanted, spread]], np.float32))[0])
    limit = math.log1p(MAX_MACHINES)
    low = math.ceil(math.expm1(min(max(level + wanted, 0.0), limit)))
    top = math.expm1(min(max(level + wanted + max(spread, 0.0), 0.0), limit))
    high = max(low, math.ceil(top))
    assert after == min(max(fleet, low), high)


# Decisions


def test_a_decision_keeps_to_the_limits_of_its_state():
    load = daily_load(300)
    bold = autoscaling_policy("levels", outputs=2, levels=(-500, 500), seed=2)
    for low, high in ((1, 0), (3, 14), (200, 200), (0, 0)):
        decision = Controller(bold).decide(
            parsed(load=load, min_machines=low, max_machines=high, active=20, pending=[0, 2])
        )
        assert low <= decision.desired <= (high or 1000)
        assert decision.action == decision.desired - 22


def test_an_action_that_is_a_number_of_machines_is_taken_as_one():
    policy = autoscaling_policy("discrete", outputs=40)
    asked = parsed(active=10, pending=[])
    observed = Controller(policy).observe(asked, asked.load)
    chosen = int(policy.act(observed[None])[0])
    decision = Controller(policy).decide(asked)
    assert (decision.desired, decision.action) == (min(chosen, 18), min(chosen, 18) - 10)


def test_a_policy_for_something_else_is_refused():
    with pytest.raises(ValueError, match="takes 4 numbers"):
        Controller(small_policy("band", outputs=2))
    with pytest.raises(ValueError, match="not numbers of machines"):
        controller("continuous", low=(0.0, 0.0), high=(1.0, 1.0))


@pytest.mark.parametrize("fleet", [0, 1, 2, 1000, 4095, 4096, 65_535, 99_999])
def test_a_fleet_of_any_size_is_brought_to_the_same_number(fleet):
    policy = Policy(
        (np.zeros((obs.SIZE, 2), np.float32),), (np.array([0.25, 0.0], np.float32),), "band"
    )
    load = [25_000.0] * 90
    desired = {
        Controller(policy).decide(parsed(load=load, active=active, pending=[])).desired
        for active in (fleet, 128)
    }
    assert desired == {math.ceil(101 * math.exp(0.25) - 1)}


# Requests


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return autoscaling_artifact(tmp_path_factory.mktemp("artifact") / "model")


def test_requests_are_answered_in_either_form(artifact):
    inference = Inference.load(artifact)
    status, answer = inference.respond({"states": [state(), state(active=40)]})
    assert status == 200
    assert set(answer) == {"actions", "desired", "memory", "model_version"}
    assert [len(value) for key, value in answer.items() if key != "model_version"] == [2, 2, 2]
    status, answer = inference.respond({"observations": [[0.5] * obs.SIZE]})
    assert (status, set(answer)) == (200, {"actions", "model_version"})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, "body"),
        ([], "body"),
        ({}, "body"),
        ({"states": [state()], "observations": [[0.0] * obs.SIZE]}, "body"),
        ({"states": [state()], "other": 1}, "other"),
        ({"states": state()}, "states"),
        ({"states": []}, "states"),
        ({"states": [state()] * 1001}, "states"),
        ({"states": [state(), 5]}, "states[1]"),
        ({"observations": []}, "observations"),
        ({"observations": [[0.0] * obs.SIZE] * 10_001}, "observations"),
        ({"observations": [[0.0] * obs.SIZE, [0.0]]}, "observations[1]"),
        ({"observations": [[0.0] * (obs.SIZE - 1) + [True]]}, "observations[0]"),
        ({"observations": [[0.0] * (obs.SIZE - 1) + [math.nan]]}, "observations[0]"),
        ({"observations": [[1e39] + [0.0] * (obs.SIZE - 1)]}, "observations[0]"),
        ({"observations": [[10**400] + [0.0] * (obs.SIZE - 1)]}, "observations"),
    ],
)
def test_a_wrong_request_is_refused_with_the_field(artifact, body, field):
    status, answer = Inference.load(artifact).respond(body)
    assert status == 400
    assert answer["error"]["code"] == "InvalidRequest"
    assert answer["error"]["field"] == field


def test_states_need_a_policy_for_states(tmp_path):
    inference = Inference.load(cartpole_artifact(tmp_path / "model"))
    status, answer = inference.respond({"states": [state()]})
    assert (status, answer["error"]["field"]) == (400, "states")
    assert 'send {"observations": [...]}' in answer["error"]["message"]
    assert inference.respond({"observations": observations(3).tolist()})[0] == 200


def test_the_version_stands_for_what_decides(artifact):
    manifest = json.loads((artifact / "manifest.json").read_text())
    version = model_version(manifest)
    assert len(version) == 12
    assert version == model_version({**manifest, "figures": {"evaluation": {"J": 1}}, "seed": 7})
    for name in ("policy.npz", "code/controller/guard.py"):
        changed = {**manifest, "files": {**manifest["files"], name: "0" * 64}}
        assert model_version(changed) != version


def test_another_observation_is_refused(artifact):
    manifest = json.loads((artifact / "manifest.json").read_text())
    manifest["environment"]["version"] = "observation 0"
    with pytest.raises(ValueError, match="version 'observation 0', its code computes"):
        Inference(autoscaling_policy(), manifest)


ALONE = f"""
import importlib.util, json, pathlib, sys
sys.modules.update(dict.fromkeys({("autoscaling_rl", "orjson", "uvicorn", *HEAVY)!r}))
folder = pathlib.Path(sys.argv[1])
code = folder / "code/controller"
spec = importlib.util.spec_from_file_location(
    "policy_code", code / "__init__.py", submodule_search_locations=[str(code)]
)
sys.modules["policy_code"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
inference = importlib.import_module("policy_code.inference").Inference.load(folder)
print(json.dumps(inference.respond(json.load(sys.stdin))))
"""


def test_the_code_in_the_artifact_needs_numpy_alone(artifact):
    """In a process that can import nothing else of ours, from the artifact's folder."""
    request = {"states": [state(daily_load(2000)), state(active=40, warmup_minutes=9)]}
    answer = subprocess.run(
        [sys.executable, "-B", "-c", ALONE, str(artifact)],
        input=json.dumps(request),
        cwd=artifact,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(answer.stdout) == list(Inference.load(artifact).respond(request))
