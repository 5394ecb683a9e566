"""The learning curve."""

from collections.abc import Sequence

import numpy as np

from autoscaling_rl.report.plot import Plot
from autoscaling_rl.report.scale import FloatArray, Scale, edges
from autoscaling_rl.report.words import number, plural, short

HEIGHT = 260  # pixels
MOST_POINTS = 400
DOTS = 40  # points up to which each gets a dot

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
    if len(data) > MOST_POINTS:
        data = data[edges(len(data) - 1, MOST_POINTS)]
    rewards, note = _reward_axis(data[:, 1:])
    last = float(data[-1, 0])
    steps = Scale(min(0.0, float(data[0, 0])), last if last > 0 else 1.0)
    label = f"Reward over {short(last)} environment steps: {_course(data)}"
    plot = Plot(label=label, x=steps, y=rewards, height=HEIGHT)
    plot.y_axis((tick, short(tick)) for tick in rewards.ticks())
    plot.x_axis((tick, short(tick)) for tick in steps.ticks(6))
    _series(plot, data[:, 0], data[:, 1], "training")
    _series(plot, data[:, 0], data[:, 2], "policy")
    return (
        '<ul class="legend"><li><i class="key policy"></i>test reward</li>'
        '<li><i class="key training"></i>training reward</li></ul>'
        f'<figure><div class="unit">reward</div>{plot.html()}'
        f'<div class="unit end">environment steps</div>{note}</figure>'
    )


def _series(plot: Plot, steps: FloatArray, rewards: FloatArray, css: str) -> None:
    known = np.isfinite(rewards)
    plot.line(steps[known], rewards[known], css)
    if known.sum() <= DOTS:
        for step, reward in zip(steps[known].tolist(), rewards[known].tolist(), strict=True):
            if reward >= plot.lowest:
                plot.dot(step, reward, css, radius=2.5)


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
    if finite.min() > floor - (finite.max() - floor):
        return Scale.over(finite.tolist()), ""
    scale = Scale.over(finite[finite >= floor].tolist())
    below = plural(int((finite < scale.low).sum()), "value")
    words = f"{below} below the axis, down to {number(float(finite.min()), 1)}"
    return scale, f'<p class="quiet">{words}.</p>'
