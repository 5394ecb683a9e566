"""The load of two weeks: told in any order, kept over restarts, whenever the process ends."""

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_policy import files, records
from edge_policy.history import History
from edge_policy.timeline import LONGEST, NEVER, UNKNOWN, Timeline
from tests.edge_src.support import Ended, every_call

NAN = np.nan


def told(minute, *values):
    timeline = Timeline()
    timeline.tell(minute, np.array(values, np.float64))
    return timeline


def same(load, *values):
    return np.array_equal(load, np.array(values, np.float64), equal_nan=True)


def test_minutes_follow_one_another():
    timeline = told(100, 1, 2, 3)
    assert timeline.tell(101, np.array([4.0])) == 1
    assert same(timeline.load, 1, 2, 3, 4)
    assert timeline.minute == 101


def test_minutes_that_nobody_told_are_missing():
    timeline = told(100, 1, 2)
    assert timeline.tell(104, np.array([6.0])) == 1
    assert same(timeline.load, 1, 2, NAN, NAN, NAN, 6)
    assert timeline.tell(105, np.zeros(0)) == 0
    assert same(timeline.load, 1, 2, NAN, NAN, NAN, 6, NAN)


def test_the_same_minute_again_changes_nothing():
    timeline = told(100, 1, 2)
    revision = timeline.revision
    assert timeline.tell(100, np.array([2.0])) == 0
    assert timeline.tell(100, np.array([NAN, NAN])) == 0
    assert same(timeline.load, 1, 2)
    assert timeline.revision == revision


def test_what_is_told_later_fills_gaps_and_corrects():
    timeline = told(100, 1, NAN, 3)
    revision = timeline.revision
    assert timeline.tell(101, np.array([2.0, 30.0, 4.0])) == 3
    assert same(timeline.load, 1, 2, 30, 4)
    assert timeline.revision > revision
    assert timeline.tell(101, np.array([7.0, 8.0, 1, 2, 30, 4])) == 6
    assert same(timeline.load, 7, 8, 1, 2, 30, 4)


def test_two_weeks_are_kept():
    load = np.arange(float(LONGEST + 5))
    timeline = Timeline()
    timeline.tell(LONGEST, load[:LONGEST])
    for minute in range(LONGEST + 1, LONGEST + 6):
        timeline.tell(minute, load[minute - 1 : minute])
    assert np.array_equal(timeline.load, load[5:])
    assert timeline.tell(10 * LONGEST, np.array([5.0])) == 1
    assert same(timeline.load, 5)


def test_weeks_later_it_still_holds_the_last_two():
    load = np.arange(float(3 * LONGEST))
    timeline = told(0, 0)
    for minute in range(1, 2 * LONGEST + 50):
        assert timeline.tell(minute, load[minute : minute + 1]) == 1
        if minute % 997 == 0 or minute > 2 * LONGEST - 5:
            begin = max(0, minute + 1 - LONGEST)
            assert np.array_equal(timeline.load, load[begin : minute + 1])
    timeline.tell(minute + LONGEST - 1, np.array([5.0]))
    assert len(timeline.load) == LONGEST
    assert np.isnan(timeline.load[1:-1]).all()
    assert timeline.load[-1] == 5.0


def test_a_late_minute_fills_gaps_alone():
    timeline = told(100, 1, NAN, 3)
    assert not timeline.fill(98, np.array([9.0]))
    assert timeline.fill(99, np.array([9.0, 2.0]))
    assert not timeline.fill(50, np.array([9.0]))
    assert not timeline.fill(99, np.zeros(0))
    assert same(timeline.load, 1, 2, 3)


def test_it_can_be_seen_as_it_was():
    timeline = told(100, 1, 2, 3)
    timeline.changes(2, 90)
    then = timeline.before(98, 98)
    assert (then.minute, then.added) == (98, 90)
    assert same(then.load, 1)
    assert timeline.before(90, 90).minute == UNKNOWN


def test_a_change_in_the_future_has_just_been():
    timeline = told(100, 1, 2, 3)
    timeline.changes(2, 20_000)
    then = timeline.before(98, 98)
    assert then.since(then.added, 98) == 1
    assert then.since(then.removed, 98) == NEVER


def test_changes_of_the_fleet_are_known():
    timeline = told(100, 1)
    assert timeline.since(timeline.added, 100) == NEVER
    timeline.changes(3, 98)
    timeline.changes(-1, 99)
    timeline.changes(0, 100)
    assert timeline.since(timeline.added, 100) == 2
    assert timeline.since(timeline.removed, 100) == 1


steps = st.lists(
    st.tuples(
        st.integers(-6, 8),
        st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=9),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=150)
@given(steps)
def test_it_holds_what_was_told(given):
    """A dictionary of minutes beside it; late ones fill gaps, others count as told."""
    timeline, known, now = Timeline(), {}, 1000
    timeline.tell(now, np.array([5.0]))
    known[now - 1] = 5.0
    first = now - 1
    for step, values in given:
        minute = now + step
        load = np.array([NAN if each is None else each for each in values], np.float64)
        late = minute < now
        (timeline.fill if late else timeline.tell)(minute, load)
        begin = minute - len(load)
        if not late:
            now, first = minute, min(first, begin)
        for place, value in enumerate(load.tolist()):
            where = begin + place
            if value == value and (not late or (where not in known and where >= first)):
                known[where] = value
        expected = [known.get(each, NAN) for each in range(first, now)]
        assert same(timeline.load, *expected)


