"""The headline of a report and the main figures below it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autoscaling_rl.report.comparison import Comparison
from autoscaling_rl.report.page import Tile, Verdict
from autoscaling_rl.report.words import (
    describe,
    interval,
    list_words,
    number,
    percent,
    plural,
    signed,
)
from autoscaling_rl.scorecard import POLICY

Figures = Mapping[str, Any]


def gate_verdict(
    scorecard: Figures,
    found: Comparison | None,
    everyone: Sequence[Comparison],
    confidence: float,
) -> Verdict:
    """Return whether the gate lets the policy pass, and why, in words."""
    if found is None:
        headline = "The policy could not be judged: there is no baseline to compare its cost with."
        return Verdict("Not judged", "open", headline)
    costs = scorecard["metric"] == "J"
    windows = plural(len(found.per_window), "window of load" if costs else "episode")
    if costs and len(found.per_window) != 1:
        windows = f"{len(found.per_window)} windows of load"
    statement = _statement(found, costs)
    if found.lower is None:
        headline = f"{statement}, but a single window cannot tell more than chance."
        return Verdict("Not judged", "open", headline)
    end = "and passes the gate" if found.passed else "and is rejected by the gate"
    bound = (
        f"with {100 * confidence:g} % confidence it is at least {percent(found.lower)}"
        if found.passed
        else f"with {100 * confidence:g} % confidence no more than {signed(found.lower)} is certain"
    )
    what = "saving" if costs else "gain"
    detail = (
        f"Measured over {windows} that both met. The interval covers {100 * found.coverage:g} %: "
        f"of the {what}, {bound}. The gate asks for more than zero. "
        f"{_cheaper(everyone) if costs else ''}"
    )
    word = "Passes the gate" if found.passed else "Rejected by the gate"
    headline = f"{statement} (confidence interval {interval(found)}), {end}."
    return Verdict(word, "good" if found.passed else "bad", headline, detail)


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
    detail = f"Back-test over {span}. {_cheaper(everyone)}"
    if found.lower is None or found.upper is None:
        return Verdict("A single day", "open", f"{_statement(found, True)}.", detail)
    kinds = {True: ("Cheaper", "good"), False: ("No clear difference", "open")}
    word, kind = ("Dearer", "bad") if found.upper < 0 else kinds[found.passed]
    headline = (
        f"{_statement(found, True)} ({100 * found.coverage:g} % confidence interval "
        f"{interval(found)})."
    )
    return Verdict(word, kind, headline, detail)


def _statement(found: Comparison, costs: bool) -> str:
    other = describe(found.baseline).phrase
    if costs:
        amount, word = percent(abs(found.saving)), "less" if found.saving >= 0 else "more"
        return f"The policy costs {amount} {word} than {other}"
    word = "above" if found.saving >= 0 else "below"
    return f"The policy's return is {percent(abs(found.saving), 0)} {word} that of {other}"


def _cheaper(everyone: Sequence[Comparison]) -> str:
    """Say which baselines did better: a report that leaves that out flatters."""
    better = sorted((each for each in everyone if each.saving < 0), key=lambda each: each.saving)
    if not better:
        return "No baseline was cheaper than the policy here."
    named = [f"{describe(each.baseline).phrase} ({percent(-each.saving)})" for each in better]
    return f"Cheaper than the policy here: {list_words(named)}."


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
            "Saving",
            signed(found.saving if found else None),
            f"interval {interval(found)}" if found and found.lower is not None else "",
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
    ours = _known(policies[POLICY])
    theirs = _known(policies[baseline]) if baseline else np.empty(0)
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


def _known(figures: Figures) -> np.ndarray:
    values = np.array([v for v in figures.get("values") or () if v is not None], np.float64)
    return values[np.isfinite(values)]
