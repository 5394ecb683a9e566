"""Failed work against machine-hours: the two things that an autoscaler trades."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoscaling_rl.baselines.registry import ORACLE
from autoscaling_rl.report.plot import Plot
from autoscaling_rl.report.scale import FloatArray, Scale
from autoscaling_rl.report.words import describe, number, short
from autoscaling_rl.scorecard import POLICY

HEIGHT = 320
NOMINAL_WIDTHS = {"wide": 500, "narrow": 300}  # pixels that labels are placed for
CHARACTER = 6.6  # pixels, of a label
SPOTS = (  # of a label around its dot: pixels to the right and downwards, anchor of the text
    *((12, 4, "start"), (-12, 4, "end"), (0, -13, "middle"), (0, 22, "middle")),
    *((10, -8, "start"), (10, 16, "start"), (-10, -8, "end"), (-10, 16, "end")),
)
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
    whole = _Chart(points, baseline)
    whole.draw(points)
    crowd = _crowd(points)
    if not crowd:
        whole.label(points)
        return f'<div class="pair single">{whole.figure("All policies")}</div>'
    close = _Chart(crowd, baseline)
    close.draw(points)
    close.label(crowd)
    whole.frame(close)
    whole.label([each for each in points if each not in crowd])
    figures = whole.figure("All policies") + close.figure("Close-up of the frame")
    return f'<div class="pair">{figures}</div>'


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


class _Chart:
    """A chart of some of the policies."""

    def __init__(self, points: Sequence[Point], baseline: str | None) -> None:
        self._points, self._baseline = points, baseline
        self.hours = Scale.over([point.hours for point in points], margin=0.12)
        failed = Scale.over([point.failed for point in points], margin=0.12)
        self.failed = Scale(max(failed.low, -0.06 * failed.high), failed.high)
        places = (
            f"{describe(each.name).label} {number(each.hours)} and {number(each.failed, 3)} %"
            for each in points
        )
        label = f"Machine-hours and failed work: {', '.join(places)}"
        self._plot = Plot(label=label, x=self.hours, y=self.failed, height=HEIGHT)
        self._plot.x_axis((tick, short(tick)) for tick in self.hours.ticks(5))
        self._plot.y_axis((tick, short(tick)) for tick in self.failed.ticks() if tick >= 0)

    def draw(self, everyone: Sequence[Point]) -> None:
        """Draw the dots, and where others would cost as much as the policy."""
        line = _same_cost(everyone, self.failed)
        if line:
            self._plot.line(*line, "same-cost")
        for point in sorted(self._points, key=lambda each: each.name == POLICY):
            css = self._css(point)
            radius = 8 if css == "policy" else 6
            self._plot.dot(point.hours, point.failed, f"{css} point", radius=radius)

    def frame(self, other: "_Chart") -> None:
        """Mark what another chart shows."""
        x, y = (other.hours.low, other.hours.high), (other.failed.low, other.failed.high)
        y = (max(y[0], self.failed.low), min(y[1], self.failed.high))
        self._plot.box((max(x[0], self.hours.low), min(x[1], self.hours.high)), y, "frame")

    def label(self, points: Sequence[Point]) -> None:
        """Write names beside dots, for wide and for narrow screens."""
        for width, pixels in NOMINAL_WIDTHS.items():
            centres = {
                each: (
                    self.hours.at(each.hours) * pixels,
                    (1 - self.failed.at(each.failed)) * HEIGHT,
                )
                for each in self._points
            }
            taken = [(x - 9, y - 9, x + 9, y + 9) for x, y in centres.values()]
            for point in sorted(points, key=self._rank):
                text = describe(point.name).label.removesuffix(", tuned")
                spot = _free_spot(centres[point], text, taken, pixels)
                if spot:
                    shift, anchor = spot
                    css = f"label {width} {self._css(point)}"
                    self._plot.text(
                        point.hours, point.failed, text, css, shift=shift, anchor=anchor
                    )

    def figure(self, title: str) -> str:
        """Return the chart as an element of a page."""
        return (
            f'<figure class="panel"><figcaption><b>{title}</b></figcaption><div class="unit">failed'
            f' work, %</div>{self._plot.html()}<div class="unit end">machine-hours</div></figure>'
        )

    def _css(self, point: Point) -> str:
        known = {self._baseline: "baseline", POLICY: "policy", ORACLE: "oracle"}
        return known.get(point.name, "other")

    def _rank(self, point: Point) -> int:
        return ["policy", "baseline", "oracle", "other"].index(self._css(point))


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


Box = tuple[float, float, float, float]


def _free_spot(
    centre: tuple[float, float], text: str, taken: list[Box], pixels: int
) -> tuple[tuple[float, float], str] | None:
    """Return where a name hides neither dots nor other names, and take the place.

    Args:
        centre: the dot, in pixels.
        text: the name.
        taken: what must not be hidden; the name's place is added.
        pixels: width of the chart.

    Returns:
        The shift from the dot in pixels and the anchor of the text; None if there is no room.
    """
    size = CHARACTER * len(text)
    for right, down, anchor in SPOTS:
        left = centre[0] + right - size * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
        spot = (left, centre[1] + down - 11, left + size, centre[1] + down + 3)
        inside = spot[0] > 0 and spot[2] < pixels and spot[1] > 0 and spot[3] < HEIGHT
        if inside and not any(_overlap(spot, other) for other in taken):
            taken.append(spot)
            return (right, down), anchor
    return None


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