def test_a_restart_loses_no_minute(tmp_path):
    history = History(tmp_path)
    for minute in range(100, 130):
        count = history.timeline.tell(minute, np.array([float(minute)]))
        history.note(minute, np.array([float(minute)])[-count:])
        history.note_change(minute, 1 if minute % 2 else -1)
        history.write()
        if minute % 7 == 0:
            history.sync()
    for _ in range(3):
        again = History(tmp_path)
        assert not again.damaged
        assert same(again.timeline.load, *range(100, 130))
        assert (again.timeline.minute, again.timeline.added) == (129, 129)
        assert again.timeline.removed == 128
        again.save()
    history.close()


def test_late_minutes_are_kept_too(tmp_path):
    history = History(tmp_path)
    for minute, values in ((100, [1.0]), (103, [4.0]), (102, [2.0, 3.0])):
        load = np.array(values)
        late = minute < history.timeline.minute
        (history.timeline.fill if late else history.timeline.tell)(minute, load)
        history.note(minute, load)
        history.write()
    assert same(History(tmp_path).timeline.load, 1, 2, 3, 4)


def test_the_journal_does_not_grow_without_end(tmp_path):
    history = History(tmp_path, most_records=10)
    for minute in range(100, 200):
        history.timeline.tell(minute, np.array([1.0]))
        history.note(minute, np.array([1.0]))
        history.write()
        history.sync()
    assert sum(len(records.read(path)[0]) for path in tmp_path.glob("journal-*")) < 10
    assert len(History(tmp_path).timeline.load) == 100


def test_a_clock_that_was_put_right_is_kept(tmp_path):
    history = History(tmp_path)
    history.timeline.tell(500, np.array([1.0, 2.0]))
    history.replace(told(300, 7))
    again = History(tmp_path)
    assert again.timeline.minute == 300
    assert same(again.timeline.load, 7)


def test_a_clock_that_was_put_right_stays_so_whenever_the_process_ends(tmp_path, monkeypatch):
    def prepare():
        shutil.rmtree(tmp_path / "history", ignore_errors=True)
        for minute in (500, 501):  # each in a process, so in a journal, of its own
            history = History(tmp_path / "history")
            history.timeline.tell(minute, np.array([1.0]))
            history.note(minute, np.array([1.0]))
            history.write()
        return history

    found = []
    for history, _ in every_call(
        monkeypatch, [files, records], lambda it: it.replace(told(300, 7)), prepare=prepare
    ):
        again = History(tmp_path / "history")
        found.append(again.timeline.minute)
        assert same(again.timeline.load, *({300: [7], 501: [1, 1]}[found[-1]]))
        # What is told then is not taken for what the snapshot holds.
        again.timeline.tell(600, np.array([5.0]))
        again.note(600, np.array([5.0]))
        again.write()
        history = History(tmp_path / "history")
        assert history.timeline.minute == 600
        history.save()
        history.timeline.tell(601, np.array([6.0]))
        history.note(601, np.array([6.0]))
        history.write()
        assert History(tmp_path / "history").timeline.minute == 601
    assert found == sorted(found, reverse=True)
    assert set(found) == {300, 501}


@pytest.mark.parametrize("how", ["end", "full"])
def test_no_written_minute_is_lost_whenever_the_process_ends(tmp_path, monkeypatch, how):
    def follow(history):
        history.written = 99
        for minute in range(100, 108):
            history.timeline.tell(minute, np.array([float(minute)]))
            history.note(minute, np.array([float(minute)]))
            history.write()
            if not history.faults:
                history.written = minute
            history.sync()

    def prepare():
        shutil.rmtree(tmp_path / "history", ignore_errors=True)
        return History(tmp_path / "history", most_records=3)

    tried = 0
    for history, raised in every_call(
        monkeypatch, [files, records], follow, how=how, prepare=prepare
    ):
        tried += 1
        assert isinstance(raised, Ended) == (how == "end")
        again = History(tmp_path / "history", most_records=3)
        load = again.timeline.load
        assert same(load, *range(100, 100 + len(load)))
        assert 100 + len(load) > history.written
        again.timeline.tell(200, np.array([5.0]))
        again.note(200, np.array([5.0]))
        again.write()
        assert History(tmp_path / "history").timeline.minute == 200
    assert tried > 20


def test_a_damaged_snapshot_is_no_fault(tmp_path):
    history = History(tmp_path)
    history.timeline.tell(100, np.arange(50.0))
    history.save()
    for content in (b"", b"garbage", records.MAGIC + records.encode(b"garbage")):
        (tmp_path / "snapshot").write_bytes(content)
        again = History(tmp_path)
        assert again.damaged == bool(content)
        assert again.timeline.minute == UNKNOWN


def test_without_a_disk_it_goes_on_from_memory(tmp_path):
    (tmp_path / "file").write_text("in the way")
    history = History(tmp_path / "file" / "history")
    history.timeline.tell(100, np.array([1.0]))
    history.note(100, np.array([1.0]))
    history.write()
    history.sync()
    history.close()
    assert history.faults
    assert same(history.timeline.load, 1)
