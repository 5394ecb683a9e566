"""Where a preset does not win: the rows are picked from the results, not by hand."""

from collections import Counter
from typing import NamedTuple

from autoscaling_rl.baselines.registry import DEFAULT as TRACKING
from autoscaling_rl.scorecard import Interval, paired_interval
from benchmarks.results_format import RULES, count, figure, listed, method, percent, table, title
from benchmarks.results_read import Results, Run, Spot

HEAD = (
    "load",
    "rules",
    "preset",
    "loses to",
    "J more by",
    "machine time",
    "failed work",
    "why",
)


LITTLE = 5e-4  # of J: rounds to 0.0 %


class Loss(NamedTuple):
    """A run that cost more than a baseline did."""

    spot: Spot
    preset: str
    which: str  # "median" or "worst" seed
    baseline: str
    ours: Run
    theirs: Run
    others: int  # further tuned baselines that are cheaper, too


def find_losses(results: Results, spot: Spot, preset: str) -> list[Loss]:
    """Return where a preset loses at a place.

    That is the median seed against the cheapest tuned baseline, and the worst seed against tuned
    target tracking.
    """
    found, tuned = [], results.tuned(spot)
    middle, worst = results.median(spot, preset), results.worst(spot, preset)
    cheaper = [name for name, run in tuned.items() if run.cost < middle.cost]
    if cheaper:
        best = cheaper[0]
        found.append(
            Loss(spot, preset, "median", best, middle, tuned[best], len(cheaper) - 1),
        )
    if worst.cost > tuned[TRACKING].cost and (worst is not middle or TRACKING not in cheaper[:1]):
        found.append(Loss(spot, preset, "worst", TRACKING, worst, tuned[TRACKING], 0))
    return found


def recorded_losses(results: Results) -> str:
    """Return every loss on recorded load, or that there is none."""
    spots = results.spots("trace")
    cases = len(spots) * len(results.presets)
    losses = _all(results, spots)
    if not losses:
        return f"Recorded load: none in {count(cases, 'case')} (loads x rules x presets)."
    lost = len({(loss.spot, loss.preset) for loss in losses})
    lead = f"Recorded load: {lost} of {count(cases, 'case')} (loads x rules x presets)."
    return f"{lead}\n\n{table(HEAD, [_row(loss) for loss in losses])}"


def generated_losses(results: Results) -> str:
    """Return losses to tuned target tracking on generated load, and count those to others."""
    spots = results.spots("generated")
    cases = len(spots) * len(results.presets)
    losses = _all(results, spots)
    serious = [loss for loss in losses if loss.ours.cost > results.tracking(loss.spot).cost]
    lost = {(loss.spot, loss.preset) for loss in serious}
    lead = f"Generated load: {len(lost)} of {count(cases, 'case')} (windows x presets)"
    parts = [f"{lead} lose to tuned target tracking with the median or the worst seed."]
    others = [loss for loss in losses if (loss.spot, loss.preset) not in lost]
    if others:
        parts[0] += f" In {len(others)} more the median seed loses to another tuned baseline, the"
        parts[0] += f" best one of the window as it turned out: {_counts(others)}."
    if serious:
        parts += ["", table(HEAD, [_row(loss) for loss in serious])]
    return "\n".join(parts)


def _all(results: Results, spots: list[Spot]) -> list[Loss]:
    return [
        loss
        for spot in spots
        for preset in results.presets
        for loss in find_losses(results, spot, preset)
    ]


def _counts(losses: list[Loss]) -> str:
    counts = Counter((loss.spot.group, loss.baseline) for loss in losses)
    return listed([f"{group} to {method(name)} {n}" for (group, name), n in counts.most_common()])


def _row(loss: Loss) -> list[str]:
    ours, theirs = loss.ours.totals, loss.theirs.totals
    machines = (ours.billed - theirs.billed) / theirs.cost
    difference = (ours.cost - theirs.cost) / theirs.cost
    interval = paired_interval(loss.ours.daily, loss.theirs.daily)
    series = f" ({loss.spot.series})" if loss.spot.kind != "trace" else ""
    more = f" and {count(loss.others, 'other')}" if loss.others else ""
    return [
        title(loss.spot.group) + series,
        RULES.get(loss.spot.setting, loss.spot.setting),
        f"`{loss.preset}`, {loss.which} seed",
        method(loss.baseline) + more,
        percent(difference) + _ends(interval),
        percent(machines),
        percent(difference - machines),
        why(machines, difference - machines, interval),
    ]


def _ends(interval: Interval | None) -> str:
    if interval is None or interval.lower is None or interval.upper is None:
        return ""
    return f" ({figure(-100 * interval.upper, 1)} to {figure(-100 * interval.lower, 1)})"


def why(machines: float, failed: float, interval: Interval | None) -> str:
    """Return in words where a loss comes from.

    Args:
        machines: more machine time, as a share of the other's J.
        failed: more failed work (and changes), likewise.
        interval: of the saving.
    """
    if min(machines, failed) > LITTLE:
        words = "more machines and more failures: it foresees this load less well"
    elif abs(failed) <= LITTLE:
        words = "more machines, and no fewer failures for them"
    elif abs(machines) <= LITTLE:
        words = "more failures with as many machines: it sees rises later"
    elif machines > 0:
        words = "too cautious: the failures it avoids are worth less than the machines"
    else:
        words = "too daring: the machines it saves are worth less than the failures"
    if interval is not None and interval.upper is not None and interval.upper > 0:
        words += "; the choice of days could explain it"
    return words
