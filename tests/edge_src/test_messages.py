"""Messages are answered, or refused with the field."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl.controller.state import InvalidRequest, parse_state
from edge_policy.messages import MOST_BYTES, Refused, parse
from edge_policy.timeline import LONGEST
from tests.edge_src.support import START, state


def refused(message):
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    with pytest.raises(Refused) as caught:
        parse(payload)
    assert "\n" not in caught.value.message
    return caught.value


def test_a_state_is_read():
    message = parse(json.dumps(state(300, 3, max_machines=50, memory="dropped")).encode())
    assert (message.id, message.minute, message.decided) == ("state-300", START + 300, START + 300)
    assert (message.fleet, message.capacity, message.least, message.most) == (22, 250.0, 1, 50)
    assert message.load.shape == (3,)
    assert not {"id", "memory"} & set(message.state)


def test_metrics_that_come_late_are_of_earlier_minutes():
    message = parse(json.dumps(state(300, metric_delay_minutes=4)).encode())
    assert (message.minute, message.decided) == (START + 296, START + 300)


def test_missing_minutes_are_nan():
    message = parse(json.dumps({**state(300), "load": [1, None, 2.5, 0]}).encode())
    assert np.array_equal(message.load, [1, np.nan, 2.5, 0], equal_nan=True)
    assert parse(json.dumps({**state(300), "load": []}).encode()).load.size == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": 5}, "timestamp"),
        ({"timestamp": None}, "timestamp"),
        ({"active": -1}, "active"),
        ({"active": 1.5}, "active"),
        ({"active": True}, "active"),
        ({"active": "12"}, "active"),
        ({"active": 10**400}, "active"),
        ({"pending": 3}, "pending"),
        ({"pending": [0, "x"]}, "pending[1]"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": float("nan")}, "capacity"),
        ({"load": 5}, "load"),
        ({"load": ["5"]}, "load"),
        ({"load": [True]}, "load"),
        ({"load": [-1]}, "load"),
        ({"load": [1e13]}, "load"),
        ({"load": [10**400]}, "load"),
        ({"load": [float("inf")]}, "load"),
        ({"load": [float("nan")]}, "load"),
        ({"load": [1] * (LONGEST + 1)}, "load"),
        ({"min_machines": -1}, "min_machines"),
        ({"max_machines": 1e9}, "max_machines"),
        ({"metric_delay_minutes": 61}, "metric_delay_minutes"),
        ({"id": [1]}, "id"),
        ({"id": "x" * 300}, "id"),
        ({"observations": [[1]]}, "observations"),
    ],
)
def test_what_is_wrong_is_refused_with_the_field(change, field):
    error = refused({**state(300), **change})
    assert (error.where, error.code) == (field, "InvalidRequest")


@pytest.mark.parametrize("key", ["timestamp", "active", "capacity"])
def test_what_is_missing_is_refused(key):
    message = state(300)
    del message[key]
    error = refused(message)
    assert error.where == key
    assert error.id == "state-300"


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"5", b"\xff", b"[" * 100_000, b'"x"'])
def test_what_is_no_object_is_refused(payload):
    assert refused(payload).where is None


def test_too_long_a_message_is_refused():
    assert refused(b" " * (MOST_BYTES + 1)).code == "TooLarge"


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from([*state(300), "min_machines", "max_machines"]), values)
def test_it_refuses_no_more_and_reads_no_less_than_the_models_code(key, value):
    """Whatever the artifact's code takes is taken here, with the same fleet and minute."""
    raw = {**state(300, 5), key: value}
    try:
        message = parse(json.dumps(raw).encode())
    except Refused:
        message = None
    told = {name: each for name, each in raw.items() if name != "id"}
    try:
        parsed = parse_state(told, "state")
    except InvalidRequest:
        return
    if key != "id":
        assert message is not None
        assert message.minute == parsed.minute
        assert message.fleet == parsed.active + sum(parsed.pending)
        assert np.array_equal(message.load, parsed.load, equal_nan=True)
