"""The picture of the README: the gap that is closed on every load, seed by seed."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from autoscaling_rl.report.picture import BASELINE_COLOUR, ORACLE_COLOUR, POLICY_COLOUR, QUIET
from benchmarks.results_format import bare, title
from benchmarks.results_places import DEFAULT
from benchmarks.results_read import Results, Spot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST, MOST = -0.6, 1.0  # of the axis; what lies beyond is drawn at its edge
LANE = 0.25  # height between presets within a row


class Row(NamedTuple):
    """A line of the picture: gaps by preset, and the best tuned baseline."""

    label: str
    gaps: dict[str, list[float]]
    best: float
    name: str


def write_results_picture(results: Results, path: Path) -> None:
    """Write the picture, of recorded loads if there are any, as PNG of 1600 x 900 pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    spots = results.spots("trace", DEFAULT)
    rows = [_row(results, title(spot.group), [spot]) for spot in spots]
    if not spots:
        generated = results.spots("generated")
        groups = dict.fromkeys(spot.group for spot in generated)
        for group in groups:
            chosen = [spot for spot in generated if spot.group == group]
            rows.append(_row(results, group, chosen))
    rows.sort(key=lambda row: median(row.gaps[results.presets[0]]))
    figure = Figure(figsize=(16, 9), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for height, row in enumerate(rows):
        _draw(axis, height, row)
    _style(axis, rows)
    _legend(axis, results.presets)
    _titles(figure, len(rows), recorded=bool(spots))
    figure.subplots_adjust(left=0.235, right=0.965, top=0.85, bottom=0.135)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png")


def _titles(figure: "Figure", rows: int, *, recorded: bool) -> None:
    kind = f"{rows} recorded loads" if recorded else f"{rows} families of generated load"
    text = f"Gap closed between tuned target tracking and the optimum, {kind}"
    subtitle = "Policies trained on generated load alone; each dot is one training."
    if recorded:
        subtitle += " Failure price 20, warm-up 5 minutes, mean 20 machines."
    figure.text(0.02, 0.938, text, fontsize=23, fontweight="bold", color="#171b21")
    figure.text(0.02, 0.897, subtitle, fontsize=15.5, color=QUIET)


def _row(results: Results, label: str, spots: Sequence[Spot]) -> Row:
    """Return a line for one place; of several, medians over them."""

    def middle(gaps: Sequence[float | None]) -> float:
        return median(gap for gap in gaps if gap is not None)

    gaps = {
        preset: [
            middle([results.gap(spot, dict(results.ranked(spot, preset))[seed]) for spot in spots])
            for seed in results.summary["seeds"]
        ]
        for preset in results.presets
    }
    tuned = {
        name: middle([results.gap(spot, results.tuned(spot)[name]) for spot in spots])
        for name in results.tuned(spots[0])
    }
    best = max(tuned, key=lambda name: tuned[name])
    return Row(label, gaps, tuned[best], bare(best))


def _draw(axis: "Axes", height: int, row: Row) -> None:
    lanes = len(row.gaps) - 1
    for place, gaps in enumerate(row.gaps.values()):
        shown = [min(max(gap, LEAST), MOST) for gap in gaps]
        level = height + LANE * (lanes / 2 - place)
        axis.plot([min(shown), max(shown)], [level] * 2, color=POLICY_COLOUR, lw=1.2, alpha=0.5)
        axis.plot(shown, [level] * len(shown), "o", ms=11, **_dots(place))
    best = min(max(row.best, LEAST), MOST)
    axis.plot([best] * 2, [height - 0.3, height + 0.3], color=BASELINE_COLOUR, lw=3)
    axis.text(best, height - 0.33, row.name, fontsize=14, color=QUIET, ha="center", va="top")


def _dots(place: int) -> dict[str, Any]:
    """Return the style of a preset's dots: the first is filled."""
    fill = POLICY_COLOUR if place == 0 else "white"
    return {"mfc": fill, "mec": POLICY_COLOUR, "mew": 1.8, "alpha": 0.85}


def _style(axis: "Axes", rows: Sequence[Row]) -> None:
    every = [gap for row in rows for gaps in row.gaps.values() for gap in [*gaps, row.best]]
    axis.set_xlim(max(LEAST, min(-0.08, min(every) - 0.05)), 1.04)
    axis.set_ylim(-0.75, len(rows) - 0.4)
    axis.axvline(0, color=BASELINE_COLOUR, lw=1.4)
    axis.axvline(1, color=ORACLE_COLOUR, lw=2)
    axis.set_yticks(range(len(rows)), [row.label for row in rows])
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axis.set_xticklabels(["0\ntarget tracking, tuned", "0.25", "0.5", "0.75", "1\noracle"])
    axis.tick_params(axis="y", labelsize=15.5, length=0, colors="#171b21")
    axis.tick_params(axis="x", labelsize=13.5, length=0, colors=QUIET)
    axis.grid(axis="x", color="#e7eaee", lw=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left", "bottom"]].set_visible(False)


def _legend(axis: "Axes", presets: Sequence[str]) -> None:
    for place, preset in enumerate(presets):
        axis.plot([], [], "o", ms=11, label=preset, **_dots(place))
    label = "best tuned baseline of the load"
    axis.plot([], [], "|", ms=16, mew=3, color=BASELINE_COLOUR, label=label)
    axis.figure.legend(
        loc="lower right",
        bbox_to_anchor=(0.97, 0.005),
        ncols=len(presets) + 1,
        fontsize=14,
        frameon=False,
        labelcolor=QUIET,
    )
