"""The report of a back-test: the policy and every baseline over recorded load."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoscaling_rl.baselines.registry import DEFAULT, ORACLE
from autoscaling_rl.baselines.window import DAY
from autoscaling_rl.report.comparison import Comparison
from autoscaling_rl.report.evaluation_page import balance, savings, scores
from autoscaling_rl.report.example import Example
from autoscaling_rl.report.load_charts import load_charts
from autoscaling_rl.report.page import Page, Section, note_list
from autoscaling_rl.report.tables import knob_table, pairs
from autoscaling_rl.report.verdict import cost_tiles, replay_verdict
from autoscaling_rl.report.words import number
from autoscaling_rl.scorecard import CONFIDENCE, POLICY

if TYPE_CHECKING:
    from autoscaling_rl.backtest import Result


def write_backtest_report(result: "Result", path: Path) -> None:
    """Write the report of a back-test as one self-contained HTML file.

    Args:
        result: what the back-test found.
        path: the file.
    """
    scorecard = result.scorecard()
    policies, everyone = scorecard["policies"], _comparisons(result, scorecard)
    found = next((each for each in everyone if each.baseline == DEFAULT), None)
    span = _span(result)
    sections = [
        scores(policies, DEFAULT),
        savings(everyone, DEFAULT, "day"),
        balance(policies, DEFAULT),
        Section("Load and capacity", load_charts(backtest_example(result), DEFAULT)),
        Section(
            "Knobs of the baselines",
            knob_table({name: run.knobs for name, run in result.runs.items()}),
            "Chosen by least cost on the days before the window alone.",
        ),
        Section("Settings", pairs(_settings(result, scorecard))),
    ]
    if result.load.gaps:
        gaps = [f"{gap}: interpolated" for gap in result.load.gaps]
        sections.append(Section("Notes", note_list(gaps)))
    Page(
        title=f"Back-test, {span}",
        verdict=replay_verdict(found, everyone, span),
        tiles=cost_tiles(policies, DEFAULT if DEFAULT in policies else None, found),
        sections=sections,
    ).write(Path(path))


def backtest_example(result: "Result") -> Example:
    """Return the window of a back-test with the runs that reports draw."""
    names = [name for name in (POLICY, DEFAULT, ORACLE) if name in result.runs]
    runs = {name: result.runs[name].trajectory for name in names}
    return Example.of("window", result.window, runs, start=result.start)


def _comparisons(result: "Result", scorecard: dict[str, Any]) -> list[Comparison]:
    """Return the scorecard's savings, with those of single days."""
    daily = {name: _daily(result, name) for name in result.runs}
    found = []
    for name, interval in scorecard["savings"].items():
        if interval is None or name == ORACLE:
            continue
        ours, theirs = daily[POLICY], daily[name]  # above zero: at least one machine is billed
        each = (theirs - ours) / theirs
        known = len(ours) > 1
        found.append(
            Comparison(
                baseline=name,
                saving=interval["saving"],
                lower=interval["lower"] if known else None,
                upper=interval["upper"] if known else None,
                coverage=2 * CONFIDENCE - 1,
                per_window=tuple(each.tolist()),
                scale=float(theirs.mean()),
            )
        )
    return found


def _daily(result: "Result", name: str) -> np.ndarray:
    costs = result.runs[name].trajectory.costs(result.window.rules)
    return np.add.reduceat(costs, np.arange(0, len(costs), DAY))


def _span(result: "Result") -> str:
    days = result.window.minutes / DAY
    return f"{number(days, 0 if days == int(days) else 1)} days from {result.start:%Y-%m-%d %H:%M}"


def _settings(result: "Result", scorecard: dict[str, Any]) -> dict[str, object]:
    window = scorecard["window"]
    return asdict(result.settings) | {
        "start": window["start"],
        "days": result.window.minutes / DAY,
        "history": f"{window['history_minutes'] / DAY:g} days",
        "capacity": f"{window['capacity']:g} requests per machine and minute",
    }
