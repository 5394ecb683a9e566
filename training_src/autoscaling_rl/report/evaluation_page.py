"""The report of an evaluation: the policy against the baselines over the same windows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autoscaling_rl.report.charts import Curve, learning_curve
from autoscaling_rl.report.comparison import Comparison, compare, comparisons, resolve
from autoscaling_rl.report.example import Example
from autoscaling_rl.report.load_charts import load_charts
from autoscaling_rl.report.page import Page, Section, details, note_list
from autoscaling_rl.report.rows import returns_chart, savings_chart
from autoscaling_rl.report.tables import explanations, pairs, return_table, score_table
from autoscaling_rl.report.trade_off import trade_off
from autoscaling_rl.report.verdict import cost_tiles, gate_verdict, return_tiles
from autoscaling_rl.report.words import share

MOST_EXAMPLES = 6


def write_evaluation_report(
    path: Path,
    *,
    title: str,
    scorecard: Mapping[str, Any],
    curve: Curve,
    trajectories: Sequence[Example],
    provenance: Mapping[str, object],
    settings: Mapping[str, object],
    notes: Sequence[str] = (),
    baseline: str | None = None,
    confidence: float = 0.95,
    unit: str = "window",
) -> None:
    """Write the report of an evaluation as one self-contained HTML file.

    Args:
        path: the file.
        title: what was evaluated.
        scorecard: as `evaluation_scorecard` returns it; with the metric "return", the values alone
            are shown.
        curve: rows of [environment steps, training reward, test reward].
        trajectories: windows to show; empty for an environment without load.
        provenance: what was run and where: preset, seed, source revision, environment and version,
            the job's name or "ran as a local process".
        settings: the effective preset; tables within tables are fine.
        notes: what readers should know besides.
        baseline: what the gate compares with, None for the scorecard's default.
        confidence: of the gate's lower bound.
        unit: what the scorecard has a value for, "window", "day" or "part".
    """
    name = resolve(scorecard, baseline)
    found = compare(scorecard, baseline, confidence=confidence)
    everyone = comparisons(scorecard, confidence=confidence)
    costs = scorecard["metric"] == "J"
    if costs:
        sections = _cost_sections(scorecard["policies"], name, everyone, trajectories, unit)
    else:
        sections = _return_sections(scorecard["policies"], name)
    sections += [
        Section("Learning curve", learning_curve(curve), _CURVE),
        Section(
            "Settings and provenance", pairs(provenance) + details("All settings", pairs(settings))
        ),
    ]
    if notes:
        sections.append(Section("Notes", note_list(notes)))
    tiles = cost_tiles if costs else return_tiles
    Page(
        title=title,
        verdict=gate_verdict(scorecard, found, everyone, confidence, unit),
        tiles=tiles(scorecard["policies"], name, found),
        sections=sections,
    ).write(Path(path))


_CURVE = (
    "Training reward is what exploring policies earned while learning; test reward is what the "
    "policy earned without exploring. Higher is better."
)


def _cost_sections(
    policies: Mapping[str, Any],
    baseline: str | None,
    everyone: Sequence[Comparison],
    examples: Sequence[Example],
    unit: str,
) -> list[Section]:
    sections = [
        scores(policies, baseline),
        savings(everyone, baseline, unit),
        balance(policies, baseline),
    ]
    if examples:
        sections.append(Section("Load and capacity", _examples(examples, baseline)))
    return sections


def scores(policies: Mapping[str, Any], baseline: str | None) -> Section:
    """Return the score table with what each autoscaler does."""
    body = score_table(policies, baseline) + explanations(list(policies))
    return Section("Scores", body, "All met the same load. Cheapest first.")


def savings(everyone: Sequence[Comparison], baseline: str | None, unit: str) -> Section:
    """Return what the policy saves against each baseline in each window."""
    coverage = f"{share(everyone[0].coverage)} confidence interval" if everyone else "interval"
    lead = (
        f"What the policy saves of each baseline's cost, in every {unit} and in all together, "
        f"with the {coverage}. Right of zero the policy is cheaper."
    )
    return Section(f"Saving per {unit}", savings_chart(everyone, baseline, unit), lead)


def balance(policies: Mapping[str, Any], baseline: str | None) -> Section:
    """Return the chart of failed work against machine-hours."""
    lead = (
        "Fewer machines fail more work: the lower left is best. Whatever lies on the dashed line "
        "costs as much as the policy."
    )
    return Section("Failed work against machine-hours", trade_off(policies, baseline), lead)


def _examples(examples: Sequence[Example], baseline: str | None) -> str:
    shown = examples[:MOST_EXAMPLES]
    parts = [
        details(each.name, load_charts(each, baseline), opened=place == 0)
        for place, each in enumerate(shown)
    ]
    if len(examples) > len(shown):
        parts.append(f'<p class="quiet">{len(examples) - len(shown)} more are not shown.</p>')
    return "".join(parts)


def _return_sections(policies: Mapping[str, Any], baseline: str | None) -> list[Section]:
    values = {name: each.get("values") or [] for name, each in policies.items()}
    table = return_table(values, baseline) + explanations(list(values))
    return [
        Section("Scores", table, "Returns of whole episodes."),
        Section("Returns", returns_chart(values), "Higher is better."),
    ]
