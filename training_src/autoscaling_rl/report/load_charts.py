"""Load against capacity: the policy and a baseline over the same window, on the same axes."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from autoscaling_rl.baselines.registry import ORACLE
from autoscaling_rl.report.clock import moment, time_ticks
from autoscaling_rl.report.example import Example, FloatArray, Run
from autoscaling_rl.report.plot import Plot
from autoscaling_rl.report.scale import Line, Scale, edges, extremes, peaks, round_up
from autoscaling_rl.report.words import describe, escaped, number, percent, short
from autoscaling_rl.scorecard import POLICY

HEIGHT, STRIP = 210, 44  # pixels
ZOOM = 360  # minutes
MOST_BARS = 120
BARS = (1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440)  # minutes whose failures a bar sums up


@dataclass(frozen=True)
class View:
    """A stretch of an example that several charts show on the same axes.

    Attributes:
        example: the example.
        part: its minutes.
        names: policies to show.
        close: whether single minutes can be told apart.
    """

    example: Example
    part: slice
    names: tuple[str, ...]
    close: bool

    def shown(self, values: FloatArray) -> FloatArray:
        """Return the stretch of a series; what is not finite counts as nothing."""
        return np.nan_to_num(np.asarray(values, np.float64)[self.part], posinf=0.0, neginf=0.0)

    @property
    def minutes(self) -> int:
        """Length of the stretch."""
        return int(self.part.stop - self.part.start)

    @property
    def time(self) -> Scale:
        """The axis of minutes."""
        return Scale(self.part.start, self.part.stop)

    def machines(self) -> Scale:
        """Return the axis of machines; a close view leaves out what is empty of lines."""
        runs = [self.example.runs[name] for name in self.names]
        series = [self.example.load, *(run.in_service for run in runs)]
        if self.close:
            series += [run.billed for run in runs]
        low = min(float(self.shown(each).min()) for each in series)
        high = max(float(self.shown(each).max()) for each in series)
        if self.close and low > 0.4 * high:
            return Scale.over((low, high), margin=0.1)
        return Scale.over((low, high), zero=True)

    @property
    def bar(self) -> int:
        """Minutes whose failed work one bar sums up."""
        return next((each for each in BARS if self.minutes <= MOST_BARS * each), BARS[-1])

    def failures(self) -> list[FloatArray]:
        """Return the failed machine-minutes of each bar, for each policy."""
        starts = np.arange(0, self.minutes, self.bar)
        runs = (self.example.runs[name] for name in self.names)
        return [np.add.reduceat(self.shown(run.failed), starts) for run in runs]


def load_charts(example: Example, baseline: str | None) -> str:
    """Return the charts of an example: the whole window, then its hardest hours.

    Args:
        example: the window; policies that it does not hold are left out.
        baseline: what the policy is compared with.
    """
    names = tuple(name for name in (POLICY, baseline) if name and name in example.runs)
    if not names or not example.minutes:
        return '<p class="quiet">This window holds no run to show.</p>'
    whole = View(example, slice(0, example.minutes), names, close=example.minutes <= ZOOM)
    parts = [_legend(whole), _panels(whole)]
    if not whole.close:
        part = example.hardest(names, ZOOM)
        zoom = View(example, part, names, close=True)
        failed = any(run.any() for run in zoom.failures())
        parts.append(
            f"<h3>The hardest {ZOOM // 60} hours, from {escaped(moment(example, part.start))}</h3>"
            f'<p class="quiet">Where {"most work failed" if failed else "load was highest"} in '
            "both runs together. Dashes: machines billed, those on their way included.</p>"
        )
        parts.append(_panels(zoom))
    return "".join(parts)


def _legend(view: View) -> str:
    entries = [("load", "load"), ("policy", "machines in service: Policy")]
    if len(view.names) > 1:
        entries.append(("baseline", f"machines in service: {describe(view.names[1]).label}"))
    entries.append(("failed", "failed work"))
    if ORACLE in view.example.runs:
        entries.append(("oracle", "oracle, which knows the future"))
    items = (f'<li><i class="key {css}"></i>{escaped(text)}</li>' for css, text in entries)
    return f'<ul class="legend">{"".join(items)}</ul>'


def _panels(view: View) -> str:
    machines, failures = view.machines(), view.failures()
    worst = max(float(each.max()) for each in failures)
    most = Scale(0.0, round_up(worst) if worst > 0 else 1.0)
    panels = (
        _panel(view, name, machines, failed, most)
        for name, failed in zip(view.names, failures, strict=True)
    )
    return f'<div class="panels{" close" if view.close else ""}">{"".join(panels)}</div>'


def _panel(view: View, name: str, machines: Scale, failed: FloatArray, most: Scale) -> str:
    css = "policy" if name == POLICY else "baseline"
    run, label, time = view.example.runs[name], escaped(describe(name).label), view.time
    figures = _figures(view, run)
    ticks = time_ticks(view.example, view.part.start, view.part.stop, 5 if view.close else 8)
    words = f"Load and machines in service over time, {describe(name).label}: {figures}"
    plot = Plot(label=words, x=time, y=machines, height=HEIGHT)
    plot.x_axis((minute, "") for minute, _ in ticks)
    plot.y_axis((tick, short(tick)) for tick in machines.ticks(4) if tick >= 0)
    _draw(view, run, plot, css)
    words = f"Failed work over time, {describe(name).label}"
    strip = Plot(label=words, x=time, y=most, height=STRIP)
    strip.x_axis(ticks)
    strip.y_axis([(0.0, "0"), (most.high, short(most.high))])
    _draw_failures(view, failed, strip)
    cut = " (the axis does not start at zero)" if machines.low > 0 else ""
    return (
        f'<figure class="panel"><figcaption><i class="key {css}"></i><b>{label}</b> '
        f'<span class="quiet">{figures}</span></figcaption>'
        f'<div class="unit">machines{cut}</div>{plot.html("shut")}'
        f'<div class="unit">failed machine-minutes in {_span(view.bar)}</div>'
        f"{strip.html()}</figure>"
    )


def _draw(view: View, run: Run, plot: Plot, css: str) -> None:
    start = view.part.start

    def line(values: FloatArray, thin: Callable[[FloatArray], Line] = extremes) -> Line:
        minutes, machines = thin(view.shown(values))
        return minutes + start, machines

    plot.area(*line(view.example.load, peaks), "load")
    if ORACLE in view.example.runs:
        plot.line(*line(view.example.runs[ORACLE].in_service), "oracle")
    if view.close:
        plot.line(*line(run.billed), f"{css} billed")
    plot.line(*line(run.in_service), css)
    load, failed = view.shown(view.example.load), view.shown(run.failed)
    cuts = edges(view.minutes)
    worst = _worst(failed, cuts)
    columns = np.flatnonzero(failed[worst] > 0)
    top, height = load[worst[columns]], failed[worst[columns]]
    plot.bars(cuts[columns] + start, cuts[columns + 1] + start, top - height, top, "failed")


def _worst(failed: FloatArray, cuts: np.ndarray) -> np.ndarray:
    """Return the minute of each column in which most work failed."""
    worst = [first + int(np.argmax(failed[first:last])) for first, last in pairwise(cuts.tolist())]
    return np.array(worst, np.int64)


def _draw_failures(view: View, failed: FloatArray, strip: Plot) -> None:
    bars = np.flatnonzero(failed > 0)
    left = view.part.start + view.bar * (bars + 0.1)
    right = np.minimum(left + 0.8 * view.bar, view.part.stop)
    strip.bars(left, right, np.zeros(len(bars)), failed[bars], "failed")


def _figures(view: View, run: Run) -> str:
    load, failed = (float(view.shown(each).sum()) for each in (view.example.load, run.failed))
    hours = number(float(view.shown(run.billed).sum()) / 60)
    return f"{percent(failed / load if load > 0 else 0.0, 2)} failed, {hours} machine-hours"


def _span(minutes: int) -> str:
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h"
