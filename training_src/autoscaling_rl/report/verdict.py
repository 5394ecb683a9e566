"""The headline of a report and the main figures below it."""

from collections.abc import Mapping, Sequence
from typing import Any

from autoscaling_rl.report.comparison import Comparison, resolve
from autoscaling_rl.report.page import Tile, Verdict
from autoscaling_rl.report.rows import finite
from autoscaling_rl.report.words import (
    describe,
    escaped,
    list_words,
    number,
    percent,
    share,
    signed,
)
from autoscaling_rl.scorecard import BEST_TUNED, POLICY

Figures = Mapping[str, Any]


def gate_verdict(
    scorecard: Figures,
    found: Comparison | None,
    everyone: Sequence[Comparison],
    confidence: float,
    unit: str = "window",
) -> Verdict:
    """Return whether the gate lets the policy pass, and why, in words.

    Args:
        scorecard: of the evaluation.
        found: against the gate's baseline, None if there is none.
        everyone: against each baseline.
        confidence: of the gate's lower bound.
        unit: what the scorecard has a value for, of a cost.
    """
    if found is None:
        headline = "The policy could not be judged: there is no baseline to compare it with."
        return Verdict("Not judged", "open", headline)
    costs = scorecard["metric"] == "J"
    words = cost_words(found) if costs else _return_words(scorecard["policies"], found)
    if found.lower is None:
        headline = f"{words}; one {unit if costs else 'episode'} cannot tell more than chance."
        return Verdict("Not judged", "open", headline)
    windows = f"{number(len(found.per_window))} {f'{unit}s of load' if costs else 'episodes'}"
    least = percent(found.lower) if costs else number(found.lower * found.scale, 1)
    bound = f"is at least {least}" if found.passed else "may be nothing or a loss"
    detail = (
        f"Measured over {windows} that both met. With {share(confidence)} confidence the "
        f"{'saving' if costs else 'gain'} {bound}; the gate asks for more than 0."
    )
    if found.baseline == resolve(scorecard, BEST_TUNED):
        name = describe(found.baseline).phrase
        detail += f" Of the baselines that were tuned on the days before, {name} did best here."
    if costs:
        detail += (
            f" Cost counts machine time, failed work and what changes cost. {_cheaper(everyone)}"
        )
    if found.passed:
        return Verdict("Passes the gate", "good", f"{words} and passes the gate.", detail)
    return Verdict("Rejected", "bad", f"{words}: the gate rejects it.", detail)


def replay_verdict(found: Comparison | None, everyone: Sequence[Comparison], span: str) -> Verdict:
    """Return how the policy did on recorded load, in words.

    Args:
        found: against the main baseline.
        everyone: against each baseline.
        span: the stretch of load.
    """
    if found is None:
        headline = "The policy could not be compared: the baseline cost nothing."
        return Verdict("Not judged", "open", headline)
    detail = f"Back-test over {span}. Cost counts machine time, failed work and what changes cost. "
    detail += _cheaper(everyone)
    if found.upper is not None and found.upper < 0:
        word, kind = "Costs more", "bad"
    elif found.passed:
        word, kind = "Costs less", "good"
    else:
        word, kind = "No clear difference", "open"
    return Verdict(word, kind, f"{cost_words(found)}.", detail)


def cost_words(found: Comparison) -> str:
    """Return what the policy costs against a baseline, with the interval."""
    word = "less" if found.saving >= 0 else "more"
    other = describe(found.baseline).phrase
    words = f"The policy costs {percent(abs(found.saving))} {word} than {other}"
    return words if found.lower is None else f"{words} ({interval_words(found)})"


def interval_words(found: Comparison) -> str:
    """Return the interval of a saving, without negative savings."""
    lower, upper = found.lower or 0.0, found.upper or 0.0
    if lower >= 0:
        ends = f"{percent(lower)} to {percent(upper)}"
    elif upper <= 0:
        ends = f"{percent(-upper)} to {percent(-lower)}"
    else:
        ends = f"{percent(-lower)} more to {percent(upper)} less"
    return f"{share(found.coverage)} confidence interval {ends}"


def _return_words(policies: Mapping[str, Figures], found: Comparison) -> str:
    ours, theirs = (
        float(finite(policies[name]["values"]).mean()) for name in (POLICY, found.baseline)
    )
    other = describe(found.baseline).phrase
    words = f"The policy earns {number(ours, 1)} per episode, {other} {number(theirs, 1)}"
    if found.lower is None or found.upper is None:
        return words
    ends = f"{number(found.lower * found.scale, 1)} to {number(found.upper * found.scale, 1)}"
    return f"{words} ({share(found.coverage)} confidence interval of the gain {ends})"


def _cheaper(everyone: Sequence[Comparison]) -> str:
    """Say which baselines did better: a report that leaves that out flatters."""
    better = sorted((each for each in everyone if each.saving < 0), key=lambda each: each.saving)
    if not better:
        return "No baseline was cheaper than the policy."
    named = [f"{describe(each.baseline).phrase} ({percent(-each.saving)})" for each in better]
    return f"Cheaper than the policy: {escaped(list_words(named))}."


def cost_tiles(
    policies: Mapping[str, Figures], baseline: str | None, found: Comparison | None
) -> list[Tile]:
    """Return the main figures of a policy whose cost is measured."""
    ours = policies[POLICY]
    theirs: Figures = policies[baseline] if baseline else {}
    label = describe(baseline).label if baseline else ""
    gap = "of the way from tuned target tracking to the oracle"
    return [
        Tile(
            "Cost saved",
            signed(found.saving if found else None),
            f"against {describe(baseline).phrase}" if baseline else "",
        ),
        Tile(
            "Failed work",
            percent(_share(ours.get("failed_percent")), 2),
            f"{label}: {percent(_share(theirs.get('failed_percent')), 2)}",
        ),
        Tile(
            "Machine-hours",
            number(ours.get("machine_hours")),
            f"{label}: {number(theirs.get('machine_hours'))}",
        ),
        Tile("Gap closed", percent(ours.get("gap_closed"), 0), gap),
    ]


def _share(value: float | None) -> float | None:
    return None if value is None else value / 100


def return_tiles(
    policies: Mapping[str, Figures], baseline: str | None, found: Comparison | None
) -> list[Tile]:
    """Return the main figures of a policy whose return is measured."""
    ours, theirs = (
        finite(policies[name].get("values") if name else ()) for name in (POLICY, baseline)
    )
    label = describe(baseline).label if baseline else ""
    tiles = [
        Tile(
            "Mean return",
            number(float(ours.mean()) if len(ours) else None, 2),
            f"{label}: {number(float(theirs.mean()) if len(theirs) else None, 2)}",
        ),
        Tile("Worst episode", number(float(ours.min()) if len(ours) else None, 2)),
    ]
    if found is not None:
        won = sum(gain > 0 for gain in found.per_window)
        tiles.append(Tile("Episodes won", f"{won} of {len(found.per_window)}", f"against {label}"))
    return tiles
