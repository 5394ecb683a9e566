"""The page about unseen load, from what was judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from autoscaling_rl.baselines.registry import BASELINES
from autoscaling_rl.scorecard import POLICY
from benchmarks.results_format import count, figure, method, percent, table
from benchmarks.unseen import HELD
from benchmarks.unseen.judge import Judged
from benchmarks.unseen.parts import KINDS

BEYOND = 1.02
KIND_WORDS = {
    "mild": "smooth seasons, trends, damaged recordings",
    "clock": "jumps at fixed times",
    "broken": "a clock that shifts, stops, begins, fails or has a day off",
    "none": "no clock",
}


@dataclass(frozen=True)
class Made:
    """How the page was made.

    Attributes:
        command: that makes it again.
        model: in words.
        revision: of the sources that judged.
    """

    command: str
    model: str
    revision: str


def write_page(found: Sequence[Judged], made: Made, path: Path) -> None:
    """Write the page as Markdown; at least one window was judged."""
    parts = [_head(found, made), by_kind(found), _METHODS, by_method(found), _BEYOND]
    parts += [beyond(found), _FAMILIES, by_family(found)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _head(found: Sequence[Judged], made: Made) -> str:
    families = {each.window.family for each in found}
    some = f"{len(families)} families" if len(families) > 1 else "one family"
    new = families <= set(HELD)
    looked = "" if new else ", some of them looked at while changes were tried"
    return (
        "# Loads that nobody had looked at\n\n"
        f"Made by `{made.command}`, sources `{made.revision}` (a hash of the training bundle), "
        f"with {made.model}. Not written by hand.\n\n"
        f"{count(len(found), 'window')} of {some}{looked}. Others made the families "
        "([benchmarks/unseen](../benchmarks/unseen)) without sight of the policy, its training and "
        "its earlier tests, and those held out were not looked at before the policy was as it is. "
        "Each window draws its load, and its rules: a mean load of 5 to 200 machines, warm-ups of "
        "1 to 30 minutes or of a distribution, failure prices of 5 to 100, and in some a price of "
        "changes, minimum billing, failing launches, late metrics, a limit of the fleet, or a "
        "recording in bins of five minutes. Every window that is drawn counts. Four weeks are "
        "known before it, the last two of them to tune the baselines on; seven days are judged.\n\n"
        "J is that of [the results](results.md), relative to tuned target tracking: below 1 the "
        "policy is cheaper. The gap is that between tuned target tracking and the optimum in "
        "hindsight. Where boot times scatter, that optimum plans with their median: it is no "
        "bound, gaps are rough, and where it costs more than tuned target tracking there is none."
    )


_METHODS = f"""## Every method on these windows

J relative to tuned target tracking; and in how many of the windows a method costs more than that,
over {100 * (BEYOND - 1):.0f} % more, and less than the policy."""
_BEYOND = f"## Windows beyond {BEYOND} of tuned target tracking"
_FAMILIES = "## Family by family"


def by_kind(found: Sequence[Judged]) -> str:
    """Return a table of all windows, and of those of each kind."""
    head = ["load", "kind", "windows", "gap closed, median", "J, median", "J, worst"]
    head += ["dearer", f"beyond {BEYOND}"]
    rows = [_row("all", "", found)]
    for kind in KINDS:
        if of_kind := [each for each in found if each.kind == kind]:
            rows.append(_row(KIND_WORDS[kind], f"`{kind}`", of_kind))
    return table(head, rows)


def _row(label: str, kind: str, found: Sequence[Judged]) -> list[str]:
    ratios = [each.ratio() for each in found]
    return [
        label,
        kind,
        str(len(found)),
        figure(median_gap(found), 2),
        figure(median(ratios)),
        figure(max(ratios)),
        str(sum(ratio > 1 for ratio in ratios)),
        str(sum(ratio > BEYOND for ratio in ratios)),
    ]


def median_gap(found: Sequence[Judged]) -> float | None:
    """Return the median gap closed in those windows that have one; None if none has."""
    gaps = [each.gap for each in found if each.gap is not None]
    return median(gaps) if gaps else None


def by_method(found: Sequence[Judged]) -> str:
    """Return a table of the policy and every baseline, in shares of the windows."""
    head = ["method", "J, median", "J, worst", "dearer", f"beyond {BEYOND}"]
    head += ["cheaper than the policy"]
    rows = []
    for name in (POLICY, *(each for each in BASELINES if each in found[0].costs)):
        ratios = [each.ratio(name) for each in found]
        dearer = percent(sum(ratio > 1 for ratio in ratios) / len(ratios))
        over = percent(sum(ratio > BEYOND for ratio in ratios) / len(ratios))
        cheaper = sum(each.costs[name] < each.costs[POLICY] for each in found) / len(found)
        label = "**the policy**" if name == POLICY else method(name)
        share = "" if name == POLICY else percent(cheaper)
        rows.append([label, figure(median(ratios)), figure(max(ratios), 2), dearer, over, share])
    return table(head, rows)


def beyond(found: Sequence[Judged]) -> str:
    """Return a table of the windows where the policy costs much more than tuned target tracking."""
    worst = sorted(found, key=Judged.ratio, reverse=True)
    rows = [
        [f"`{each.window.name}`", f"`{each.kind}`", figure(each.ratio()), each.rules]
        for each in worst
        if each.ratio() > BEYOND
    ]
    return table(["window", "kind", "J", "rules"], rows) if rows else "There are none."


def by_family(found: Sequence[Judged]) -> str:
    """Return a table of the families, by what the policy saves, the least first."""
    families: dict[str, list[Judged]] = {}
    for each in found:
        families.setdefault(each.window.family, []).append(each)
    rows = []
    for name, its in families.items():
        ratios = [each.ratio() for each in its]
        cells = [figure(median(ratios)), figure(max(ratios)), figure(median_gap(its), 2)]
        rows.append((median(ratios), [f"`{name}`", f"`{its[0].kind}`", *cells]))
    ordered = [row for _, row in sorted(rows, reverse=True)]
    return table(["family", "kind", "J, median", "J, worst", "gap closed, median"], ordered)
