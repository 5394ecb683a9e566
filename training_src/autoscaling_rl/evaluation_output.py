"""What an evaluation leaves behind: scorecard, trajectories and report."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoscaling_rl.baselines.window import DAY
from autoscaling_rl.evaluation import Evaluated
from autoscaling_rl.presets import EvaluationSettings
from autoscaling_rl.report import Example, compare, write_evaluation_report, write_picture
from autoscaling_rl.trajectories import write_trajectories

SCORECARD, REPORT = "scorecard.json", "report.html"
TRAJECTORIES, PICTURE = "trajectories.csv", "picture.png"
_EXAMPLES = 3  # windows that the report shows


def write_evaluation(
    result: Evaluated, manifest: Mapping[str, Any], folder: Path, judged: EvaluationSettings
) -> dict[str, Any]:
    """Write scorecard, trajectories of the first window, report and picture.

    Args:
        result: what the evaluation found.
        manifest: the artifact's manifest.
        folder: where the files go.
        judged: what the gate compares with.

    Returns:
        The scorecard.
    """
    card = result.scorecard
    _write_card(card, folder)
    first = {name: runs[0] for name, runs in result.runs.items()}
    write_trajectories(folder / TRAJECTORIES, result.stretches[0].window, first)
    examples = _examples(result)
    _write_report(card, manifest, folder, examples, judged, unit=_unit(result))
    comparison = compare(card, judged.baseline or None, confidence=judged.confidence)
    if comparison is not None:
        write_picture(folder / PICTURE, example=examples[0], comparison=comparison)
    return card


def _unit(result: Evaluated) -> str:
    """Return what the scorecard has a value for: recorded load is not always of whole days."""
    if result.start is None:
        return "window"
    days, left_over = divmod(result.stretches[0].window.minutes, DAY)
    return "day" if days > 1 and not left_over else "part"


def _examples(result: Evaluated) -> list[Example]:
    return [
        Example.of(
            name,
            stretch.window,
            {policy: runs[index] for policy, runs in result.runs.items()},
            start=result.start,
            minute_of_week=stretch.minute_of_week,
        )
        for index, (name, stretch) in enumerate(
            zip(result.names[:_EXAMPLES], result.stretches, strict=False)
        )
    ]


def _write_report(
    card: Mapping[str, Any],
    manifest: Mapping[str, Any],
    folder: Path,
    examples: list[Example],
    judged: EvaluationSettings,
    *,
    unit: str,
) -> None:
    preset, environment = manifest["preset"], manifest["environment"]
    job = os.environ.get("TRAINING_JOB_NAME", "none: run by hand")
    write_evaluation_report(
        folder / REPORT,
        title=f"Evaluation of {preset.get('name', 'a policy')}",
        scorecard=card,
        curve=manifest["figures"].get("training", {}).get("curve", []),
        trajectories=examples,
        provenance={
            "preset": preset.get("name", ""),
            "toolkit": preset.get("toolkit", ""),
            "seed": manifest["seed"],
            "source revision": manifest["source_revision"],
            "environment": f"{environment['id']}, {environment['version']}",
            "job": job,
            "ran as": "a container" if folder.is_relative_to("/opt/ml") else "a local process",
        },
        settings=preset,
        baseline=judged.baseline or None,
        confidence=judged.confidence,
        unit=unit,
    )


def write_returns(
    card: Mapping[str, Any],
    manifest: Mapping[str, Any],
    folder: Path,
    judged: EvaluationSettings,
) -> None:
    """Write scorecard and report of an evaluation by returns."""
    _write_card(card, folder)
    _write_report(card, manifest, folder, [], judged, unit="window")


def _write_card(card: Mapping[str, Any], folder: Path) -> None:
    text = json.dumps(card, indent=1, allow_nan=False)
    (folder / SCORECARD).write_text(text + "\n", encoding="utf-8")
