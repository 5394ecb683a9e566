"""The spool: in order, bounded, and nothing that was stored is lost, whenever the process ends."""

import shutil

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from edge_policy import files, records
from edge_policy.spool import CURSOR, Spool
from tests.edge_src.support import Ended, end_process, every_call

SMALL = {"most_bytes": 4000, "segment_bytes": 400, "durable": False}


def drain(spool, most=10_000):
    """Return what waits by number, and forget it."""
    found = {}
    while len(found) < most and (oldest := spool.oldest()) is not None:
        number, content = oldest
        assert number not in found
        found[number] = content
        spool.acknowledge(number)
    return found


def test_messages_come_out_in_order_over_restarts(tmp_path):
    spool = Spool(tmp_path, **SMALL)
    assert spool.oldest() is None
    assert [spool.put(b"%d" % n) for n in range(1, 31)] == list(range(1, 31))
    assert drain(spool, 10) == {n: b"%d" % n for n in range(1, 11)}
    assert spool.waiting == 20
    spool.close()
    again = Spool(tmp_path, **SMALL)
    assert again.waiting == 20
    assert again.put(b"31") == 31
    assert drain(again) == {n: b"%d" % n for n in range(11, 32)}
    again.close()
    assert Spool(tmp_path, **SMALL).put(b"32") == 32


def test_the_same_message_comes_until_it_is_acknowledged(tmp_path):
    spool = Spool(tmp_path, **SMALL)
    spool.put(b"one")
    assert spool.oldest() == spool.oldest() == (1, b"one")
    spool.acknowledge(1)
    assert spool.oldest() is None
    assert spool.waiting == 0


def test_the_oldest_are_dropped_and_counted_when_it_is_full(tmp_path):
    spool = Spool(tmp_path, **SMALL)
    for number in range(1, 201):
        assert spool.put(bytes(84)) == number
    assert sum(path.stat().st_size for path in tmp_path.glob("segment-*")) <= 4000
    first, _ = spool.oldest()
    assert first > 150
    assert spool.dropped == first - 1
    assert list(drain(spool)) == list(range(first, 201))
    spool.close()
    again = Spool(tmp_path, **SMALL)
    assert (again.dropped, again.waiting) == (first - 1, 0)


def test_the_limit_may_change(tmp_path):
    spool = Spool(tmp_path, **SMALL)
    for _ in range(20):
        spool.put(bytes(84))
    spool.most_bytes = 1000
    spool.put(bytes(84))
    assert sum(path.stat().st_size for path in tmp_path.glob("segment-*")) <= 1000
    assert spool.dropped + spool.waiting == 21


