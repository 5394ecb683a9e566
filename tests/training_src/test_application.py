"""The endpoint's application, alone: whatever is asked gets an answer that says what is wrong."""

import gzip
import json
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaling_rl.controller import observation as obs
from autoscaling_rl.controller.state import KEYS
from autoscaling_rl.serving import requests
from autoscaling_rl.serving.application import Application
from autoscaling_rl.serving.model import Model
from tests.training_src.endpoints import (
    AS_JSON,
    autoscaling_artifact,
    post,
)

CASES = settings(max_examples=max(200, settings().max_examples))


@pytest.fixture(scope="session")
def artifact(tmp_path_factory):
    return autoscaling_artifact(tmp_path_factory.mktemp("serving") / "model")


@pytest.fixture(scope="session")
def application(artifact):
    model = Model(artifact)
    model.load()
    assert model.inference is not None
    made = Application(model)
    yield made
    made.close()


# Requests


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (None, 200),
        (b"", 200),
        (b"application/json", 200),
        (b"Application/JSON; charset=UTF-8", 200),
        (b'application/json;charset="utf-8";', 200),
        (b"application/json; charset=latin-1", 415),
        (b"application/jsonlines", 415),
        (b"text/csv", 415),
        (b"application/octet-stream", 415),
        (b"\xff\xfe", 415),
    ],
)
def test_the_content_type_must_be_json(application, kind, status):
    headers = [] if kind is None else [(b"content-type", kind)]
    body = json.dumps({"observations": [[0.0] * obs.SIZE]}).encode()
    found, _, answer = post(application, body, headers)
    assert found == status
    assert status == 200 or answer["error"]["field"] == "Content-Type"


def test_a_compressed_body_is_refused(application):
    headers = [*AS_JSON, (b"content-encoding", b"gzip")]
    status, _, answer = post(application, gzip.compress(b"{}"), headers)
    assert (status, answer["error"]["field"]) == (415, "Content-Encoding")
    assert post(application, b"{}", [(b"content-encoding", b"identity")])[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"{",
        b"nonsense",
        b"\xff\xfe{}",
        b'{"observations": "\xed\xa0\x80"}',
        b'"\\ud800"',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"observations": [[NaN]]}',
        b'{"observations": [[Infinity]]}',
        b'{"observations": [[1e999]]}',
        b'{"observations": [[' + b"9" * 5000 + b"]]}",
        b'{"observations": [], "observations": [[1]]}',
        b'{"states": [{"timestamp": "2026", "load": [1], "active": 1, "capacity": 1e-999}]}',
        b"null",
        b"0",
        b"[]",
        b"{}",
    ],
)
def test_a_bad_body_is_a_mistake_of_the_client(application, body):
    status, _, answer = post(application, body)
    assert status == 400
    assert set(answer["error"]) == {"code", "message", "field"}


def test_the_last_of_equal_keys_counts(application):
    row = json.dumps([0.5] * obs.SIZE).encode()
    assert post(application, b'{"observations": 5, "observations": [%b]}' % row)[0] == 200


def test_parts_of_a_body_are_put_together(application):
    body = json.dumps({"observations": [[0.25] * obs.SIZE] * 300}).encode()
    assert post(application, body, size=1000)[2] == post(application, body)[2]


def test_limits_of_the_body(application, monkeypatch):
    monkeypatch.setattr(requests, "LARGEST_BODY", 1000)
    monkeypatch.setattr(requests, "LARGEST_DISCARDED", 5000)
    assert post(application, b" " * 1000)[0] == 400
    for size, headers, close in (
        (1001, [], None),
        (4000, [], None),
        (9000, [], b"close"),
        (1001, [(b"content-length", b"1001")], None),
        (0, [(b"content-length", b"1001"), (b"expect", b"100-Continue")], b"close"),
        (0, [(b"content-length", b"5001")], b"close"),
    ):
        status, answered, _ = post(application, b" " * size, headers, size=700)
        assert (status, answered.get(b"connection")) == (413, close)


def test_a_request_that_ends_too_soon_is_not_answered(application):
    assert post(application, None) is None


