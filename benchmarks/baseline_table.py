"""Costs of the baselines over those of the oracle on recorded loads, beside known figures.

    python benchmarks/baseline_table.py FOLDER

FOLDER holds the traces as load files. The known figures come from another implementation of the
same rules; a figure of ours that is off by more than 0.02 is marked.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training_src")]

from autoscaling_rl.baselines.registry import ORACLE, run_baselines  # noqa: E402
from autoscaling_rl.baselines.window import DAY, Window  # noqa: E402
from autoscaling_rl.environments.dynamics import make_rules  # noqa: E402
from autoscaling_rl.errors import UserError  # noqa: E402
from autoscaling_rl.load.file import read_load  # noqa: E402
from benchmarks.options import in_one_line  # noqa: E402

NAMES = (
    "target_tracking_60",
    "target_tracking_tuned",
    "hpa_tuned",
    "predictive_tuned",
    "seasonal_tuned",
    "peak_hold_tuned",
    "static_best",
)
PRICES = (10.0, 20.0, 50.0)
MEAN_MACHINES = 20
HISTORY_DAYS = 14


@dataclass(frozen=True)
class Trace:
    """A recorded load, the window to look at, and the known figures.

    Attributes:
        file: name of the file.
        start: first day of the window.
        days: its length.
        known: by baseline in the order of `NAMES`, for each of `PRICES`.
    """

    file: str
    start: str
    days: int
    known: tuple[tuple[float, float, float], ...]


TRACES = {
    "nasa_jul": Trace(
        "nasa95_jul_1min.csv",
        "1995-07-14",
        13,
        (
            (1.74, 1.83, 2.13),
            (1.46, 1.70, 2.17),
            (1.42, 1.60, 1.87),
            (1.31, 1.44, 1.58),
            (1.27, 1.40, 1.58),
            (1.25, 1.36, 1.49),
            (1.68, 1.85, 2.04),
        ),
    ),
    "isp_uk": Trace(
        "isp_uk_2004_5min.csv",
        "2004-12-01",
        14,
        (
            (1.71, 1.70, 1.70),
            (1.05, 1.06, 1.08),
            (1.09, 1.10, 1.12),
            (1.11, 1.12, 1.15),
            (1.04, 1.04, 1.04),
            (1.02, 1.05, 1.05),
            (1.63, 1.70, 1.82),
        ),
    ),
    "tweets_amzn": Trace(
        "tweets_amzn_2015_5min.csv",
        "2015-04-01",
        14,
        (
            (1.92, 2.01, 2.30),
            (1.57, 1.81, 2.26),
            (1.47, 1.69, 2.09),
            (1.52, 1.74, 2.21),
            (1.53, 1.76, 2.22),
            (1.45, 1.67, 2.09),
            (1.85, 2.26, 2.94),
        ),
    ),
    "tweets_goog": Trace(
        "tweets_goog_2015_5min.csv",
        "2015-04-01",
        14,
        (
            (2.06, 2.24, 2.81),
            (1.80, 2.17, 2.84),
            (1.68, 2.00, 2.55),
            (1.75, 2.10, 2.79),
            (1.73, 2.08, 2.72),
            (1.68, 1.99, 2.65),
            (2.52, 3.27, 4.55),
        ),
    ),
    "nyc_taxi": Trace(
        "nyc_taxi_2014_30min.csv",
        "2014-10-20",
        14,
        (
            (1.69, 1.69, 1.69),
            (1.06, 1.07, 1.09),
            (1.10, 1.11, 1.13),
            (1.11, 1.13, 1.15),
            (1.04, 1.05, 1.06),
            (1.02, 1.05, 1.06),
            (1.58, 1.62, 1.70),
        ),
    ),
    "llm_m_large": Trace(
        "llm_servegen_m_large_10min.csv",
        "2025-01-08",
        7,
        (
            (1.72, 1.72, 1.73),
            (1.21, 1.30, 1.43),
            (1.18, 1.26, 1.35),
            (1.38, 1.46, 1.50),
            (1.21, 1.27, 1.37),
            (1.14, 1.26, 1.34),
            (1.81, 1.94, 2.14),
        ),
    ),
    "azure_vm_cpu": Trace(
        "azure_vm_cpu_2019_5min.csv",
        "2019-01-16",
        14,
        (
            (1.71, 1.71, 1.71),
            (1.03, 1.04, 1.04),
            (1.06, 1.08, 1.09),
            (1.03, 1.04, 1.05),
            (1.02, 1.03, 1.03),
            (1.01, 1.02, 1.03),
            (1.09, 1.10, 1.12),
        ),
    ),
}


def read_window(folder: Path, trace: Trace, price: float) -> Window:
    """Return the window of a trace with twice the history that tuning may use."""
    load = read_load(folder / trace.file)
    start = datetime.fromisoformat(trace.start).replace(tzinfo=UTC)
    first = (start - load.start) // timedelta(minutes=1)
    begin = max(0, first - 2 * HISTORY_DAYS * DAY)
    rates = load.minute_rates[begin : first + trace.days * DAY]
    capacity = rates[first - begin :].mean() / MEAN_MACHINES
    rules = make_rules(capacity=capacity, failure_price=price)
    return Window(rates, first - begin, rules, minute_of_hour=(load.start.minute + begin) % 60)


def costs_over_oracle(window: Window) -> dict[str, float]:
    """Return J / J of the oracle by baseline."""
    runs = run_baselines(window.recent(HISTORY_DAYS), history=window.tuning(HISTORY_DAYS))
    costs = {name: run.trajectory.cost(window.rules) for name, run in runs.items()}
    return {name: costs[name] / costs[ORACLE] for name in costs}


def compare(trace: Trace, window: Window, price: float) -> dict[str, float]:
    """Return our figures less the known ones, by baseline."""
    ours = costs_over_oracle(window)
    column = PRICES.index(price)
    return {name: ours[name] - trace.known[row][column] for row, name in enumerate(NAMES)}


def _print(name: str, trace: Trace, figures: Mapping[float, Mapping[str, float]]) -> None:
    print(name)
    for row, baseline in enumerate((*NAMES, "step_scaling")):
        ours = [figures[price][baseline] for price in PRICES]
        known = trace.known[row] if row < len(NAMES) else ()
        shown = " ".join(f"{each:6.3f}" for each in ours)
        beside = " ".join(f"{each:4.2f}" for each in known)
        off = any(abs(a - b) > 0.02 for a, b in zip(ours, known, strict=False))
        print(f"  {baseline:24}{shown}   {beside}{' off' if off else ''}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table and return the exit status: 1 if a figure is off, 2 for a mistake."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the traces")
    return in_one_line(partial(_table, parser.parse_args(argv).folder))


def _table(folder: Path) -> int:
    """Print the table and return 1 if a figure is off.

    Raises:
        UserError: a trace is not there, or no load.
    """
    # All of them first: the table takes minutes.
    if missing := [each.file for each in TRACES.values() if not (folder / each.file).is_file()]:
        raise UserError(f"{folder} holds no {', '.join(missing)}: give the folder of all traces")
    started, worst = time.process_time(), 0.0
    for name, trace in TRACES.items():
        figures = {price: costs_over_oracle(read_window(folder, trace, price)) for price in PRICES}
        _print(name, trace, figures)
        for row, baseline in enumerate(NAMES):
            for known, price in zip(trace.known[row], PRICES, strict=True):
                worst = max(worst, abs(figures[price][baseline] - known))
    print(f"largest difference {worst:.3f}; {time.process_time() - started:.1f} CPU seconds")
    return int(worst > 0.02)


if __name__ == "__main__":
    sys.exit(main())