class Queue(RuleBasedStateMachine):
    """The spool beside a list, with restarts and process ends at any byte of the last file."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.spool, self.waiting, self.next = folder, None, [], 1

    @initialize()
    def begin(self):
        end_process()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.spool = Spool(self.folder, **SMALL)

    @rule(size=st.integers(0, 300))
    def put(self, size):
        content = bytes([self.next % 256]) * size
        number = self.spool.put(content)
        assert number == self.next
        self.next += 1
        self.waiting.append((number, content))
        del self.waiting[: len(self.waiting) - self.spool.waiting]

    @rule()
    def take(self):
        oldest = self.spool.oldest()
        assert oldest == (self.waiting[0] if self.waiting else None)
        if oldest:
            self.spool.acknowledge(oldest[0])
            self.waiting.pop(0)

    @rule()
    def restart(self):
        self.spool.close()
        self.spool = Spool(self.folder, **SMALL)

    @rule()
    def kill(self):
        end_process()
        self.spool = Spool(self.folder, **SMALL)

    @precondition(lambda self: self.spool is not None and self.spool._writer is not None)
    @rule(data=st.data(), content=st.binary(min_size=1, max_size=60))
    def tear(self, data, content):
        """End while a record is written: any part of it is there."""
        record = records.encode(content)
        part = record[: data.draw(st.integers(0, len(record) - 1))]
        with self.spool._segments[-1].path.open("ab") as file:
            file.write(part)
        end_process()
        self.spool = Spool(self.folder, **SMALL)

    @invariant()
    def counts(self):
        if self.spool is not None:
            assert self.spool.waiting == len(self.waiting)
            gone = self.next - 1 - len(self.waiting)
            assert 0 <= self.spool.dropped <= gone


@pytest.mark.parametrize("count", [25, pytest.param(600, marks=pytest.mark.slow)])
def test_it_behaves_as_a_list_does(tmp_path, count):
    chosen = settings(max_examples=count, stateful_step_count=30, deadline=None)
    run_state_machine_as_test(lambda: Queue(tmp_path / "spool"), settings=chosen)


def script(spool):
    """Fill, drain in part, overflow; note what `put` returned for."""
    stored, sent = {}, []
    spool.noted = stored, sent
    for number in range(1, 17):
        content = b"%d" % number * 30
        stored[spool.put(content)] = content
        if number in (3, 4, 12):
            oldest = spool.oldest()
            sent.append(oldest[0])
            spool.acknowledge(oldest[0])


def test_nothing_stored_is_lost_whenever_the_process_ends(tmp_path, monkeypatch):
    tried = 0

    def prepare():
        shutil.rmtree(tmp_path / "spool", ignore_errors=True)
        return Spool(tmp_path / "spool", most_bytes=800, segment_bytes=200)

    for spool, raised in every_call(monkeypatch, [files, records], script, prepare=prepare):
        tried += 1
        assert isinstance(raised, Ended)
        stored, sent = spool.noted
        again = Spool(tmp_path / "spool", most_bytes=800, segment_bytes=200)
        found = drain(again)
        assert list(found) == sorted(found)
        # The message that was being put may be there, too.
        new = {number: found.pop(number) for number in list(found) if number not in stored}
        assert len(new) <= 1
        assert {number: stored[number] for number in found} == found
        missing = [number for number in stored if number not in found and number not in sent]
        assert len(missing) <= again.dropped
        assert not missing or max(missing) < min([*found, *new], default=1000)
        assert again.put(b"next") > max([*stored, *new], default=0)
    assert tried > 60


def test_a_disk_that_refuses_a_write_loses_what_was_refused_alone(tmp_path, monkeypatch):
    def fill(spool):
        spool.noted = {}
        for number in range(1, 9):
            content = b"%d" % number * 30
            try:
                spool.noted[spool.put(content)] = content
            except OSError:
                spool.refused = number

    def prepare():
        shutil.rmtree(tmp_path / "spool", ignore_errors=True)
        spool = Spool(tmp_path / "spool", most_bytes=100_000, segment_bytes=300)
        spool.refused = None
        return spool

    refused = 0
    for spool, raised in every_call(
        monkeypatch, [files, records], fill, how="full", prepare=prepare
    ):
        assert raised is None
        assert spool.faults == 1 or spool.refused is None
        refused += spool.refused is not None
        assert len(spool.noted) == 8 - (spool.refused is not None)
        spool.noted[spool.put(b"last")] = b"last"  # a gap shows once something follows it
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        shutil.copytree(tmp_path / "spool", tmp_path / "copy")
        assert drain(spool) == spool.noted
        found = drain(Spool(tmp_path / "copy", most_bytes=100_000, segment_bytes=300))
        assert {number: found[number] for number in spool.noted} == spool.noted
        assert spool.dropped == (spool.refused is not None)
    assert refused > 8


@pytest.mark.parametrize("content", [b"", b"garbage", b"00000000 {}\n", b'12345678 {"used": 1}'])
def test_a_damaged_cursor_sends_all_once_more(tmp_path, content):
    spool = Spool(tmp_path, **SMALL)
    for number in range(1, 8):
        spool.put(b"%d" % number)
    drain(spool, 2)
    (tmp_path / CURSOR).write_bytes(content)
    again = Spool(tmp_path, **SMALL)
    assert again.dropped == 0
    assert list(drain(again)) == list(range(1, 8))


def test_what_the_disk_lost_is_counted(tmp_path):
    spool = Spool(tmp_path, **SMALL)
    for _ in range(12):
        spool.put(bytes(84))
    segments = sorted(tmp_path.glob("segment-*"))
    assert len(segments) == 3
    content = bytearray(segments[0].read_bytes())
    content[150] ^= 1  # in the second message
    segments[0].write_bytes(content)
    segments[1].unlink()
    again = Spool(tmp_path, **SMALL)
    found = drain(again)
    assert min(found) == 1
    assert len(found) + again.dropped == 12
    assert again.put(b"next") == 13
