"""Which time a message is of: pauses, late minutes, backlogs, and clocks that are wrong."""

import numpy as np
import pytest

from edge_policy.places import MORE_STRAYS, STRAYS
from tests.edge_src.support import (
    LOAD,
    START,
    agrees,
    ask,
    core,
    events,
    reference,
    state,
    timestamp,
)


def test_a_clock_that_jumped_ahead_leaves_no_cool_down(tmp_path, offered):
    now = [60.0 * (START + 152)]
    guard = {"out_cooldown_minutes": 3}
    device = core(tmp_path, offered["bank"], clock=lambda: now[0], Guard=guard)
    few = {"active": 1, "pending": []}
    ask(device, state(150, 150))
    ahead = {**state(151, **few), "timestamp": timestamp(START + 151 + 5000)}
    assert ask(device, ahead)["action"] > 0
    answers = [ask(device, state(minute, **few))["action"] for minute in range(151, 162)]
    assert sum(each > 0 for each in answers) >= 2
    device = core(tmp_path, offered["bank"], clock=lambda: now[0], Guard=guard)
    assert any(ask(device, state(now, **few))["action"] > 0 for now in range(162, 166))


def test_a_first_minute_that_cannot_be_begins_no_history(tmp_path, offered):
    for name in (None, "bank"):
        device = core(tmp_path / str(name), name and offered[name])
        for moment in ("0001-01-01T00:00Z", "9999-12-31T23:59Z"):
            error = ask(device, {**state(100, 100), "timestamp": moment})["error"]
            assert error["field"] == "timestamp"
        assert ask(device, state(100, 100))["fallback"] == (name is None)
        assert device.decider.history.timeline.minute == START + 100


def test_a_late_minute_is_answered_and_fills_its_gap(tmp_path, offered, folders):
    device = core(tmp_path, offered["bank"])
    ask(device, state(150, 150))
    ask(device, state(152))  # overtook the one below
    late = ask(device, state(151))
    assert agrees(late, reference(folders["bank"], 151))
    assert device.decider.history.timeline.minute == START + 152
    assert agrees(ask(device, state(153)), reference(folders["bank"], 153))
    device = core(tmp_path, offered["bank"])
    assert np.array_equal(device.decider.history.timeline.load, LOAD[:153])


def test_a_clock_that_was_put_right_is_believed_after_some_minutes(tmp_path, offered, folders):
    wrong = 20 * 1440  # minutes ahead
    now = [60.0 * (START + 200)]
    device = core(tmp_path, offered["bank"], clock=lambda: now[0])
    ask(device, state(100, 100))
    ask(device, {**state(101), "timestamp": timestamp(START + 101 + wrong)})
    assert len(device.decider.history.timeline.load) == 100  # one bad clock loses no history
    assert agrees(ask(device, state(101)), reference(folders["bank"], 101))
    # The device's clock was wrong from the start, and is put right.
    device = core(tmp_path / "other", offered["bank"], clock=lambda: now[0])
    ask(device, {**state(190, 190), "timestamp": timestamp(START + 190 + 500)})
    for minute in range(191, 191 + STRAYS):
        answer = ask(device, state(minute, minute))
        assert agrees(answer, reference(folders["bank"], minute))
    assert device.decider.history.timeline.minute == START + 190 + STRAYS
    assert [each["type"] for each in events(device)].count("clock") == 1


def test_old_messages_in_a_row_are_a_clock_unless_newer_ones_go_on(tmp_path, offered):
    device = core(tmp_path, clock=lambda: 60.0 * (START + 10_000))  # a clock that is wrong
    ask(device, state(500, 500))
    for minute in range(300, 300 + MORE_STRAYS):
        assert device.decider.history.timeline.minute == START + 500
        ask(device, state(minute))
    assert device.decider.history.timeline.minute == START + 300 + MORE_STRAYS - 1
    for minute in range(360, 400):
        ask(device, state(minute))
    assert device.decider.history.timeline.minute == START + 399
    ask(device, state(501))  # it was a backlog
    assert np.array_equal(device.decider.history.timeline.load, LOAD[:501])
    device = core(tmp_path)
    assert np.array_equal(device.decider.history.timeline.load, LOAD[:501])


@pytest.mark.parametrize("clock", ["right", "wrong"])
@pytest.mark.parametrize("ahead", [20, 1200, 13 * 1440, 20 * 1440, -60, -400_000])
def test_a_wrong_time_changes_nothing_that_is_known(tmp_path, offered, folders, ahead, clock):
    now = [60.0 * (START + 150) if clock == "right" else 0.0]
    device = core(tmp_path, offered["bank"], clock=lambda: now[0])
    ask(device, state(150, 150))
    wrong = {**state(151), "timestamp": timestamp(START + 151 + ahead)}
    for count in (1, 2):
        for _ in range(count):
            assert ask(device, {**wrong, "warmup_minutes": -1})["error"]["field"]
            assert ask(device, wrong)["source"] == "model"
        minute = 150 + count
        assert agrees(ask(device, state(minute)), reference(folders["bank"], minute))
        assert np.array_equal(device.decider.history.timeline.load, LOAD[:minute])
    device = core(tmp_path, offered["bank"])
    assert np.array_equal(device.decider.history.timeline.load, LOAD[:152])


@pytest.mark.parametrize("off", [0, -100_000], ids=["right", "wrong"])
def test_a_pause_is_believed_if_the_clock_moved_on_as_well(tmp_path, offered, folders, off):
    now = [60.0 * (START + 150 + off)]
    device, load = core(tmp_path, offered["bank"], clock=lambda: now[0]), LOAD.copy()
    ask(device, state(150, 150))
    load[150:399] = np.nan
    now[0] += 60 * 250
    assert agrees(ask(device, state(400)), reference(folders["bank"], 400, load=load))
    assert device.decider.history.timeline.minute == START + 400


