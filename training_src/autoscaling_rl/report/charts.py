"""Charts of whole evaluations: learning, savings, returns."""

from collections.abc import Mapping, Sequence

import numpy as np

from autoscaling_rl.report.comparison import Comparison
from autoscaling_rl.report.plot import Plot
from autoscaling_rl.report.scale import FloatArray, Scale, edges
from autoscaling_rl.report.words import describe, escaped, interval, number, plural, short, signed
from autoscaling_rl.scorecard import POLICY

ROW = 56  # pixels for a policy in charts of rows
DIAMOND = "M0 -7L6 0L0 7L-6 0Z"
LEFT, RIGHT = "M5 -5L-3 0L5 5Z", "M-5 -5L3 0L-5 5Z"

Curve = Sequence[Sequence[float | None]]


def learning_curve(curve: Curve) -> str:
    """Return the chart of training and test reward over environment steps.

    Args:
        curve: rows of [environment steps, training reward, test reward]; rewards may be missing.
    """
    rows = [[np.nan if value is None else float(value) for value in row[:3]] for row in curve]
    data = np.array([row for row in rows if len(row) == 3 and np.isfinite(row[0])])
    if not len(data) or not np.isfinite(data[:, 1:]).any():
        return '<p class="quiet">No learning curve was recorded.</p>'
    data = _thinned(data)
    rewards, note = _reward_axis(data[:, 1:])
    plot = Plot(
        label=f"Reward over {short(float(data[-1, 0]))} environment steps: {_course(data)}",
        x=Scale(min(0.0, float(data[0, 0])), float(data[-1, 0]) or 1.0),
        y=rewards,
        height=260,
    )
    plot.y_axis((tick, short(tick)) for tick in rewards.ticks())
    steps = Scale(min(0.0, float(data[0, 0])), float(data[-1, 0]) or 1.0)
    plot.x_axis((tick, short(tick)) for tick in steps.ticks(6))
    for column, css in ((1, "training"), (2, "policy")):
        known = data[np.isfinite(data[:, column])]
        plot.line(known[:, 0], known[:, column], css)
        if 0 < len(known) <= 40:
            for step, value in zip(known[:, 0], known[:, column], strict=True):
                if rewards.low <= value <= rewards.high:
                    plot.dot(step, value, css, radius=2.5)
    return (
        '<ul class="legend"><li><i class="key policy"></i>test reward</li>'
        '<li><i class="key training"></i>training reward</li></ul>'
        f'<figure><div class="unit">reward</div>{plot.html()}'
        f'<div class="unit end">environment steps</div>{note}</figure>'
    )


def _thinned(data: FloatArray) -> FloatArray:
    if len(data) <= 400:
        return data
    return data[edges(len(data) - 1, 400)]


def _course(data: FloatArray) -> str:
    test = data[np.isfinite(data[:, 2]), 2]
    if not len(test):
        return "no test rewards"
    return f"test reward from {number(float(test[0]), 2)} to {number(float(test[-1]), 2)}"


def _reward_axis(rewards: FloatArray) -> tuple[Scale, str]:
    """Return an axis that early bad rewards do not squeeze, and what it leaves out in words."""
    finite = rewards[np.isfinite(rewards)]
    low, high = np.quantile(finite, (0.1, 0.9))
    floor = low - 1.5 * (high - low)
    below = int((finite < floor).sum())
    if not below or finite.min() > floor - (finite.max() - floor):
        return Scale.over(finite.tolist()), ""
    scale = Scale.over(finite[finite >= floor].tolist())
    words = f"{plural(below, 'value')} below the axis, down to {number(float(finite.min()), 1)}"
    return scale, f'<p class="quiet">{words}.</p>'


def savings_chart(found: Sequence[Comparison], baseline: str | None, unit: str) -> str:
    """Return a row of dots for each baseline: what the policy saves in each window.

    Args:
        found: the comparisons.
        baseline: the one that decides.
        unit: what is drawn, "window" or "day".
    """
    if not found:
        return '<p class="quiet">No baseline to compare with.</p>'
    rows = sorted(found, key=lambda each: (each.baseline != baseline, each.saving))
    scale, plot = _saving_plot(rows, unit)
    for place, each in enumerate(rows):
        _saving_row(plot, scale, len(rows) - place, each, decides=each.baseline == baseline)
    return (
        '<ul class="legend"><li><i class="key dots"></i>one '
        f'{unit}</li><li><i class="key diamond"></i>all together, with the interval</li></ul>'
        f'<figure><div class="ends"><span>\N{LEFTWARDS ARROW} policy costs more</span>'
        f"<span>policy costs less \N{RIGHTWARDS ARROW}</span></div>{plot.html()}</figure>"
    )


