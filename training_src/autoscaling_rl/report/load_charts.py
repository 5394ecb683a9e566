"""Load against capacity: the policy and a baseline over the same window, on the same axes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autoscaling_rl.baselines.registry import ORACLE
from autoscaling_rl.report.clock import moment, time_ticks
from autoscaling_rl.report.example import Example, FloatArray, Run
from autoscaling_rl.report.plot import Plot
from autoscaling_rl.report.scale import Scale, edges, steps
from autoscaling_rl.report.words import describe, escaped, number, percent, short
from autoscaling_rl.scorecard import POLICY

HEIGHT, STRIP = 210, 44  # pixels
ZOOM = 360  # minutes
BINS = 90  # bars of failed work


@dataclass(frozen=True)
class View:
    """A stretch of an example that several charts show on the same axes.

    Attributes:
        example: the example.
        part: its minutes.
        names: policies to show, one above the other.
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
    def time(self) -> Scale:
        """The axis of minutes."""
        return Scale(self.part.start, self.part.stop)

    def machines(self) -> Scale:
        """Return the axis of machines."""
        series = [self.example.load, *(self.example.runs[name].in_service for name in self.names)]
        if self.close:
            series += [self.example.runs[name].billed for name in self.names]
        return Scale.over((float(self.shown(each).max()) for each in series), zero=True)

    def failures(self) -> list[FloatArray]:
        """Return the failed machine-minutes of each bar, for each policy."""
        cuts = edges(self.part.stop - self.part.start, BINS)[:-1]
        runs = (self.example.runs[name] for name in self.names)
        return [np.add.reduceat(self.shown(run.failed), cuts) for run in runs]


def load_charts(example: Example, baseline: str | None) -> str:
    """Return the charts of an example: the whole window, then its hardest hours.

    Args:
        example: the window; policies that it does not hold are left out.
        baseline: what the policy is compared with.
    """
    names = tuple(name for name in (POLICY, baseline) if name and name in example.runs)
    if not names or not example.minutes:
        return '<p class="quiet">This window holds no run to show.</p>'
    whole = View(example, slice(0, example.minutes), names, example.minutes <= ZOOM)
    parts = [_legend(whole), _panels(whole)]
    if not whole.close:
        part = example.hardest(names, ZOOM)
        zoom = View(example, part, names, close=True)
        failed = any(run.any() for run in zoom.failures())
        parts.append(
            f"<h4>The hardest {ZOOM // 60} hours, from {escaped(moment(example, part.start))}</h4>"
            f'<p class="quiet">Where {"most work failed" if failed else "load was highest"} for '
            "the runs above together. Thin dashes: machines billed, those on their way included."
            "</p>"
        )
        parts.append(_panels(zoom))
    return "".join(parts)


def _legend(view: View) -> str:
    entries = [("load", "load"), ("policy", "capacity in service, policy")]
    if len(view.names) > 1:
        entries.append(("baseline", f"capacity in service, {describe(view.names[1]).label}"))
    entries.append(("failed", "failed work"))
    if ORACLE in view.example.runs:
        entries.append(("oracle", "oracle, which knows the future"))
    items = (f'<li><i class="key {css}"></i>{escaped(text)}</li>' for css, text in entries)
    return f'<ul class="legend">{"".join(items)}</ul>'


def _panels(view: View) -> str:
    machines, failures = view.machines(), view.failures()
    most = Scale(0.0, max([float(each.max()) for each in failures] + [1e-9]) * 1.08)
    panels = (
        _panel(view, name, machines, failed, most)
        for name, failed in zip(view.names, failures, strict=True)
    )
    return f'<div class="panels{" close" if view.close else ""}">{"".join(panels)}</div>'


def _panel(view: View, name: str, machines: Scale, failed: FloatArray, most: Scale) -> str:
    css = "policy" if name == POLICY else "baseline"
    run, label = view.example.runs[name], describe(name).label
    figures = _figures(view, run)
    ticks = time_ticks(view.example, view.part.start, view.part.stop, 5 if view.close else 8)
    plot = Plot(
        label=f"Load and capacity in machines, {label}: {figures}",
        x=view.time,
        y=machines,
        height=HEIGHT,
    )
    plot.x_axis((minute, "") for minute, _ in ticks)
    plot.y_axis((tick, short(tick)) for tick in machines.ticks(4))
    _draw(view, run, plot, css)
    strip = Plot(
        label=f"Failed work over time, {label}", x=view.time, y=most, height=STRIP
    )
    strip.x_axis(ticks)
    strip.y_axis([(most.high / 1.08, short(float(f"{most.high / 1.08:.2g}")))])
    cuts = edges(view.part.stop - view.part.start, BINS).astype(np.float64) + view.part.start
    inset = (cuts[1] - cuts[0]) * 0.12
    shown = failed > 0
    left, right = cuts[:-1][shown] + inset, cuts[1:][shown] - inset
    strip.bars(left, right, np.zeros(int(shown.sum())), failed[shown], "failed")
    return (
        f'<figure class="panel"><figcaption><i class="key {css}"></i><b>{escaped(label)}</b> '
        f'<span class="quiet">{figures}</span></figcaption>'
        f'<div class="unit">machines</div>{plot.html()}'
        f'<div class="unit">failed machine-minutes, per {_span(cuts[1] - cuts[0])}</div>'
        f"{strip.html()}</figure>"
    )


def _draw(view: View, run: Run, plot: Plot, css: str) -> None:
    start = view.part.start

    def line(values: FloatArray) -> tuple[FloatArray, FloatArray]:
        minutes, machines = steps(view.shown(values))
        return minutes + start, machines

    plot.area(*line(view.example.load), "load")
    if ORACLE in view.example.runs:
        plot.line(*line(view.example.runs[ORACLE].in_service), "oracle")
    if view.close:
        plot.line(*line(run.billed), f"{css} billed")
    plot.line(*line(run.in_service), css)
    load, failed = view.shown(view.example.load), view.shown(run.failed)
    cuts = edges(len(load))
    worst = _worst(failed, cuts)
    columns = np.flatnonzero(failed[worst] > 0)
    top, height = load[worst[columns]], failed[worst[columns]]
    left, right = cuts[columns] + start, cuts[columns + 1] + start
    plot.bars(left.astype(np.float64), right.astype(np.float64), top - height, top, "failed")


def _worst(failed: FloatArray, cuts: np.ndarray) -> np.ndarray:
    """Return the minute of each column in which most work failed."""
    pairs = zip(cuts[:-1], cuts[1:], strict=True)
    return np.array([first + int(np.argmax(failed[first:last])) for first, last in pairs], np.int64)


def _figures(view: View, run: Run) -> str:
    load, failed = (float(view.shown(each).sum()) for each in (view.example.load, run.failed))
    hours = number(float(view.shown(run.billed).sum()) / 60, 0)
    return f"{percent(failed / load if load > 0 else 0.0, 2)} failed, {hours} machine-hours"


def _span(minutes: float) -> str:
    minutes = round(minutes)
    return f"{minutes} min" if minutes < 120 else f"{number(minutes / 60, 1)} h"


def example_names(examples: Sequence[Example]) -> list[str]:
    """Return the names of examples, each with a number if it has none."""
    return [each.name or f"window {place + 1}" for place, each in enumerate(examples)]
