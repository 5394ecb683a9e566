"""A chart as SVG that is as wide as the page, with text that keeps its size on any screen.

Across, everything is placed in percent; down, in pixels. Lines and areas, for which SVG knows no
percentages, live in an inner picture that is stretched, with strokes that are not.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.report.scale import Scale
from autoscaling_rl.report.words import escaped

FloatArray = NDArray[np.float64]
Places = FloatArray | NDArray[np.int64]

WIDTH = 1000  # units across the inner picture

Ticks = Iterable[tuple[float, str]]


class Plot:
    """A chart under construction; what is added later lies on top.

    Classes of the style sheet colour what is drawn: `policy`, `baseline`, `oracle`, `failed`...

    Args:
        label: what the chart shows, for those who cannot see it.
        x: axis across.
        y: axis upwards.
        height: pixels.
    """

    def __init__(self, *, label: str, x: Scale, y: Scale, height: int) -> None:
        self._label, self._x, self._y, self._height = label, x, y, height
        self._behind: list[str] = []
        self._shapes: list[str] = []
        self._marks: list[str] = []

    @property
    def lowest(self) -> float:
        """The value at the foot of the chart."""
        return self._y.low

    def x_axis(self, ticks: Ticks) -> None:
        """Add grid lines and labels below; every other label is left out on a narrow screen."""
        for place, (value, text) in enumerate(ticks):
            at, share = self._across(value), self._x.at(value)
            self._behind.append(f'<line class="grid" x1="{at}" x2="{at}" y1="0" y2="100%"/>')
            css = "tick extra" if place % 2 else "tick"
            long = len(text) > 4
            anchor = "start" if long and share < 0.02 else "end" if share > 0.98 else "middle"
            if text:
                self._behind.append(
                    f'<text class="{css}" x="{at}" y="100%" dy="17" text-anchor="{anchor}">'
                    f"{escaped(text)}</text>"
                )

    def y_axis(self, ticks: Ticks) -> None:
        """Add grid lines and labels on the left."""
        for value, text in ticks:
            at = self._down(value)
            self._behind.append(f'<line class="grid" x1="0" x2="100%" y1="{at}" y2="{at}"/>')
            self._behind.append(
                f'<text class="tick" x="-7" y="{at}" dy="4" text-anchor="end">'
                f"{escaped(text)}</text>"
            )

    def line(self, x: FloatArray, y: FloatArray, css: str) -> None:
        """Add a line; it is broken where values are not finite."""
        self._shapes.append(f'<path class="line {css}" d="{self._path(x, y)}"/>')

    def area(self, x: FloatArray, y: FloatArray, css: str) -> None:
        """Add the area from a line down to zero, or to where the axis begins."""
        floor = [max(0.0, self._y.low)]
        outline = np.concatenate((x[:1], x, x[-1:])), np.concatenate((floor, y, floor))
        self._shapes.append(f'<path class="area {css}" d="{self._path(*outline)}Z"/>')

    def bars(
        self, left: Places, right: Places, low: FloatArray, high: FloatArray, css: str
    ) -> None:
        """Add upright rectangles, at least about a pixel wide."""
        if not len(left):
            return
        x0, x1 = (self._x.place(each) * WIDTH for each in (left, right))
        y0, y1 = ((1 - self._y.place(each)) * self._height for each in (low, high))
        parts = (
            f"M{a:.1f} {b:.1f}H{c:.1f}V{d:.1f}H{a:.1f}Z"
            for a, b, c, d in zip(x0, y0, x1, y1, strict=True)
        )
        self._shapes.append(f'<path class="bars {css}" d="{"".join(parts)}"/>')

    def dot(self, x: float, y: float, css: str, *, radius: float = 5, shift: float = 0) -> None:
        """Add a dot, `shift` pixels below its place."""
        at = self._down(y, shift)
        circle = f'<circle class="{css}" cx="{self._across(x)}" cy="{at}" r="{radius:g}"/>'
        self._marks.append(circle)

    def segment(self, start: tuple[float, float], end: tuple[float, float], css: str) -> None:
        """Add a straight line from one point to another."""
        self._marks.append(
            f'<line class="{css}" x1="{self._across(start[0])}" x2="{self._across(end[0])}" '
            f'y1="{self._down(start[1])}" y2="{self._down(end[1])}"/>'
        )

    def symbol(self, x: float, y: float, path: str, css: str) -> None:
        """Add a shape whose path is in pixels around its place."""
        self._marks.append(
            f'<svg x="{self._across(x)}" y="{self._down(y)}" class="symbol">'
            f'<path class="{css}" d="{path}"/></svg>'
        )

    def box(self, x: tuple[float, float], y: tuple[float, float], css: str) -> None:
        """Add a rectangle between two values across and two upwards."""
        left, right = (100 * self._x.at(value) for value in x)
        bottom, top = (self._height * (1 - self._y.at(value)) for value in y)
        self._marks.append(
            f'<rect class="{css}" x="{left:.2f}%" width="{right - left:.2f}%" '
            f'y="{top:.1f}" height="{bottom - top:.1f}" rx="3"/>'
        )

    def text(
        self,
        x: float,
        y: float,
        text: str,
        css: str,
        *,
        shift: tuple[float, float] = (0, 0),
        anchor: str = "start",
    ) -> None:
        """Add text, shifted by pixels to the right and downwards."""
        self._marks.append(
            f'<text class="{css}" x="{self._across(x)}" y="{self._down(y)}" dx="{shift[0]:g}" '
            f'dy="{shift[1]:g}" text-anchor="{anchor}">{escaped(text)}</text>'
        )

    def html(self, css: str = "") -> str:
        """Return the chart as an element of a page.

        Args:
            css: more classes: `bare` without room for labels, `foot` with those below alone.
        """
        height = self._height
        role = (
            f'role="img" aria-label="{escaped(self._label)}"'
            if self._label
            else 'aria-hidden="true"'
        )
        behind, shapes, marks = map("".join, (self._behind, self._shapes, self._marks))
        return (
            f'<div class="plot {css}"><svg {role} width="100%" height="{height}">{behind}'
            f'<svg viewBox="0 0 {WIDTH} {height}" preserveAspectRatio="none" width="100%" '
            f'height="{height}">{shapes}</svg>{marks}</svg></div>'
        )

    def _across(self, value: float) -> str:
        return f"{100 * self._x.at(value):.2f}%"

    def _down(self, value: float, shift: float = 0) -> str:
        return f"{self._height * (1 - self._y.at(value)) + shift:.1f}"

    def _path(self, x: FloatArray, y: FloatArray) -> str:
        across = np.round(self._x.place(x) * WIDTH, 1).tolist()
        down = np.round((1 - self._y.place(y)) * self._height, 1).tolist()
        shown = (np.isfinite(x) & np.isfinite(y)).tolist()
        parts, pen = [], "M"
        for a, b, visible in zip(across, down, shown, strict=True):
            if visible:
                parts.append(f"{pen}{a:g} {b:g}")
            pen = "L" if visible else "M"
        return "".join(parts)
