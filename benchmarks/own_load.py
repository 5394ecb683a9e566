"""What a load of one's own in training is worth: with it and without it, on the days that follow.

    python benchmarks/own_load.py FOLDER [--seed N]

FOLDER holds the recorded loads. Only what lies before each trace's test window is read, as for
every choice (docs/validation.md): training gets the days before the window of the validation as
its channel `load`, and the window judges. Prints a table, and keeps models in `--output`, by seed:
what is there from the same sources and load is not trained again.
"""

import argparse
import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training_src")]

from autoscaling_rl.errors import UserError  # noqa: E402
from autoscaling_rl.load.file import LEAST_MINUTES, read_load  # noqa: E402
from autoscaling_rl.manifest import source_revision  # noqa: E402
from benchmarks.baseline_table import TRACES  # noqa: E402
from benchmarks.options import from_on, in_one_line  # noqa: E402
from benchmarks.results_cache import read_json, write_json  # noqa: E402

TRAIN = ROOT / "training_src" / "train.py"
PRESET = "hindsight-autoscaling"


@dataclass(frozen=True)
class Own:
    """A trace and the window that judges.

    Attributes:
        file: name of the load file.
        start: first moment of the window.
        days: its length; the test window begins where it ends.
    """

    file: str
    start: datetime
    days: int


# Days of the window of the validation; the test's other traces have no days before theirs to spare.
DAYS = {"isp": 5, "taxi": 14, "amzn": 14, "goog": 14, "azure": 6}


def main(argv: Sequence[str] | None = None) -> int:
    """Train and judge; return the exit status: 2 for a mistake of the user."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("traces", type=Path)
    parser.add_argument("--seed", type=from_on(0), default=0)
    parser.add_argument("--output", type=Path, default=ROOT / "output" / "own-load")
    options = parser.parse_args(argv)
    output = options.output / f"seed-{options.seed}"
    return in_one_line(partial(compare, options.traces, options.seed, output))


def compare(traces: Path, seed: int, output: Path) -> int:
    """Train, judge and print the table.

    Raises:
        UserError: there is no recorded load to judge on, or a program of the bundle failed.
    """
    found = windows(traces)
    for own in found.values():  # before anything is trained
        check(traces / own.file, own)
    generated = train(output / "generated", seed, None)
    print("| recorded load | days given | generated load alone | with the own load |")
    print("|---|---|---|---|")
    for name, own in found.items():
        folder = output / own.file.removesuffix(".csv")
        known, whole = cut(traces / own.file, own, folder)
        model = train(folder / "own", seed, known)
        gaps = [gap(each, whole, own, folder) for each in (generated, model)]
        days = f"{span(known):.0f}"
        print(f"| {name} | {days} | {gaps[0]:.3f} | {gaps[1]:.3f} |", flush=True)
    return 0


def windows(folder: Path) -> dict[str, Own]:
    """Return the windows of the traces that are there; see `docs/validation.md`.

    Raises:
        UserError: none is there.
    """
    found, known = {}, []
    for name, trace in TRACES.items():
        days = next((days for key, days in DAYS.items() if key in trace.file), 0)
        if not days:
            continue
        known.append(trace.file)
        if (folder / trace.file).is_file():
            end = datetime.fromisoformat(trace.start).replace(tzinfo=UTC)
            found[name] = Own(trace.file, end - timedelta(days=days), days)
    if not found:
        raise UserError(f"{folder} holds no recorded load: put there one of {', '.join(known)}")
    return found


def check(source: Path, own: Own) -> None:
    """Check that a trace has the window, and days enough before it.

    Raises:
        UserError: it has not, or is no load file.
    """
    load = read_load(source)
    first, end = own.start - timedelta(minutes=LEAST_MINUTES), own.start + timedelta(days=own.days)
    last = load.start + timedelta(minutes=len(load.minute_rates))
    if load.start > first or last < end:
        raise UserError(
            f"{source}: goes from {load.start.isoformat()} to {last.isoformat()}: give at least "
            f"{first.isoformat()} to {end.isoformat()}"
        )


def cut(source: Path, own: Own, folder: Path) -> tuple[Path, Path]:
    """Write what training may know, and that with the window; return both files."""
    folder.mkdir(parents=True, exist_ok=True)
    ends = {"known.csv": own.start, "whole.csv": own.start + timedelta(days=own.days)}
    header, *rows = read_rows(source)
    for name, end in ends.items():
        with (folder / name).open("w", newline="") as opened:
            kept = [row for row in rows if moment(row[0]) < end]
            csv.writer(opened).writerows([header, *kept])
    return folder / "known.csv", folder / "whole.csv"


def read_rows(file: Path) -> list[list[str]]:
    """Return the rows of a load file as they are written; `read_load` knows them as minutes."""
    with file.open(newline="", encoding="utf-8-sig") as opened:
        return [row for row in csv.reader(opened) if "".join(row).strip()]


def moment(text: str) -> datetime:
    """Return a time of a load file, as `read_load` understands it."""
    time = datetime.fromisoformat(text.strip())
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def span(file: Path) -> float:
    """Return how many days a load file covers."""
    times = [moment(row[0]) for row in read_rows(file)[1:]]
    return (times[-1] - times[0]) / timedelta(days=1)


def train(folder: Path, seed: int, load: Path | None) -> Path:
    """Train the default preset, unless it is trained from the same already; return its artifact.

    Raises:
        UserError: the training failed.
    """
    packed, record, base = folder / "model.tar.gz", folder / "training.json", folder / "job"
    known = None if load is None else hashlib.sha256(load.read_bytes()).hexdigest()
    wanted = {"source_revision": source_revision(), "seed": seed, "load": known}
    if read_json(record) != wanted:
        # A checkpoint of other sources or loads must not be gone on with.
        shutil.rmtree(folder, ignore_errors=True)
        write_json(record, wanted)
    if packed.is_file():
        return packed
    if load is not None:
        channel = base / "input" / "data" / "load"
        channel.mkdir(parents=True, exist_ok=True)
        (channel / "load.csv").write_bytes(load.read_bytes())
    command = [sys.executable, str(TRAIN), "--preset", PRESET, "--seed", str(seed)]
    with (folder / "log").open("wb") as log:
        done = subprocess.run(
            [*command, "--base-dir", str(base)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
    if done.returncode:
        raise UserError(f"the training ended with status {done.returncode}: see {folder / 'log'}")
    part = folder / "model.part"
    with tarfile.open(part, "w:gz") as archive:
        archive.add(base / "model", arcname=".")
    part.replace(packed)
    return packed


def gap(model: Path, load: Path, own: Own, folder: Path) -> float:
    """Return the gap that a policy closes in the window, by the back-test that users have.

    Raises:
        UserError: the back-test failed; it has said why.
    """
    output = folder / f"backtest-{model.parent.name}"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "local_mode", "backtest"),
            *(str(model.resolve()), str(load.resolve()), "--output", str(output.resolve())),
            *("--start", own.start.isoformat(), "--days", str(own.days)),
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    if done.returncode:
        raise UserError(f"the back-test of {model} on {load} ended with status {done.returncode}")
    scores = json.loads((output / "scorecard.json").read_text())
    return float(scores["policies"]["policy"]["gap_closed"])


if __name__ == "__main__":
    sys.exit(main())
