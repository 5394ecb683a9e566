"""Files that end anywhere: what was whole is read, what was torn is seen as such."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_policy import files, records
from edge_policy.records import MAGIC, Broken, Writer, decode, encode
from tests.edge_src.support import every_call

contents = st.lists(st.binary(max_size=40), max_size=6)


def whole_records(data):
    """Return the records in bytes, and how many bytes they take; None if nothing follows them."""
    found = []
    try:
        for each in decode(data):
            found.append(each)
    except Broken as broken:
        return found, broken.whole
    return found, None


@given(contents, st.data())
def test_a_file_cut_anywhere_keeps_its_whole_records(given, data):
    whole = MAGIC + b"".join(encode(each) for each in given)
    cut = data.draw(st.integers(0, len(whole)))
    found, broken = whole_records(whole[:cut])
    sizes = [len(MAGIC) + sum(map(len, map(encode, given[:n]))) for n in range(len(given) + 1)]
    assert (broken is None) == (cut in (0, *sizes))
    assert broken is None or broken < cut
    assert found == given[: len(found)]
    ends = len(MAGIC)
    for place, each in enumerate(given):
        ends += len(encode(each))
        assert (place < len(found)) == (ends <= cut)


@given(contents.filter(bool), st.data())
def test_a_changed_byte_is_never_taken_for_content(given, data):
    whole = bytearray(MAGIC + b"".join(encode(each) for each in given))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    found, broken = whole_records(bytes(whole))
    assert broken is not None
    assert found == given[: len(found)]


def test_what_is_written_is_read(tmp_path):
    writer = Writer(tmp_path / "file")
    writer.add(b"one", b"", durable=True)
    writer.add(b"three", durable=False)
    assert writer.size == (tmp_path / "file").stat().st_size
    writer.close()
    assert records.read(tmp_path / "file") == ([b"one", b"", b"three"], False)
    assert records.read(tmp_path / "none") == ([], False)


def test_too_long_a_record_is_refused(tmp_path):
    writer = Writer(tmp_path / "file")
    with pytest.raises(ValueError, match="at most"):
        writer.add(bytes(records.LARGEST + 1), durable=True)
    writer.add(b"one", durable=True)
    assert records.read(tmp_path / "file") == ([b"one"], False)


def test_nothing_follows_a_torn_record(tmp_path, monkeypatch):
    def write(writer):
        writer.add(b"second", durable=True)

    def prepare():
        path = tmp_path / f"file-{len(list(tmp_path.iterdir()))}"
        writer = Writer(path)
        writer.add(b"first", durable=True)
        return writer

    tried = 0
    for writer, raised in every_call(
        monkeypatch, [files, records], write, how="full", prepare=prepare
    ):
        tried += 1
        assert isinstance(raised, OSError)
        assert not writer.usable
        with pytest.raises(OSError, match="torn"):
            writer.add(b"third", durable=False)
        assert records.read(writer.path)[0][:1] == [b"first"]
    assert tried == 2  # write and fsync


def test_a_file_holds_the_old_or_the_new_content_whenever_the_process_ends(tmp_path, monkeypatch):
    path = tmp_path / "file"
    before = b"old" * 100

    def prepare():
        path.write_bytes(before)

    for how in ("end", "full"):
        found = set()
        for _, raised in every_call(
            monkeypatch,
            [files],
            lambda _: files.write_atomically(path, b"new"),
            how=how,
            prepare=prepare,
        ):
            assert raised is not None
            found.add(path.read_bytes())
        assert found == {before, b"new"}


def test_what_cannot_be_read_or_removed_is_no_fault(tmp_path):
    assert files.read(tmp_path) is None
    files.remove(tmp_path)
    assert tmp_path.is_dir()
