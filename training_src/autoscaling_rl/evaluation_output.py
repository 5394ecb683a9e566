"""What an evaluation leaves behind: scorecard, trajectories and report."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autoscaling_rl.baselines.window import ACTIVE, DESIRED, FAILED, PENDING
from autoscaling_rl.evaluation import Evaluated

SCORECARD, REPORT, TRAJECTORIES = "scorecard.json", "report.html", "trajectories.csv"


def write_evaluation(
    result: Evaluated, manifest: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    """Write scorecard, trajectories of the first window and report; return the scorecard."""
    card = result.scorecard
    _write_card(card, folder)
    _write_trajectories(result, folder / TRAJECTORIES)
    return card


def write_returns(card: Mapping[str, Any], manifest: Mapping[str, Any], folder: Path) -> None:
    """Write scorecard and report of an evaluation by returns."""
    _write_card(card, folder)


def _write_card(card: Mapping[str, Any], folder: Path) -> None:
    text = json.dumps(card, indent=1, allow_nan=False)
    (folder / SCORECARD).write_text(text + "\n", encoding="utf-8")


def _write_trajectories(result: Evaluated, path: Path) -> None:
    """Write the first window in the format of a back-test's trajectories.csv."""
    window = result.stretches[0].window
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("minute", "load", "policy", "desired", "active", "pending", "failed"))
        loads = np.round(window.requests, 6).tolist()
        for name, trajectories in result.runs.items():
            record = trajectories[0].record
            counts = record[[DESIRED, ACTIVE, PENDING]].astype(np.int64).tolist()
            failed = np.round(record[FAILED], 6).tolist()
            names = [name] * window.minutes
            columns = (range(window.minutes), loads, names, *counts, failed)
            writer.writerows(zip(*columns, strict=True))
