"""Failed work against machine-hours: the two things that an autoscaler trades."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoscaling_rl.baselines.registry import ORACLE
from autoscaling_rl.report.plot import Plot
from autoscaling_rl.report.scale import FloatArray, Scale
from autoscaling_rl.report.words import describe, short
from autoscaling_rl.scorecard import POLICY

HEIGHT = 320
NOMINAL_WIDTHS = {"wide": 500, "narrow": 300}  # pixels that labels are placed for
CLOSE_UP = 0.5  # of the range of machine-hours; cheap policies within it get a chart of their own


@dataclass(frozen=True)
class Point:
    """A policy's place in the chart."""

    name: str
    hours: float
    failed: float
    cost: float


def trade_off(policies: Mapping[str, Mapping[str, Any]], baseline: str | None) -> str:
    """Return the chart of all policies, and a close-up of the cheap ones if they crowd.

    Args:
        policies: figures by name, as in a scorecard.
        baseline: the one that decides.
    """
    points = [point for name, each in policies.items() if (point := _point(name, each))]
    if not points:
        return '<p class="quiet">No figures to show.</p>'
    whole = _chart(points, points, baseline, "All policies")
    crowd = _crowd(points)
    if not crowd:
        return f'<div class="pair single">{whole}</div>'
    close = _chart(crowd, points, baseline, "Close-up of the cheapest")
    return f'<div class="pair">{whole}{close}</div>'


def _point(name: str, figures: Mapping[str, Any]) -> Point | None:
    values = [figures.get(key) for key in ("machine_hours", "failed_percent", "J")]
    if any(value is None or not math.isfinite(value) for value in values):
        return None
    return Point(name, *(float(value) for value in values if value is not None))


def _crowd(points: Sequence[Point]) -> list[Point]:
    """Return the policies near the least cost, if the others make them hard to tell apart."""
    least = min(point.cost for point in points)
    near = [point for point in points if point.cost <= 1.25 * least or point.name == POLICY]
    spread, whole = (np.ptp([point.hours for point in each]) for each in (near, points))
    crowded = len(near) > 2 and len(near) < len(points) and spread < CLOSE_UP * whole
    return near if crowded else []


def _chart(
    points: Sequence[Point], everyone: Sequence[Point], baseline: str | None, title: str
) -> str:
    hours = Scale.over([point.hours for point in points], margin=0.12)
    failed = Scale.over([point.failed for point in points], margin=0.12)
    failed = Scale(max(failed.low, -0.04 * failed.high), failed.high)
    places = ", ".join(
        f"{describe(point.name).label} {point.hours:.0f} hours and {point.failed:.3f} %"
        for point in points
    )
    plot = Plot(
        label=f"Machine-hours and failed work: {places}", x=hours, y=failed, height=HEIGHT
    )
    plot.x_axis((tick, short(tick)) for tick in hours.ticks(5))
    plot.y_axis((tick, short(tick)) for tick in failed.ticks(5) if tick >= 0)
    line = _same_cost(everyone, failed)
    if line:
        plot.line(*line, "same-cost")
    for point in sorted(points, key=lambda each: each.name == POLICY):
        css = _css(point.name, baseline)
        plot.dot(point.hours, point.failed, f"{css} point", radius=8 if css == "policy" else 6)
    for width, pixels in NOMINAL_WIDTHS.items():
        _labels(plot, points, baseline, (hours, failed), width, pixels)
    return (
        f'<figure class="panel"><figcaption><b>{title}</b></figcaption><div class="unit">failed '
        f'work, %</div>{plot.html()}<div class="unit end">machine-hours</div></figure>'
    )


def _css(name: str, baseline: str | None) -> str:
    known = {POLICY: "policy", ORACLE: "oracle", baseline: "baseline"}
    return known.get(name, "other")


def _same_cost(points: Sequence[Point], failed: Scale) -> tuple[FloatArray, FloatArray] | None:
    """Return the line of places that cost as much as the policy, if figures tell where it is."""
    policy = next((point for point in points if point.name == POLICY), None)
    # J = 60 x machine-hours + price x failed percent, unless changes have a price too.
    known = [each for each in points if each.failed > 1e-3]
    prices = [(each.cost - 60 * each.hours) / each.failed for each in known]
    if policy is None or not prices or max(prices) > 1.01 * min(prices) or min(prices) <= 0:
        return None
    ends = np.array([failed.low, failed.high])
    return (policy.cost - prices[0] * ends) / 60, ends


def _labels(
    plot: Plot,
    points: Sequence[Point],
    baseline: str | None,
    scales: tuple[Scale, Scale],
    width: str,
    pixels: int,
) -> None:
    """Write names beside the dots where they hide neither dots nor other names."""
    centres = [
        (scales[0].at(each.hours) * pixels, (1 - scales[1].at(each.failed)) * HEIGHT)
        for each in points
    ]
    taken = [(x - 8, y - 8, x + 8, y + 8) for x, y in centres]
    order = sorted(range(len(points)), key=lambda place: _rank(points[place].name, baseline))
    for place in order:
        point, (x, y) = points[place], centres[place]
        text = describe(point.name).label
        size = 6.4 * len(text)
        spots = [
            (dx, dy, anchor)
            for dy in (4, -10, 18, -24, 32, -38, 46)
            for dx, anchor in ((11, "start"), (-11, "end"))
        ]
        for dx, dy, anchor in spots:
            left = x + dx - (size if anchor == "end" else 0)
            spot = (left, y + dy - 11, left + size, y + dy + 3)
            inside = spot[0] > -4 and spot[2] < pixels + 8 and 0 < spot[1] and spot[3] < HEIGHT
            if inside and not any(_overlap(spot, other) for other in taken):
                taken.append(spot)
                css = f"label {width} {_css(point.name, baseline)}"
                plot.text(point.hours, point.failed, text, css, shift=(dx, dy), anchor=anchor)
                break


def _rank(name: str, baseline: str | None) -> int:
    return [POLICY, baseline, ORACLE].index(name) if name in (POLICY, baseline, ORACLE) else 3


Box = tuple[float, float, float, float]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
