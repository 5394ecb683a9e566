"""Tables about generated load of families that training never sees."""

from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

from benchmarks.results_format import figure, method, percent, table
from benchmarks.results_read import Results, Run, Spot

Pick = Callable[[Spot], Run]


def every_method(results: Results) -> str:
    """Return J relative to tuned target tracking over all windows, for every method."""
    spots = results.spots("generated")
    head = ["method", "median", "worst window", "windows that lose", "lose to the best tuned"]
    rows = [_row(results, spots, "oracle", results.oracle)]
    for name in results.baselines(spots[0]):
        rows.append(_row(results, spots, method(name), partial(_baseline, results, name)))
    for preset in results.presets:
        for label, pick in (("median", results.median), ("worst", results.worst)):
            picked = partial(_model, pick, preset)
            rows.append(_row(results, spots, f"`{preset}`, {label} seed", picked))
    return table(head, rows)


def by(results: Results, what: str) -> str:
    """Return the same for each preset and each group or setting of the windows."""
    spots = results.spots("generated")
    head = [{"group": "family", "setting": "rules"}[what], "preset, median seed", "median"]
    head += ["worst window", "windows that lose", "lose to the best tuned"]
    rows = []
    for value in dict.fromkeys(getattr(spot, what) for spot in spots):
        chosen = [spot for spot in spots if getattr(spot, what) == value]
        for preset in results.presets:
            row = _row(results, chosen, f"`{preset}`", partial(_model, results.median, preset))
            rows.append([value, *row])
    return table(head, rows)


def _baseline(results: Results, name: str, spot: Spot) -> Run:
    return results.runs[spot.name][name]


def _model(pick: Callable[[Spot, str], Run], preset: str, spot: Spot) -> Run:
    return pick(spot, preset)


def _row(results: Results, spots: Sequence[Spot], label: str, pick: Pick) -> list[str]:
    """Return median and worst J over that of tuned target tracking, and shares of windows lost."""
    ratios = [pick(spot).cost / results.tracking(spot).cost for spot in spots]
    best = [results.best(spot)[1].cost for spot in spots]
    lost = [pick(spot).cost > cost for spot, cost in zip(spots, best, strict=True)]
    above = [ratio > 1 for ratio in ratios]
    shares = (percent(sum(flags) / len(flags), 0) for flags in (above, lost))
    return [label, figure(median(ratios), 3), figure(max(ratios), 3), *shares]
