"""What a back-test leaves behind: scorecard, trajectories and report."""

import json
from pathlib import Path

from autoscaling_rl.backtest import Result
from autoscaling_rl.report import write_backtest_report
from autoscaling_rl.trajectories import write_trajectories


def write_backtest(result: Result, folder: Path) -> None:
    """Write trajectories.csv, scorecard.json and report.html into a folder that exists."""
    trajectories = {name: run.trajectory for name, run in result.runs.items()}
    write_trajectories(folder / "trajectories.csv", result.window, trajectories)
    text = json.dumps(result.scorecard(), indent=2, allow_nan=False)
    (folder / "scorecard.json").write_text(text + "\n", encoding="utf-8")
    write_backtest_report(result, folder / "report.html")
