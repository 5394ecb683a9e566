"""What a load of one's own in training is worth: with it and without it, on the days that follow.

    python benchmarks/own_load.py FOLDER [--seed N]

FOLDER holds the recorded loads. Only what lies before each trace's test window is read, as for
every choice (docs/validation.md): training gets the days before the window of the validation as
its channel `load`, and the window judges. Prints a table, and keeps models in `--output`.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training_src")]

from benchmarks.baseline_table import TRACES  # noqa: E402

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
    """Train and judge; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("traces", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=ROOT / "output" / "own-load")
    options = parser.parse_args(argv)
    generated = train(options.output / "generated", options.seed, None)
    print("| recorded load | days given | generated load alone | with the own load |")
    print("|---|---|---|---|")
    for name, own in windows(options.traces).items():
        folder = options.output / own.file.removesuffix(".csv")
        known, whole = cut(options.traces / own.file, own, folder)
        model = train(folder, options.seed, known)
        gaps = [gap(each, whole, own, folder) for each in (generated, model)]
        days = f"{span(known):.0f}"
        print(f"| {name} | {days} | {gaps[0]:.3f} | {gaps[1]:.3f} |", flush=True)
    return 0


def windows(folder: Path) -> dict[str, Own]:
    """Return the windows of the traces that are there; see `docs/validation.md`."""
    found = {}
    for name, trace in TRACES.items():
        days = next((days for key, days in DAYS.items() if key in trace.file), 0)
        if days and (folder / trace.file).is_file():
            end = datetime.fromisoformat(trace.start).replace(tzinfo=UTC)
            found[name] = Own(trace.file, end - timedelta(days=days), days)
    return found


def cut(source: Path, own: Own, folder: Path) -> tuple[Path, Path]:
    """Write what training may know, and that with the window; return both files."""
    folder.mkdir(parents=True, exist_ok=True)
    ends = {"known.csv": own.start, "whole.csv": own.start + timedelta(days=own.days)}
    with source.open(newline="") as opened:
        rows = list(csv.reader(opened))
    for name, end in ends.items():
        with (folder / name).open("w", newline="") as opened:
            kept = [row for row in rows[1:] if moment(row[0]) < end]
            csv.writer(opened).writerows([rows[0], *kept])
    return folder / "known.csv", folder / "whole.csv"


def moment(text: str) -> datetime:
    """Return a time of a load file."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def span(file: Path) -> float:
    """Return how many days a load file covers."""
    with file.open(newline="") as opened:
        times = [moment(row[0]) for row in list(csv.reader(opened))[1:]]
    return (times[-1] - times[0]) / timedelta(days=1)


def train(folder: Path, seed: int, load: Path | None) -> Path:
    """Train the default preset and return its artifact."""
    packed = folder / "model.tar.gz"
    if packed.is_file():
        return packed
    base = folder / "job"
    if load is not None:
        channel = base / "input" / "data" / "load"
        channel.mkdir(parents=True, exist_ok=True)
        (channel / "load.csv").write_bytes(load.read_bytes())
    command = [sys.executable, str(TRAIN), "--preset", PRESET, "--seed", str(seed)]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("wb") as log:
        subprocess.run(
            [*command, "--base-dir", str(base)],
            check=True,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(base / "model", arcname=".")
    return packed


def gap(model: Path, load: Path, own: Own, folder: Path) -> float:
    """Return the gap that a policy closes in the window, by the back-test that users have."""
    output = folder / f"backtest-{model.parent.name}"
    subprocess.run(
        [
            *(sys.executable, "-m", "local_mode", "backtest", str(model), str(load)),
            *("--output", str(output), "--start", own.start.isoformat(), "--days", str(own.days)),
        ],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    scores = json.loads((output / "scorecard.json").read_text())
    return float(scores["policies"]["policy"]["gap_closed"])


if __name__ == "__main__":
    sys.exit(main())
