"""Tables about recorded traces: every method, every seed, savings, other rules."""

from collections.abc import Iterator
from statistics import median

from autoscaling_rl.baselines.registry import ORACLE
from autoscaling_rl.scorecard import paired_interval
from benchmarks.results_format import (
    RULES,
    bare,
    bold_least,
    figure,
    method,
    percent,
    saving,
    short,
    table,
    title,
)
from benchmarks.results_places import DEFAULT, SETTINGS
from benchmarks.results_read import Results, Run, Spot, pooled

HINDSIGHT = (ORACLE, "static_best")  # know what no controller knows
ALL = "all together"


def methods(results: Results, spot: Spot) -> Iterator[tuple[str, Run, bool]]:
    """Yield label, run and whether it is a contender: oracle, baselines, presets."""
    yield method(ORACLE), results.oracle(spot), False
    for name, run in results.baselines(spot).items():
        yield method(name), run, name not in HINDSIGHT
    for preset in results.presets:
        yield f"`{preset}`, median seed", results.median(spot, preset), True
        yield f"`{preset}`, worst seed", results.worst(spot, preset), True


def overview(results: Results) -> str:
    """Return J over the oracle's of every method on every trace, and how often presets win."""
    spots = results.spots("trace", DEFAULT)
    columns: list[list[str]] = []
    numbers: list[list[float]] = []
    for spot in spots:
        every = list(methods(results, spot))
        ratios = [run.cost / results.oracle(spot).cost for _, run, _ in every]
        numbers.append(ratios)
        columns.append(bold_least(ratios, 3, [contender for _, _, contender in every]))
    labels = [label for label, _, _ in methods(results, spots[0])]
    medians = [figure(median(each), 3) for each in zip(*numbers, strict=True)]
    rows = [list(row) for row in zip(labels, *columns, medians, strict=True)]
    head = ["J over the oracle's", *(short(spot.group) for spot in spots), "median"]
    words = [_wins(results, preset, spots) for preset in results.presets]
    return "\n".join([table(head, rows), "", *words])


def _wins(results: Results, preset: str, spots: list[Spot]) -> str:
    """Return on how many loads a preset is cheaper, in words."""
    texts = []
    for pick in (results.median, results.worst):
        ours = [(spot, pick(spot, preset).cost) for spot in spots]
        tracking = sum(cost < results.tracking(spot).cost for spot, cost in ours)
        every = sum(cost < results.best(spot)[1].cost for spot, cost in ours)
        texts += [f"{tracking} of {len(spots)}", f"{every} of {len(spots)}"]
    return (
        "- `{}`: the median seed costs less than tuned target tracking on {} loads, and less than "
        "every tuned baseline on {}; the worst seed on {} and on {}."
    ).format(preset, *texts)


def trade_off(results: Results) -> str:
    """Return a table for each trace: failed work and machine-hours apart."""
    head = ["method", "failed work", "machine-hours", "J / oracle", "gap closed", "changes a day"]
    parts = []
    for spot in results.spots("trace", DEFAULT):
        rows = []
        for label, run, _ in methods(results, spot):
            numbers = results.figures(spot, run)
            failed = numbers["failed_percent"]
            rows.append(
                [
                    label,
                    percent(None if failed is None else failed / 100, 3),
                    figure(numbers["machine_hours"], 0),
                    figure(numbers["J_over_oracle"], 3),
                    figure(numbers["gap_closed"], 2),
                    figure(numbers["changes_per_day"], 0),
                ]
            )
        parts += [f"### {title(spot.group)}", "", table(head, rows), ""]
    return "\n".join(parts).rstrip()


def seeds(results: Results) -> str:
    """Return the gap closed by trace, preset and seed."""
    spots = results.spots("trace", DEFAULT)
    head = ["preset, seed", *(short(spot.group) for spot in spots)]
    rows = []
    for preset in results.presets:
        for seed in sorted(results.summary["seeds"]):
            runs = {spot: dict(results.ranked(spot, preset))[seed] for spot in spots}
            cells = [figure(results.gap(spot, run), 2) for spot, run in runs.items()]
            rows.append([f"`{preset}`, {seed}", *cells])
    best = []
    for spot in spots:
        name, run = results.best(spot)
        best.append(f"{figure(results.gap(spot, run), 2)} {bare(name)}")
    return table(head, [*rows, ["best tuned baseline", *best]])


def savings(results: Results) -> str:
    """Return what presets save over target tracking and over the best tuned baseline."""
    spots = results.spots("trace", DEFAULT)
    head = ["recorded load", "preset", "over tuned target tracking", "worst seed"]
    head += ["over the best tuned", "worst seed", "which that is"]
    rows = []
    for spot in spots:
        rows += [_savings(results, spot, preset) for preset in results.presets]
    if len(spots) > 1:
        everything, place = pooled(results, spots, ALL)
        rows += [_savings(everything, place, preset) for preset in results.presets]
    return table(head, rows)


def _savings(results: Results, spot: Spot, preset: str) -> list[str]:
    name, best = results.best(spot)
    runs = (results.median(spot, preset), results.worst(spot, preset))
    cells = [
        saving(paired_interval(run.daily, other.daily))
        for other in (results.tracking(spot), best)
        for run in runs
    ]
    return [title(spot.group), f"`{preset}`", *cells, bare(name)]


def other_rules(results: Results) -> str:
    """Return a small table for each other setting."""
    parts = []
    for setting in SETTINGS:
        spots = results.spots("trace", setting)
        if setting != DEFAULT and spots:
            text = RULES[setting]
            parts += [f"### {text[0].upper()}{text[1:]}", "", _rules(results, spots), ""]
    return "\n".join(parts).rstrip()


def _rules(results: Results, spots: list[Spot]) -> str:
    head = ["recorded load", "target tracking, tuned", "best tuned"]
    for preset in results.presets:
        head += [f"`{preset}`", "gap closed (worst seed)"]
    rows = []
    for spot in spots:
        name, best = results.best(spot)

        def ratio(run: Run, spot: Spot = spot) -> str:
            return figure(results.figures(spot, run)["J_over_oracle"], 3)

        row = [title(spot.group), ratio(results.tracking(spot))]
        row.append(f"{ratio(best)} {bare(name)}")
        for preset in results.presets:
            middle, worst = results.median(spot, preset), results.worst(spot, preset)
            gaps = (figure(results.gap(spot, run), 2) for run in (middle, worst))
            row += [ratio(middle), "{} ({})".format(*gaps)]
        rows.append(row)
    return table(head, rows)


def left_out(results: Results) -> str:
    """Say which traces are missing, in a sentence or not at all."""
    absent = results.summary["absent"]
    if not absent:
        return ""
    return f"Not at hand, and left out: {'; '.join(title(name) for name in absent)}."