def _saving_plot(rows: Sequence[Comparison], unit: str) -> tuple[Scale, Plot]:
    shown = [0.0]
    for each in rows:
        values = (*each.per_window, each.saving, each.lower, each.upper)
        # A cheap window can be many times as dear: -100 % is as far as the axis goes.
        shown += [max(value, -1.0) for value in values if value is not None]
    scale = Scale.over(shown, margin=0.04)
    words = "; ".join(f"{describe(each.baseline).label} {signed(each.saving)}" for each in rows)
    plot = Plot(
        label=f"Saving of the policy per {unit}: {words}",
        x=scale,
        y=Scale(0.0, float(len(rows))),
        height=ROW * len(rows),
    )
    plot.x_axis((tick, signed(tick, 0 if abs(tick) >= 0.01 else 1)) for tick in scale.ticks(6))
    plot.segment((0.0, 0.0), (0.0, float(len(rows))), "zero")
    return scale, plot


def _saving_row(plot: Plot, scale: Scale, top: int, each: Comparison, *, decides: bool) -> None:
    middle = top - 0.68
    if decides:
        plot.box((scale.low, scale.high), (top - 1.0, float(top)), "highlight")
    name = f"{describe(each.baseline).label}: {signed(each.saving)} ({interval(each)})"
    css = "row strong" if decides else "row"
    plot.text(scale.low, top, name, css, shift=(6, 17))
    for place, value in enumerate(each.per_window):
        if value < scale.low:
            plot.symbol(scale.low, middle, LEFT, "policy window")
        elif np.isfinite(value):
            plot.dot(value, middle, "policy window", radius=4, shift=(place * 5 % 7 - 3) * 1.5)
    if each.lower is not None and each.upper is not None:
        ends = (max(each.lower, scale.low), max(each.upper, scale.low))
        plot.segment((ends[0], middle), (ends[1], middle), "interval")
    if each.saving >= scale.low:
        plot.symbol(each.saving, middle, DIAMOND, "policy mean")
    else:
        plot.symbol(scale.low, middle, LEFT, "policy mean")


def returns_chart(values: Mapping[str, Sequence[float | None]]) -> str:
    """Return a box and the single episodes for each policy's returns."""
    known = {
        name: np.array([value for value in each if value is not None and np.isfinite(value)])
        for name, each in values.items()
    }
    known = {name: each for name, each in known.items() if len(each)}
    if not known:
        return '<p class="quiet">No returns were recorded.</p>'
    names = sorted(known, key=lambda name: name != POLICY)
    scale = Scale.over(np.concatenate(list(known.values())).tolist(), margin=0.04)
    means = (f"{describe(name).label} {number(float(known[name].mean()), 2)}" for name in names)
    plot = Plot(
        label=f"Returns of the episodes; means: {', '.join(means)}",
        x=scale,
        y=Scale(0.0, float(len(names))),
        height=ROW * len(names),
    )
    plot.x_axis((tick, short(tick)) for tick in scale.ticks(6))
    for place, name in enumerate(names):
        _return_row(plot, scale, len(names) - place, name, known[name])
    return (
        '<ul class="legend"><li><i class="key dots"></i>one episode</li><li>box: the middle half, '
        f'line: the median</li></ul><figure>{plot.html()}<div class="unit end">return of an '
        "episode</div></figure>"
    )


def _return_row(plot: Plot, scale: Scale, top: int, name: str, values: FloatArray) -> None:
    css = "policy" if name == POLICY else "baseline"
    lower, median, upper = (float(each) for each in np.quantile(values, (0.25, 0.5, 0.75)))
    mean = number(float(values.mean()), 2)
    plot.text(
        scale.low, top, f"{describe(name).label}: mean {mean}", f"row strong {css}", shift=(6, 17)
    )
    middle = top - 0.68
    plot.box((lower, upper), (middle - 0.2, middle + 0.2), f"{css} quartiles")
    for place, value in enumerate(values):
        plot.dot(float(value), middle, f"{css} window", radius=3.5, shift=(place * 5 % 7 - 3) * 1.5)
    plot.segment((median, middle - 0.2), (median, middle + 0.2), f"{css} median")


__all__ = ["escaped", "learning_curve", "returns_chart", "savings_chart"]
