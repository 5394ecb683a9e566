"""A load of one's own in training: what is read, what is trained again, and what is refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from autoscaling_rl.errors import UserError
from benchmarks import own_load
from benchmarks.own_load import Own, cut, span, train

# Stands in for train.py: counts its runs, and its model says which seed.
PROGRAM = """
import argparse, pathlib
parser = argparse.ArgumentParser()
for name in ("preset", "seed", "base-dir"):
    parser.add_argument(f"--{name}")
given = parser.parse_args()
runs = pathlib.Path(__file__).with_name("runs")
with runs.open("a") as file:
    file.write(given.seed + " ")
model = pathlib.Path(given.base_dir) / "model"
model.mkdir(parents=True)
(model / "seed").write_text(given.seed)
"""
FILE = "azure_vm_cpu_2019_5min.csv"
START, END = datetime(2019, 1, 10, tzinfo=UTC), datetime(2019, 1, 16, tzinfo=UTC)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where trainings are counted."""
    (tmp_path / "train.py").write_text(PROGRAM)
    monkeypatch.setattr(own_load, "TRAIN", tmp_path / "train.py")
    return tmp_path / "runs"


def trace(folder: Path, first: datetime, last: datetime) -> Path:
    """Write an hourly load whose times name no offset, with a blank line at its end."""
    times = [first + timedelta(hours=hour) for hour in range((last - first) // timedelta(hours=1))]
    rows = [f"{time:%Y-%m-%dT%H:%M},{number}" for number, time in enumerate(times)]
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_text("\n".join(["timestamp,requests", *rows, "", ""]))
    return folder / FILE


def test_what_was_trained_by_other_sources_seeds_or_loads_is_trained_again(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, load = tmp_path / "output", tmp_path / "load.csv"
    load.write_text("one")
    monkeypatch.setenv("SOURCE_REVISION", "first")
    packed = train(folder, 0, load)
    assert train(folder, 0, load) == packed
    assert runs.read_text() == "0 "
    first = packed.read_bytes()
    train(folder, 1, load)
    assert packed.read_bytes() != first
    monkeypatch.setenv("SOURCE_REVISION", "second")
    train(folder, 1, load)
    load.write_text("two")
    train(folder, 1, load)
    train(folder, 1, load)
    assert runs.read_text() == "0 1 1 1 "
    assert (folder / "job" / "input" / "data" / "load" / "load.csv").read_text() == "two"


def test_a_training_that_fails_is_told_and_not_taken_for_a_model(
    runs: Path, tmp_path: Path
) -> None:
    program, whole = tmp_path / "train.py", PROGRAM
    program.write_text("raise SystemExit(3)")
    with pytest.raises(UserError, match=r"ended with status 3: see .*log$"):
        train(tmp_path / "output", 0, None)
    program.write_text(whole)
    assert train(tmp_path / "output", 0, None).is_file()
    assert runs.read_text() == "0 "


def test_times_without_an_offset_are_in_utc_and_a_blank_line_is_none(tmp_path: Path) -> None:
    source = trace(tmp_path / "traces", START - timedelta(days=3), END)
    own = Own(FILE, START, 6)
    own_load.check(source, own)
    known, whole = cut(source, own, tmp_path / "cut")
    lines = source.read_text().split()
    assert known.read_text().split() == lines[: 1 + 72]
    assert whole.read_text().split() == lines
    assert span(known) == pytest.approx(71 / 24)


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (None, None, "holds no recorded load: put there one of "),
        (START - timedelta(days=1), END, "goes from 2019-01-09T00:00:00+00:00 to 2019-01-16"),
        (START - timedelta(days=3), START, "give at least 2019-01-08T00:00:00+00:00 to 2019-01-16"),
    ],
)
def test_traces_that_cannot_be_judged_on_are_refused_before_a_training(
    first: datetime | None,
    last: datetime | None,
    said: str,
    runs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "traces"
    if first and last:
        trace(folder, first, last)
    assert own_load.main([str(folder), "--output", str(tmp_path / "output")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {folder}")
    assert said in error
    assert error.count("\n") == 1
    assert not runs.exists()


def test_seeds_have_folders_of_their_own(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trace(tmp_path / "traces", START - timedelta(days=3), END)
    judged = []
    monkeypatch.setattr(own_load, "gap", lambda model, *_: judged.append(model) or len(judged))
    for seed in "01":
        call = [str(tmp_path / "traces"), "--seed", seed, "--output", str(tmp_path / "output")]
        assert own_load.main(call) == 0
    assert runs.read_text() == "0 0 1 1 "
    assert len(set(judged)) == 4
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| azure")]
    assert rows == [
        "| azure_vm_cpu | 3 | 1.000 | 2.000 |",
        "| azure_vm_cpu | 3 | 3.000 | 4.000 |",
    ]
