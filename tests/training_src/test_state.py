"""States in a request: parsed as the contract says, or refused with the field."""

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autoscaling_rl.controller.state import (
    KEYS,
    LARGEST_FLEET,
    LONGEST_LOAD,
    InvalidRequest,
    State,
    parse_state,
)
from tests.training_src.endpoints import (
    state,
)
from tests.training_src.requests import junk, outcome, parsed, refused


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
        ({"boot_minutes": 5}, "boot_minutes"),
        ({"boot_minutes": [5, -1]}, "boot_minutes[1]"),
        ({"boot_minutes": [5] * 1025}, "boot_minutes"),
        ({"launch_failure_rate": 0.95}, "launch_failure_rate"),
        ({"metric_delay_minutes": 61}, "metric_delay_minutes"),
        ({"metric_delay_minutes": 1.5}, "metric_delay_minutes"),
        ({"change_price": -1}, "change_price"),
        ({"minimum_billed_minutes": 1441}, "minimum_billed_minutes"),
    ],
)
def test_a_wrong_state_is_refused_with_the_field(changes, field):
    assert refused(parsed, **changes)[0] == f"states[0].{field}"


def test_boot_times_tell_the_warm_up_if_it_is_not_given():
    assert parsed(boot_minutes=[2, 7.5, 9]).warmup_minutes == 8
    assert parsed(boot_minutes=[2, 7.5, 9], warmup_minutes=3).warmup_minutes == 3
    assert parsed(boot_minutes=[2, 7.5, 9]).boot_minutes == (2.0, 7.5, 9.0)


def test_load_that_comes_late_ends_before_the_minute_to_decide_for():
    assert parsed(metric_delay_minutes=4).minute == parsed().minute - 4


def test_what_is_not_said_of_prices_is_left_to_the_model():
    assert (parsed().change_price, parsed().minimum_billed_minutes) == (None, None)
    assert parsed(change_price=0).change_price == 0.0
    assert parsed(change_price=None, minimum_billed_minutes=60).minimum_billed_minutes == 60


@pytest.mark.parametrize("key", ["timestamp", "active", "capacity"])
def test_what_is_needed_must_be_there(key):
    raw = state()
    del raw[key]
    assert refused(parse_state, raw, "s") == (f"s.{key}", "this key is required")
    assert refused(parse_state, [raw], "s") == ("s", "a state must be an object")


@given(
    st.datetimes(datetime(1972, 1, 1), datetime(9998, 1, 1)),
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
