"""The page about unseen load, from what was judged."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from autoscaling_rl.baselines.registry import BASELINES
from autoscaling_rl.scorecard import POLICY
from benchmarks.results_format import figure, method, percent, table
from benchmarks.unseen.judge import Judged
from benchmarks.unseen.parts import KINDS

BEYOND = 1.02
KIND_WORDS = {
    "mild": "smooth seasons, trends, damaged recordings",
    "clock": "jumps at fixed times",
    "broken": "a clock that shifts, stops, begins or fails",
    "none": "no clock",
}


def write_page(found: Sequence[Judged], made: Mapping[str, Any], path: Path) -> None:
    """Write the page as Markdown."""
    parts = [_head(found, made), by_kind(found), _METHODS, by_method(found), _BEYOND]
    parts += [beyond(found), _FAMILIES, by_family(found)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _head(found: Sequence[Judged], made: Mapping[str, Any]) -> str:
    families = len({each.window.family for each in found})
    return (
        "# Loads that nobody had looked at\n\n"
        "Made by `python benchmarks/generalisation.py --write docs/generalisation.md` "
        f"([program](../benchmarks/generalisation.py)) with one model, `{made['preset']}`, seed "
        f"{made['seed']}, source revision `{made['source_revision']}`. Not written by hand.\n\n"
        f"{len(found)} windows of {families} families ([benchmarks/unseen](../benchmarks/unseen)): "
        "a second writer made them without sight of the policy, its training or its earlier tests, "
        "and none of these families was looked at before the policy was as it is. Each window "
        "draws its load, and rules of many kinds: 5 to 200 machines, warm-ups of 1 to 30 minutes "
        "or of a distribution, prices of 5 to 100, prices of a change, minimum billing, failing "
        "launches, late metrics, limits, bins. Every window that was drawn counts. Four weeks are "
        "known before it, the last two of them to tune the baselines on; seven days are judged.\n\n"
        "The gap is that between tuned target tracking and the optimum in hindsight; J relative to "
        "tuned target tracking is below 1 where the policy is cheaper. Where boot times scatter "
        "the optimum is no bound ([results](results.md)), and gaps flatter."
    )


_METHODS = "## Every method on these windows\n\nJ relative to tuned target tracking."
_BEYOND = f"## Windows beyond {BEYOND} of tuned target tracking"
_FAMILIES = "## Family by family"


def by_kind(found: Sequence[Judged]) -> str:
    """Return a table of all windows, and of those of each kind."""
    head = ["load", "windows", "gap closed, median", "mean", "J, median", "worst", "dearer"]
    head += [f"beyond {BEYOND}"]
    rows = [_row("all", found)]
    for kind in KINDS:
        if of_kind := [each for each in found if each.kind == kind]:
            rows.append(_row(KIND_WORDS[kind], of_kind))
    return table(head, rows)


def _row(label: str, found: Sequence[Judged]) -> list[str]:
    gaps, ratios = [each.gap for each in found], [each.ratio() for each in found]
    return [
        label,
        str(len(found)),
        figure(median(gaps), 2),
        figure(sum(gaps) / len(gaps), 2),
        figure(median(ratios)),
        figure(max(ratios)),
        str(sum(ratio > 1 for ratio in ratios)),
        str(sum(ratio > BEYOND for ratio in ratios)),
    ]


def by_method(found: Sequence[Judged]) -> str:
    """Return a table of the policy and every baseline."""
    head = [
        "method",
        "median",
        "worst window",
        "dearer",
        f"beyond {BEYOND}",
        "the policy is dearer",
    ]
    rows = []
    for name in (POLICY, *(each for each in BASELINES if each in found[0].costs)):
        ratios = [each.ratio(name) for each in found]
        beaten = [each.costs[POLICY] > each.costs[name] for each in found]
        shares: list[Callable[[float], bool]] = [lambda r: r > 1, lambda r: r > BEYOND]
        cells = [percent(sum(map(test, ratios)) / len(ratios)) for test in shares]
        label = "**the policy**" if name == POLICY else method(name)
        lost = "" if name == POLICY else percent(sum(beaten) / len(beaten))
        rows.append([label, figure(median(ratios)), figure(max(ratios), 2), *cells, lost])
    return table(head, rows)


def beyond(found: Sequence[Judged]) -> str:
    """Return a table of the windows where the policy costs much more than tuned target tracking."""
    worst = sorted(found, key=Judged.ratio, reverse=True)
    rows = [
        [f"`{each.window.name}`", each.kind, figure(each.ratio()), figure(each.gap, 2), each.rules]
        for each in worst
        if each.ratio() > BEYOND
    ]
    return table(["window", "kind", "J", "gap", "rules"], rows) if rows else "There are none."


def by_family(found: Sequence[Judged]) -> str:
    """Return a table of the families, the one with the least gain first."""
    families: dict[str, list[Judged]] = {}
    for each in found:
        families.setdefault(each.window.family, []).append(each)
    ordered = sorted(families.items(), key=lambda item: median(each.gap for each in item[1]))
    rows = []
    for name, its in ordered:
        gap, ratios = median(each.gap for each in its), [each.ratio() for each in its]
        cells = [figure(gap, 2), figure(median(ratios)), figure(max(ratios))]
        rows.append([f"`{name}`", its[0].kind, *cells])
    return table(["family", "kind", "gap closed, median", "J, median", "J, worst"], rows)