def test_a_fault_of_ours_is_logged_and_told(artifact, caplog):
    class Faulty:
        version = "0"

        def respond(self, body):
            raise RuntimeError("broken")

    model = Model(artifact)
    model.inference = Faulty()
    status, _, answer = post(Application(model), b"{}")
    assert (status, answer["error"]["code"]) == (500, "InternalError")
    assert "broken" not in answer["error"]["message"]
    assert "RuntimeError: broken" in caplog.text


# All that can be asked

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(2**63), 2**64, 1e308, 5e-324, -0.0])
    | st.floats()
    | st.text(max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=20,
)
numbers = st.integers(0, 100) | st.floats(0, 1e12) | st.sampled_from([1e-6, 1e12, 5e-324])
plausible = {
    "timestamp": st.datetimes(datetime(1972, 1, 1), datetime(9998, 1, 1)).map(
        lambda moment: moment.isoformat()
    ),
    "load": st.lists(numbers, min_size=1, max_size=80),
    "active": st.integers(0, 990_000),
    "capacity": st.floats(1e-6, 1e12),
}
possible = {
    "pending": st.lists(st.integers(0, 50), max_size=70),
    "warmup_minutes": st.integers(0, 60),
    "failure_price": st.floats(0.01, 1e6),
    "min_machines": st.integers(0, 100),
    "max_machines": st.integers(0, 1_000_000),
    "memory": st.none(),
    "boot_minutes": st.lists(st.floats(0, 60), max_size=5),
    "launch_failure_rate": st.floats(0, 0.9),
    "metric_delay_minutes": st.integers(0, 60),
    "change_price": st.none() | st.floats(0, 1e6),
    "minimum_billed_minutes": st.none() | st.integers(0, 1440),
}
states = st.fixed_dictionaries(plausible, optional=possible)
odd_states = st.builds(
    lambda good, bad: {**good, **bad},
    states,
    st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), values, max_size=2),
)
rows = st.lists(numbers | scalars, min_size=obs.SIZE - 1, max_size=obs.SIZE + 1)
finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
bodies = st.one_of(
    values,
    st.fixed_dictionaries({"states": st.lists(states | odd_states, max_size=3) | values}),
    st.fixed_dictionaries({"observations": st.lists(rows, max_size=3) | values}),
    st.dictionaries(st.sampled_from(["states", "observations"]), values),
)


@CASES
@given(bodies)
def test_no_json_makes_the_endpoint_fail(application, body):
    try:
        raw = json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a lone surrogate: only its escape can be sent
        raw = json.dumps(body).encode()
    answered(application, raw)


@CASES
@given(st.lists(states, min_size=1, max_size=3))
def test_every_valid_state_is_decided_within_its_limits(application, asked):
    for each in asked:
        if 0 < each.get("max_machines", 0) < each.get("min_machines", 1):
            del each["max_machines"]
    status, answer = answered(application, json.dumps({"states": asked}).encode())
    assert status == 200, answer
    for each, action, desired in zip(asked, answer["actions"], answer["desired"], strict=True):
        assert desired >= each.get("min_machines", 1)
        assert desired <= (each.get("max_machines") or desired)
        assert desired - each["active"] - sum(each.get("pending", [])) == action


@CASES
@given(st.lists(st.dictionaries(st.integers(0, obs.SIZE - 1), finite), min_size=1, max_size=4))
def test_every_finite_observation_is_answered(application, changes):
    asked = [[row.get(place, 0.5) for place in range(obs.SIZE)] for row in changes]
    status, answer = answered(application, json.dumps({"observations": asked}).encode())
    assert status == 200
    assert len(answer["actions"]) == len(asked)
    assert all(abs(action) <= 1_000_000 for action in answer["actions"])


@CASES
@given(st.binary(max_size=200), st.sampled_from([b"", b'{"states": ', b'{"observations": [[']))
def test_no_bytes_make_the_endpoint_fail(application, tail, start):
    answered(application, start + tail)


def answered(application, raw):
    """Return status and answer to a body, which must be an answer or name what is wrong."""
    status, _, answer = post(application, raw)
    assert status in (200, 400), answer
    if status == 400:
        assert answer["error"]["code"] in ("InvalidRequest", "InvalidJson")
        assert answer["error"]["message"]
        assert isinstance(answer["error"]["field"], str)
    return status, answer
