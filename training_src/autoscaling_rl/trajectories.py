"""trajectories.csv: what every policy did in every minute."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from autoscaling_rl.baselines.window import ACTIVE, DESIRED, FAILED, PENDING, Trajectory, Window

COLUMNS = ("minute", "load", "policy", "desired", "active", "pending", "failed")


def write_trajectories(path: Path, window: Window, runs: Mapping[str, Trajectory]) -> None:
    """Write runs over a window by policy; minute 0 is its start, loads are in requests."""
    minutes, loads = range(window.minutes), np.round(window.requests, 6).tolist()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for name, run in runs.items():
            counts = run.record[[DESIRED, ACTIVE, PENDING]].astype(np.int64).tolist()
            failed = np.round(run.record[FAILED], 6).tolist()
            columns = (minutes, loads, [name] * window.minutes, *counts, failed)
            writer.writerows(zip(*columns, strict=True))
