"""Charts with a row for each policy: savings in each window, returns of each episode."""

from collections.abc import Mapping, Sequence

import numpy as np

from autoscaling_rl.report.comparison import Comparison
from autoscaling_rl.report.plot import Plot
from autoscaling_rl.report.scale import FloatArray, Scale
from autoscaling_rl.report.words import describe, escaped, interval, number, short, signed
from autoscaling_rl.scorecard import POLICY

HEIGHT = 50  # pixels of a row
MOST_DOTS = 200  # of a row
LANES = 7  # heights that dots are spread over
UPPER, LOWER = 0.66, 0.26  # where dots and the mean lie in a row
DIAMOND = "M0 -7L6 0L0 7L-6 0Z"
ARROWS = {-1: "M5 -6L-5 0L5 6Z", 1: "M-5 -6L5 0L-5 6Z"}


def savings_chart(found: Sequence[Comparison], baseline: str | None, unit: str) -> str:
    """Return a row for each baseline: what the policy saves in each window and in all together.

    Args:
        found: the comparisons.
        baseline: the one that decides, shown first.
        unit: what a dot stands for, "window", "day" or "part".
    """
    if not found:
        return '<p class="quiet">No baseline to compare with.</p>'
    rows = sorted(found, key=lambda each: (each.baseline != baseline, each.saving))
    scale = _saving_axis(rows, baseline)
    ticks = [(tick, signed(tick, 0 if abs(tick * 100 % 1) < 1e-6 else 1)) for tick in scale.ticks()]
    body = "".join(
        _row(
            describe(each.baseline).label,
            f"{signed(each.saving)} ({interval(each)})",
            _saving_plot(each, scale, ticks),
            "strong" if each.baseline == baseline else "",
        )
        for each in rows
    )
    return (
        f'<ul class="legend"><li><i class="key dots"></i>one {unit}</li><li><i class="key '
        f'diamond"></i>all {unit}s together, with the interval</li></ul><figure class="rows">'
        '<div class="row"><span></span><div class="ends"><span>\N{LEFTWARDS ARROW} policy costs '
        "more</span><span>policy costs less \N{RIGHTWARDS ARROW}</span></div></div>"
        f"{body}{_axis_row(scale, ticks)}</figure>{_notes(rows, scale, unit)}"
    )


def _saving_axis(rows: Sequence[Comparison], baseline: str | None) -> Scale:
    """Return an axis for the rows that are near the one that decides; arrows stand for others."""
    first = rows[0]
    limit = max(0.1, 3 * abs(first.saving)) if first.baseline == baseline else float("inf")
    shown = [0.0]
    for each in rows:
        if each is first or abs(each.saving) <= limit:
            values = (*each.per_window, each.saving, each.lower, each.upper)
            # Against a baseline that cost next to nothing a window can be many times as dear.
            shown += [max(value, -1.0) for value in values if value is not None]
    return Scale.over(shown, margin=0.05)


def _saving_plot(each: Comparison, scale: Scale, ticks: list[tuple[float, str]]) -> str:
    label = f"Saving of the policy against {describe(each.baseline).label}: {signed(each.saving)}"
    plot = Plot(label=label, x=scale, y=Scale(0.0, 1.0), height=HEIGHT)
    plot.x_axis((tick, "") for tick, _ in ticks)
    plot.segment((0.0, 0.0), (0.0, 1.0), "zero")
    values = np.array(each.per_window)
    _dots(plot, scale, values[np.isfinite(values)], "policy")
    if each.lower is not None and each.upper is not None:
        ends = np.clip((each.lower, each.upper), scale.low, scale.high)
        plot.segment((float(ends[0]), LOWER), (float(ends[1]), LOWER), "interval")
    beyond = _beyond(each.saving, scale)
    place = float(np.clip(each.saving, scale.low, scale.high))
    plot.symbol(place, LOWER, ARROWS[beyond] if beyond else DIAMOND, "policy mean")
    return plot.html("bare")


def _beyond(value: float, scale: Scale) -> int:
    return int(value > scale.high) - int(value < scale.low)


def _dots(plot: Plot, scale: Scale, values: FloatArray, css: str) -> None:
    """Add a dot for each value; those off the axis are left to the arrow of the mean."""
    every = -(-len(values) // MOST_DOTS) or 1
    for place, value in enumerate(values[::every].tolist()):
        if not _beyond(value, scale):
            shift = (place * 5 % LANES - LANES // 2) * 1.5
            plot.dot(value, UPPER, f"{css} window", radius=4, shift=shift)


def _notes(rows: Sequence[Comparison], scale: Scale, unit: str) -> str:
    notes = []
    if any(_beyond(each.saving, scale) for each in rows):
        notes.append("Arrows point at savings off the axis.")
    every = -(-len(rows[0].per_window) // MOST_DOTS)
    if every > 1:
        notes.append(f"One in {every} {unit}s is drawn, all are counted.")
    return f'<p class="quiet">{" ".join(notes)}</p>' if notes else ""


def _row(title: str, figures: str, plot: str, css: str) -> str:
    return (
        f'<div class="row {css}"><div><span class="name">{escaped(title)}</span> '
        f'<span class="quiet">{figures}</span></div>{plot}</div>'
    )


def _axis_row(scale: Scale, ticks: list[tuple[float, str]]) -> str:
    plot = Plot(label="", x=scale, y=Scale(0.0, 1.0), height=1)
    plot.x_axis(ticks)
    return f'<div class="row"><span></span>{plot.html("bare foot")}</div>'


def returns_chart(values: Mapping[str, Sequence[float | None]]) -> str:
    """Return a row for each policy: a box and the returns of the single episodes."""
    known = {name: finite(each) for name, each in values.items()}
    known = {name: each for name, each in known.items() if len(each)}
    if not known:
        return '<p class="quiet">No returns were recorded.</p>'
    scale = Scale.over(np.concatenate(list(known.values())).tolist(), margin=0.05)
    ticks = [(tick, short(tick)) for tick in scale.ticks()]
    body = "".join(
        _row(
            describe(name).label,
            f"mean {number(float(known[name].mean()), 2)}",
            _return_plot(name, known[name], scale, ticks),
            "strong" if name == POLICY else "",
        )
        for name in sorted(known, key=lambda name: name != POLICY)
    )
    return (
        '<ul class="legend"><li><i class="key dots"></i>one episode</li><li>box: the middle half, '
        f'line: the median</li></ul><figure class="rows">{body}{_axis_row(scale, ticks)}'
        '<div class="unit end">return of an episode</div></figure>'
    )


def finite(values: Sequence[float | None] | None) -> FloatArray:
    """Return the finite values of a policy in a scorecard."""
    known = np.array([value for value in values or () if value is not None], np.float64)
    return known[np.isfinite(known)]


def _return_plot(
    name: str, values: FloatArray, scale: Scale, ticks: list[tuple[float, str]]
) -> str:
    css = "policy" if name == POLICY else "baseline"
    lower, median, upper = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    label = f"Returns of {describe(name).label}: median {number(median, 2)}"
    plot = Plot(label=label, x=scale, y=Scale(0.0, 1.0), height=HEIGHT)
    plot.x_axis((tick, "") for tick, _ in ticks)
    _dots(plot, scale, values, css)
    plot.box((lower, upper), (LOWER - 0.16, LOWER + 0.16), f"{css} quartiles")
    plot.segment((median, LOWER - 0.16), (median, LOWER + 0.16), f"{css} median")
    return plot.html("bare")