@pytest.mark.parametrize("every", [1, 15])
def test_a_replay_with_a_hole_is_believed(tmp_path, offered, folders, every):
    """Simulated minutes pass faster than those of this machine's clock."""
    device, load = core(tmp_path, offered["bank"]), np.full(800, np.nan)
    load[:150] = LOAD[:150]
    ask(device, state(150, 150))
    for minute in range(400, 800, every):
        load[minute - 1] = LOAD[minute - 1]
        answer = ask(device, state(minute))
        assert device.decider.history.timeline.minute == START + minute
        if minute % 50 == 0:
            assert agrees(answer, reference(folders["bank"], minute, load=load))
    device = core(tmp_path, offered["bank"])
    assert np.array_equal(device.decider.history.timeline.load, load[:minute], equal_nan=True)


def test_two_weeks_in_parts_are_known_but_for_one_that_is_lost(tmp_path):
    now = [60.0 * (START + 2000)]
    device, load = core(tmp_path, clock=lambda: now[0]), LOAD[:2000].copy()
    for end in range(100, 2001, 100):
        if end in (200, 1900):
            load[end - 100 : end] = np.nan
        else:
            ask(device, state(end, 100))
    now[0] += 60
    ask(device, state(2001))
    assert np.array_equal(
        device.decider.history.timeline.load, np.append(load, LOAD[2000]), equal_nan=True
    )


def test_messages_that_waited_are_known_when_the_clock_is_right_again(tmp_path):
    now = [60.0 * (START + 600)]
    device, load = core(tmp_path, clock=lambda: now[0]), LOAD[:700].copy()
    ask(device, state(500, 500))
    load[500:520] = np.nan
    for minute in range(521, 600):  # all at once, after a silence
        ask(device, state(minute))
    for minute in range(600, 701):
        now[0] = 60.0 * (START + minute)
        ask(device, state(minute))
    assert np.array_equal(device.decider.history.timeline.load, load, equal_nan=True)


def test_late_minutes_in_a_row_cost_none_that_is_known(tmp_path):
    device, load = core(tmp_path), LOAD[:302].copy()
    ask(device, state(290, 290))
    load[290:299] = np.nan
    ask(device, state(300))
    for minute in range(295, 300):
        load[minute - 1] = LOAD[minute - 1]
        ask(device, state(minute))
    for minute in (301, 302):
        ask(device, state(minute))
    assert np.array_equal(device.decider.history.timeline.load, load, equal_nan=True)


def test_an_hour_that_a_clock_was_ahead_is_told_anew(tmp_path):
    now = [0.0]  # this machine's own clock is wrong
    device = core(tmp_path, clock=lambda: now[0])
    ask(device, state(500, 500))
    for minute in range(501, 700):
        now[0] += 60
        ahead = 60 * (minute < 561)
        ask(device, {**state(minute), "timestamp": timestamp(START + minute + ahead)})
    told = device.decider.history.timeline.load
    assert np.array_equal(told[560:], LOAD[560:699])
    assert device.decider.history.timeline.minute == START + 699


def test_a_fleet_that_was_changed_at_a_wrong_time_has_just_been(tmp_path, offered):
    device = core(tmp_path, offered["bank"], Guard={"out_cooldown_minutes": 10})
    few = {"active": 1, "pending": []}
    ask(device, state(150, 150, active=60))
    wrong = {**state(151, 151, **few), "timestamp": timestamp(START + 251)}
    assert ask(device, wrong)["action"] > 0
    added = [ask(device, state(now, 151, **few))["action"] > 0 for now in range(152, 163)]
    assert added == [False] * 9 + [True, False]
    assert device.decider.history.timeline.minute == START + 162


def test_a_fleet_that_was_changed_aside_was_changed(tmp_path, offered):
    device = core(tmp_path, offered["bank"], Guard={"out_cooldown_minutes": 10})
    few = {"active": 1, "pending": []}
    ask(device, state(149, 149, active=60))
    ask(device, state(151, active=60))  # overtook the one below
    assert ask(device, state(150, **few))["action"] > 0
    assert [ask(device, state(now, **few))["action"] > 0 for now in range(152, 162)] == (
        [False] * 9 + [True]
    )


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("delay", [0, 15])
def test_a_clock_is_put_right_by_the_third_minute(tmp_path, offered, copies, delay):
    """However often a minute is told, and however late metrics come, cool-downs do not last."""
    now = [60.0 * (START + 700)]
    guard = {"out_cooldown_minutes": 10}
    device = core(tmp_path, offered["bank"], clock=lambda: now[0], Guard=guard)
    few = {"active": 1, "pending": [], "metric_delay_minutes": delay}

    def told(minute, count=1, later=0):
        stamp = timestamp(START + minute + delay + later)
        return {**state(minute, count, **few), "timestamp": stamp}

    assert ask(device, told(200, 200, later=500))["action"] > 0  # hours ahead, and believed
    changed = []
    for minute in range(201, 226):
        now[0] = 60.0 * (START + minute + delay)
        changed += [ask(device, told(minute, 150))["action"] > 0 for _ in range(copies)][:1]
        assert (device.decider.history.timeline.minute < START + 500) == (minute > 200 + 2)
    assert changed.index(True) < 12
    later = np.flatnonzero(changed)
    assert (np.diff(later) == 10).all()
    assert len(later) >= 2
