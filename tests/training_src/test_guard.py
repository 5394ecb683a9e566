"""The guard rails: what they let through, what they change, and that they say so."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autoscaling_rl.controller.guard import (
    DEFAULTS,
    DOUBTS,
    GUARDS,
    NEVER,
    GuardSettings,
    Situation,
    doubts,
    guard,
    highest,
    paced,
    reactive,
)
from autoscaling_rl.controller.state import LARGEST_FLEET

NAN = math.nan
CALM = Situation(fleet=12, load=np.full(120, 1000.0), capacity=100.0)

loads = st.lists(st.one_of(st.just(NAN), st.floats(0, 1e12)), max_size=90)
minutes = st.one_of(st.just(NEVER), st.integers(0, 40))
settings = st.builds(
    GuardSettings,
    peak_factor=st.floats(1, 5),
    most_added=st.integers(0, 9),
    most_removed=st.integers(0, 9),
    out_cooldown_minutes=st.integers(0, 30),
    in_cooldown_minutes=st.integers(0, 30),
    reactive_target=st.floats(0.05, 1),
    reactive_minutes=st.integers(1, 100),
    stale_minutes=st.integers(1, 30),
    missing_share=st.floats(0, 1),
    short_minutes=st.integers(0, 100),
    range_limit=st.floats(0, 9),
    spread_limit=st.floats(0, 9),
)
situations = st.builds(
    Situation,
    fleet=st.integers(0, LARGEST_FLEET),
    load=loads.map(lambda rest: np.array([5.0, *rest])),
    capacity=st.floats(1e-6, 1e12),
    min_machines=st.integers(0, 50),
    max_machines=st.one_of(st.just(0), st.integers(50, LARGEST_FLEET)),
    since_added=minutes,
    since_removed=minutes,
    outside=st.floats(0, 20),
    spread=st.floats(0, 20),
)


NO_PACE = dict.fromkeys(
    ("most_added", "most_removed", "out_cooldown_minutes", "in_cooldown_minutes"), 0
)


@given(st.integers(-(10**7), 10**7), situations, st.one_of(settings, st.just(DEFAULTS)))
def test_limits_hold_whatever_is_wanted(proposal, situation, chosen):
    found = guard(proposal, situation, chosen)
    most = situation.max_machines or math.inf
    assert situation.min_machines <= found.desired <= most
    assert found.proposal == proposal
    if not found.doubts and chosen == replace(chosen, **NO_PACE):
        peak = highest(situation.load, situation.capacity, chosen)
        assert found.desired <= max(peak, situation.min_machines)


@given(st.integers(-(10**7), 10**7), situations, settings)
def test_every_change_is_told(proposal, situation, chosen):
    found, told = guard(proposal, situation, chosen), proposal
    for _, before, after in found.changes:
        assert before == told != after
        told = after
    assert told == found.desired
    names = [name for name, _, _ in found.changes]
    assert names == sorted(names, key=GUARDS.index)
    assert found.fallback == ("floor" in names and found.desired > proposal)
    assert not found.fallback or found.doubts


@given(st.integers(-100, 100), situations, settings)
def test_more_wanted_is_never_less_granted(proposal, situation, chosen):
    least, more = (guard(proposal + add, situation, chosen).desired for add in (0, 1))
    assert least <= more


@given(st.integers(0, 10**6), situations, settings)
def test_in_doubt_the_reactive_rule_is_the_least(proposal, situation, chosen):
    found = guard(proposal, replace(situation, max_machines=0), chosen)
    if found.doubts:
        assert found.desired >= reactive(situation.load, situation.capacity, chosen)
    if "stale" in found.doubts:
        assert found.desired >= situation.fleet


@given(
    st.integers(0, 1000),
    st.integers(0, 1000),
    minutes,
    minutes,
    *[st.integers(0, 20) for _ in range(4)],
)
def test_the_pace_is_kept(desired, fleet, added, removed, most_in, most_out, wait_in, wait_out):
    found = paced(desired, fleet, added, removed, most_in, most_out, wait_in, wait_out)
    assert min(desired, fleet) <= found <= max(desired, fleet)
    if most_in:
        assert found - fleet <= most_in
    if most_out:
        assert fleet - found <= most_out
    if added < wait_in:
        assert found <= fleet
    if min(added, removed) < wait_out:
        assert found >= fleet
    if added >= wait_in and min(added, removed) >= wait_out and not (most_in or most_out):
        assert found == desired


@given(situations)
def test_the_defaults_change_nothing_of_a_sound_decision(situation):
    sound = replace(situation, load=np.full(90, 1000.0), capacity=100.0, outside=1.0, spread=1.0)
    for proposal in range(situation.min_machines, 16):
        assume(proposal >= 1)
        found = guard(proposal, sound)
        assert (found.desired, found.doubts, found.changes) == (proposal, (), ())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"load": np.array([1000.0] * 100 + [NAN] * 3)}, "stale"),
        ({"load": np.array([1000.0, NAN, NAN, NAN] * 70 + [1000.0])}, "missing"),
        ({"load": np.full(59, 1000.0)}, "short"),
        ({"outside": 1.01}, "range"),
        ({"spread": 1.01}, "uncertain"),
    ],
    ids=DOUBTS,
)
def test_each_doubt_is_named_and_covered_by_the_reactive_rule(changes, reason):
    situation = replace(CALM, **changes)
    assert doubts(situation) == (reason,)
    found = guard(3, situation)
    assert (found.desired, found.fallback) == (17, True)  # 10 would just serve the load
    assert found.changes == (("floor", 3, 17),)
    assert doubts(CALM) == ()
    assert guard(3, CALM).desired == 3


def test_without_new_load_no_machine_is_removed():
    load = np.array([900.0] * 100 + [300.0] * 20 + [NAN] * 5)
    stale = replace(CALM, load=load, fleet=12)
    assert guard(4, stale).changes == (("floor", 4, 12),)
    assert guard(13, stale).desired == 13
    # Nor by what else would hold it back: 14 machines are half above the highest load known.
    assert guard(4, replace(stale, fleet=90)).desired == 90
    assert guard(99, CALM).changes == (("peak", 99, 15),)
    # Two missing minutes are not stale yet.
    assert guard(4, replace(stale, load=load[:-3])).desired == 4


def test_the_reactive_rule_looks_at_the_highest_load_of_a_quarter_of_an_hour():
    load = np.full(100, 600.0)
    load[-15] = 1200.0
    assert reactive(load, 100.0) == 20
    assert reactive(np.append(load, 600.0), 100.0) == 10
    assert reactive(np.append(load, [NAN] * 40), 100.0) == 10  # the last one that is known
    # What is missing has the load before it.
    assert reactive(np.append(load, [*[NAN] * 14, 10.0]), 100.0) == 10
    assert reactive(np.array([*[5000.0] * 60, *[NAN] * 20, 10.0]), 100.0) == 84


@pytest.mark.parametrize("settings", [{"stale_minutes": 61, "missing_share": 1}, {}])
def test_long_gaps_are_seen(settings):
    load = np.array([*[1000.0] * 3000, *[NAN] * 300])
    found = guard(10, replace(CALM, load=load, fleet=40), GuardSettings.of(settings))
    assert "stale" in found.doubts
    assert found.desired == 40


def test_a_little_load_among_nothing_is_little():
    load = np.array([5.0, *[NAN] * 10_000, *[1000.0] * 48])
    assert "short" in doubts(replace(CALM, load=load))
    assert "short" not in doubts(replace(CALM, load=np.append(load, [1000.0] * 20)))


@given(
    st.lists(st.sampled_from([(1000.0, 1), (NAN, 1), (1000.0, 70), (NAN, 70)]), min_size=1),
    st.integers(1, 200),
    st.integers(0, 200),
)
def test_doubts_of_a_load_are_what_their_words_say(parts, stale, short):
    load = np.array([each for value, count in parts for each in [value] * count])
    settings = GuardSettings(stale_minutes=stale, short_minutes=short)
    known = np.flatnonzero(~np.isnan(load))
    since = len(load) - 1 - int(known[-1]) if known.size else len(load)
    expected = {
        "stale": since >= stale,
        "missing": float(np.isnan(load[-60:]).mean()) > settings.missing_share,
        "short": len(known) < short,
    }
    found = doubts(replace(CALM, load=load), settings)
    assert found == tuple(name for name, there in expected.items() if there)


def test_no_pace_holds_back_what_doubts_ask_for():
    load = np.array([2000.0] * 100 + [NAN] * 5)
    slow = GuardSettings(out_cooldown_minutes=5, most_added=1)
    found = guard(1, replace(CALM, load=load, fleet=1, since_added=0), slow)
    assert (found.desired, found.fallback) == (34, True)


def test_settings_are_read_and_written():
    given = {"most_added": 3, "range_limit": 20}
    chosen = GuardSettings.of(given)
    assert chosen == GuardSettings(most_added=3, range_limit=20.0)
    assert GuardSettings.of(chosen.specification()) == chosen
    assert GuardSettings.of({}) == DEFAULTS


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"most_add": 1}, "unknown setting 'most_add', known are peak_factor, most_added"),
        ({"most_added": 1.5}, "most_added must be a whole number from 0 to 1000000"),
        ({"most_added": True}, "most_added must be a whole number"),
        ({"reactive_target": 0}, "reactive_target must be a number from 0.05 to 1.0"),
        ({"peak_factor": "2"}, "peak_factor must be a number from 1.0 to 1000.0"),
        ({"range_limit": NAN}, "range_limit must be a number"),
        (
            {"in_cooldown_minutes": 10**9},
            "in_cooldown_minutes must be a whole number from 0 to 10080",
        ),
    ],
    ids=str,
)
def test_wrong_settings_are_refused(given, message):
    with pytest.raises(ValueError, match=f"^guard: {message}"):
        GuardSettings.of(given)
