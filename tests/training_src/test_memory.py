"""The memory of an answer: it joins the load that follows, and nothing forged is taken."""

import base64
import hashlib
import math
import struct
import zlib
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl.controller import memory
from autoscaling_rl.controller.controller import Controller
from autoscaling_rl.controller.state import (
    LONGEST_LOAD,
)
from tests.training_src.endpoints import (
    autoscaling_policy,
    daily_load,
)
from tests.training_src.requests import parsed, refused


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


def forged(*, version=memory.VERSION, count=None, load=(1.0,), more=None, packed=b""):
    """Return memory with a right checksum, which anyone can compute."""
    extra = b"extra"
    counted = len(load) if count is None else count
    head = struct.pack("<BqII", version, 29459520, counted, len(extra) if more is None else more)
    packed = packed or zlib.compress(head + np.array(load, "<f8").tobytes() + extra)
    return base64.b64encode(hashlib.sha256(packed).digest()[:8] + packed).decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"version": memory.VERSION - 1},
        {"version": memory.VERSION + 1},
        {"load": ()},
        {"load": (math.nan,)},
        {"load": (-1.0, 1.0)},
        {"load": (math.inf,)},
        {"load": (1e13,)},
        {"count": 3},
        {"count": 0},
        {"more": 4},
        {"more": 1 << 30},
        {"packed": b"not compressed"},
        {"packed": zlib.compress(b"short")},
        {"load": (0.0,) * (LONGEST_LOAD + 1)},
        {"load": (0.0,) * 3_000_000},
    ],
)
def test_forged_memory_is_refused(changes):
    # Nothing but the change is wrong with it.
    assert memory.recall(forged(), "memory").extra == b"extra"
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
    decider = Controller(autoscaling_policy())
    first = decider.decide(parsed())
    assert decider.decide(parsed(load=[], memory=first.memory)) == first
