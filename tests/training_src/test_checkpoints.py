"""Checkpoints survive truncation, bit flips, kill and full disks; none is ever half read."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from autoscaling_rl import checkpoints as module
from autoscaling_rl.checkpoints import Checkpoints, write_atomically
from autoscaling_rl.errors import UserError

BUNDLE = Path(module.__file__).parents[1]
ARRAYS = {"weights": np.arange(6, dtype=np.float32).reshape(2, 3), "count": np.array(7)}


def saved(folder, steps=(1, 2)):
    kept = Checkpoints(folder)
    for step in steps:
        kept.save(step, {**ARRAYS, "step": np.array(step)}, {"note": f"step {step}"})
    return kept


def test_the_latest_checkpoint_comes_back_whole(tmp_path):
    latest = saved(tmp_path).latest()
    assert latest.step == 2
    assert latest.meta["note"] == "step 2"
    assert latest.arrays.keys() == {*ARRAYS, "step"}
    assert latest.arrays["weights"].dtype == np.float32
    np.testing.assert_array_equal(latest.arrays["weights"], ARRAYS["weights"])


def test_an_empty_or_missing_folder_has_no_checkpoint(tmp_path):
    assert Checkpoints(tmp_path).latest() is None
    assert Checkpoints(tmp_path / "none").latest() is None


def test_only_the_two_newest_are_kept_and_foreign_files_are_left_alone(tmp_path):
    (tmp_path / "checkpoint-notes.npz").write_text("mine")
    saved(tmp_path, steps=range(1, 12))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint-000000000010.npz",
        "checkpoint-000000000011.npz",
        "checkpoint-notes.npz",
    ]


def test_numpy_alone_can_read_a_checkpoint(tmp_path):
    path = Checkpoints(tmp_path).save(1, ARRAYS, {})
    with np.load(path, allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["weights"], ARRAYS["weights"])


def test_objects_are_never_pickled(tmp_path):
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        Checkpoints(tmp_path).save(1, {"objects": np.array([{}, []], dtype=object)}, {})
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_the_json_is_reserved(tmp_path):
    with pytest.raises(ValueError, match="reserved"):
        Checkpoints(tmp_path).save(1, {"meta.json": np.zeros(1)}, {})


def test_a_file_truncated_anywhere_is_skipped_with_a_warning(tmp_path, capsys):
    kept = saved(tmp_path)
    newest = tmp_path / "checkpoint-000000000002.npz"
    content = newest.read_bytes()
    for length in range(len(content)):
        newest.write_bytes(content[:length])
        assert kept.latest().step == 1
    assert capsys.readouterr().err.count("is skipped: its checksum does not hold") == len(content)


def test_damaged_checkpoints_take_no_place_of_whole_ones(tmp_path):
    kept = saved(tmp_path, steps=(8, 9))
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert kept.latest() is None
    assert saved(tmp_path, steps=(1, 2, 3)).latest().step == 3
    assert [path.name for path in sorted(tmp_path.iterdir())][:2] == [
        "checkpoint-000000000002.npz",
        "checkpoint-000000000003.npz",
    ]
    assert saved(tmp_path, steps=(7, 8, 9)).latest().step == 9
    assert len(list(tmp_path.iterdir())) == 2


@given(data=st.data())
def test_a_flipped_bit_anywhere_is_noticed(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("flip")
    kept = saved(folder)
    newest = folder / "checkpoint-000000000002.npz"
    content = bytearray(newest.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    newest.write_bytes(content)
    assert kept.latest().step == 1


@given(
    st.dictionaries(
        st.text("abc/_0", min_size=1, max_size=8),
        numpy_strategies.arrays(
            st.sampled_from([np.float32, np.float64, np.int64, np.bool_]),
            numpy_strategies.array_shapes(min_dims=0, max_dims=3, max_side=4),
        ),
        max_size=4,
    ),
    st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.none()), max_size=3),
)
def test_any_arrays_and_json_come_back_bit_for_bit(tmp_path_factory, arrays, meta):
    kept = Checkpoints(tmp_path_factory.mktemp("any"))
    kept.save(3, arrays, meta)
    latest = kept.latest()
    assert {name: array.tobytes() for name, array in latest.arrays.items()} == {
        name: array.tobytes() for name, array in arrays.items()
    }
    assert {name: latest.meta[name] for name in meta if name not in ("step", "fingerprint")} == {
        name: value for name, value in meta.items() if name not in ("step", "fingerprint")
    }


def test_checkpoints_of_other_settings_are_refused(tmp_path):
    Checkpoints(tmp_path, fingerprint="a").save(1, ARRAYS, {})
    assert Checkpoints(tmp_path, fingerprint="a").latest().step == 1
    with pytest.raises(UserError, match="belong to a job with other settings: use"):
        Checkpoints(tmp_path, fingerprint="b").latest()


def test_a_full_disk_keeps_the_earlier_checkpoints(tmp_path, monkeypatch):
    kept = saved(tmp_path)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(UserError, match="No space left on device; earlier checkpoints are kept"):
        kept.save(3, ARRAYS, {})
    assert sorted(path.name[-6:] for path in tmp_path.iterdir()) == ["01.npz", "02.npz"]
    assert kept.latest().step == 2


def test_a_folder_that_cannot_be_written_is_a_mistake_of_the_user(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write checkpoint"):
        Checkpoints(tmp_path / "file").save(1, ARRAYS, {})


def test_writing_atomically_replaces_the_whole_file(tmp_path):
    path = tmp_path / "manifest.json"
    write_atomically(path, b"old and long")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


SAVER = """
import sys
import numpy as np
from pathlib import Path
from autoscaling_rl.checkpoints import Checkpoints
kept = Checkpoints(Path(sys.argv[1]))
latest = kept.latest()
step = latest.step if latest else 0
while True:
    step += 1
    kept.save(step, {"values": np.full(20_000, step)}, {"step is": step})
"""


def kill_while_saving(folder, times):
    """Kill a process that saves all the time, `times` times; return the steps found after each."""
    found = []
    for kill in range(times):
        saver = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(folder)],
            env={**os.environ, "PYTHONPATH": str(BUNDLE)},
        )
        before = found[-1] if found else 0
        deadline = time.monotonic() + 60
        while newest_step(folder) <= before and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.0007 * (kill % 17))
        saver.send_signal(signal.SIGKILL)
        saver.wait()
        latest = Checkpoints(folder).latest()
        assert latest.meta["step is"] == latest.step
        assert (latest.arrays["values"] == latest.step).all()
        found.append(latest.step)
    return found


def check_kills(folder, times):
    steps = kill_while_saving(folder, times)
    assert steps == sorted(set(steps))
    Checkpoints(folder).save(steps[-1] + 1, ARRAYS, {})
    assert len(list(folder.iterdir())) == 2


def newest_step(folder):
    return max(
        (int(path.stem.split("-")[1]) for path in folder.glob("checkpoint-*.npz")), default=0
    )


def test_a_killed_process_leaves_whole_checkpoints(tmp_path):
    (tmp_path / ".checkpoint-000000000009.npz.1.tmp").write_bytes(b"left by an earlier kill")
    check_kills(tmp_path, 4)


@pytest.mark.slow
def test_two_hundred_killed_processes_leave_whole_checkpoints(tmp_path):
    check_kills(tmp_path, 200)
