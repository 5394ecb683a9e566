"""Models on the device: pointers that are never between two, whatever ends the process."""

import json
import shutil

import pytest

from edge_policy import files, store
from edge_policy.artifact import BadModel, check
from edge_policy.store import CURRENT, LAST_GOOD, Store
from tests.edge_src.support import Ended, every_call


def test_a_model_is_unpacked_once(tmp_path, offered):
    kept = Store(tmp_path)
    name = kept.take(offered["bank"])
    check(kept.path(name))
    marked = kept.path(name) / "manifest.json"
    before = marked.stat().st_ino
    assert kept.take(offered["bank"]) == name
    assert marked.stat().st_ino == before
    assert kept.take(offered["other"]) != name


def test_a_model_that_the_disk_has_changed_is_unpacked_again(tmp_path, offered):
    kept = Store(tmp_path)
    name = kept.take(offered["bank"])
    for spoil in (
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
    ):
        for file in ("golden.npz", "manifest.json", "code/controller/guard.py"):
            spoil(kept.path(name) / file)
            assert kept.take(offered["bank"]) == name
            check(kept.path(name))


def test_a_pointer_holds_what_is_there(tmp_path, offered):
    kept = Store(tmp_path)
    assert kept.pointer(CURRENT) is None
    name = kept.take(offered["bank"])
    kept.point(CURRENT, name)
    assert Store(tmp_path).pointer(CURRENT) == name
    for content in (b"", b"garbage", b"\xff\xfe", b"0123456789abcdef\n", b"../../../../etc/x\n"):
        (tmp_path / CURRENT).write_bytes(content)
        assert kept.pointer(CURRENT) is None


@pytest.mark.parametrize("how", ["end", "full"])
def test_a_pointer_is_the_old_or_the_new_one(tmp_path, monkeypatch, offered, how):
    kept = Store(tmp_path)
    old, new = (kept.take(offered[name]) for name in ("bank", "other"))
    found = set()

    def prepare():
        kept.point(LAST_GOOD, old)

    for _, raised in every_call(
        monkeypatch, [files, store], lambda _: kept.point(LAST_GOOD, new), how=how, prepare=prepare
    ):
        assert isinstance(raised, Ended) == (how == "end")
        found.add(Store(tmp_path).pointer(LAST_GOOD))
    assert found == {old, new}
    assert kept.faults == 0 or how == "full"


steps = pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])


@steps
def test_a_model_is_there_whole_or_not_at_all(tmp_path, monkeypatch, offered, step):
    def prepare():
        shutil.rmtree(tmp_path, ignore_errors=True)
        return Store(tmp_path)

    tried = there = 0
    for kept, raised in every_call(
        monkeypatch,
        [files, store],
        lambda kept: kept.take(offered["cartpole"]),
        prepare=prepare,
        step=step,
    ):
        tried += 1
        assert isinstance(raised, Ended)
        for folder in tmp_path.iterdir():
            if not folder.name.startswith("."):
                check(folder)
                there += 1
        if tried % 10 == 0:
            check(kept.path(Store(tmp_path).take(offered["cartpole"])))
    assert tried > 100 / step
    assert there or step > 1


@steps
def test_a_full_disk_leaves_no_half_model(tmp_path, monkeypatch, offered, step):
    def prepare():
        shutil.rmtree(tmp_path, ignore_errors=True)
        return Store(tmp_path)

    refused = 0
    for _, raised in every_call(
        monkeypatch,
        [files, store],
        lambda kept: kept.take(offered["cartpole"]),
        how="full",
        prepare=prepare,
        step=step,
    ):
        refused += raised is not None
        assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]
        for folder in tmp_path.iterdir():
            check(folder)
    assert refused > 100 / step - 5


def test_starts_are_counted_for_one_model_and_one_boot(tmp_path, monkeypatch):
    kept = Store(tmp_path)
    assert kept.starts("a" * 16) == 0
    for count in (1, 2, 3):
        kept.note_start("a" * 16)
        assert Store(tmp_path).starts("a" * 16) == count
    assert kept.starts("b" * 16) == 0
    monkeypatch.setattr(store, "_boot", lambda: "another")
    assert kept.starts("a" * 16) == 0
    monkeypatch.undo()
    kept.forget_starts()
    assert kept.starts("a" * 16) == 0
    for content in (b"[1]", b"{", b'{"id": "aaaaaaaaaaaaaaaa", "count": "x"}'):
        (tmp_path / "starts.json").write_bytes(content)
        assert kept.starts("a" * 16) == 0


def test_an_abandoned_model_gets_a_new_chance_with_another_offer(tmp_path):
    kept = Store(tmp_path)
    kept.offer("a" * 16)
    kept.abandon("a" * 16, "crashed")
    kept.abandon("b" * 16, "failed")
    kept.offer("a" * 16)
    assert Store(tmp_path).abandoned("a" * 16) == "crashed"
    assert kept.abandoned("b" * 16) == "failed"
    kept.offer("c" * 16)
    assert kept.abandoned("a" * 16) is None
    assert kept.abandoned("b" * 16) is None
    kept.abandon("d" * 16, "failed")
    kept.offer("d" * 16)
    assert kept.abandoned("d" * 16) == "failed"
    assert json.loads((tmp_path / "abandoned.json").read_text())["offer"] == "d" * 16


def test_what_no_pointer_holds_is_removed(tmp_path, offered):
    kept = Store(tmp_path)
    names = {name: kept.take(path) for name, path in offered.items()}
    kept.point(CURRENT, names["bank"])
    kept.point(LAST_GOOD, names["other"])
    (tmp_path / ".torn.tmp").mkdir()
    kept.tidy(names["plain"])
    left = {each.name for each in tmp_path.iterdir() if each.is_dir()}
    assert left == {names["bank"], names["other"], names["plain"]}


def test_a_missing_archive_is_a_bad_model(tmp_path):
    with pytest.raises(BadModel, match="cannot be read: No such file"):
        Store(tmp_path / "models").take(tmp_path / "none")
