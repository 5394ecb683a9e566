"""One picture for a README: load against capacity, the policy above a baseline."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from autoscaling_rl.baselines.registry import ORACLE
from autoscaling_rl.report.clock import time_ticks
from autoscaling_rl.report.comparison import Comparison
from autoscaling_rl.report.example import Example, FloatArray
from autoscaling_rl.report.verdict import cost_words, interval_words
from autoscaling_rl.report.words import describe, percent
from autoscaling_rl.scorecard import POLICY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POLICY_COLOUR, BASELINE_COLOUR, ORACLE_COLOUR = "#0a5fd6", "#3f4956", "#00815f"
FAILED_COLOUR, LOAD_COLOUR, QUIET = "#d24b00", "#d5dbe3", "#5a6472"
MINUTES = 1440
LEFT, RIGHT = 0.05, 0.985  # of the figure's width


def write_picture(
    path: Path,
    *,
    example: Example,
    comparison: Comparison,
    minutes: int = MINUTES,
    subtitle: str = "",
) -> None:
    """Write a picture of 1600 x 900 pixels as PNG.

    Args:
        path: the file.
        example: a window with the runs of "policy" and the baseline.
        comparison: the saving for the title, over all windows.
        minutes: length of the stretch to show, the hardest of the window.
        subtitle: a line below the title.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in (POLICY, comparison.baseline) if name in example.runs]
    part = example.hardest(tuple(names), minutes)
    figure = Figure(figsize=(16, 9), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(names), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axis, name in zip(axes, names, strict=True):
        _panel(axis, example, part, name)
    axes[0].set_ylim(bottom=0)  # only now: it ends the growing of the axis that all share
    shown = time_ticks(example, part.start, part.stop, 9)
    ticks = [tick for tick in shown if tick[0] < part.stop - 0.05 * minutes] or shown
    axes[-1].set_xticks([minute for minute, _ in ticks], [text for _, text in ticks])
    _titles(figure, comparison, subtitle)
    figure.subplots_adjust(left=LEFT, right=RIGHT, top=0.825, bottom=0.1, hspace=0.24)
    figure.savefig(Path(path), format="png")


def _panel(axis: "Axes", example: Example, part: slice, name: str) -> None:
    run = example.runs[name]
    cuts = np.arange(part.start, part.stop + 1)

    def shown(values: FloatArray) -> FloatArray:
        return np.nan_to_num(np.asarray(values, np.float64)[part], posinf=0.0, neginf=0.0)

    load, failed = shown(example.load), shown(run.failed)
    colour = POLICY_COLOUR if name == POLICY else BASELINE_COLOUR
    axis.stairs(load, cuts, fill=True, color=LOAD_COLOUR, label="load")
    served = load - failed
    axis.stairs(
        np.where(failed > 0, load, np.nan),
        cuts,
        baseline=np.where(failed > 0, served, np.nan),
        fill=True,
        color=FAILED_COLOUR,
        label="failed work",
    )
    if ORACLE in example.runs:
        oracle = shown(example.runs[ORACLE].in_service)
        label = "oracle, which knows the future"
        axis.stairs(oracle, cuts, baseline=None, color=ORACLE_COLOUR, linewidth=1, label=label)
    capacity = shown(run.in_service)
    axis.stairs(capacity, cuts, baseline=None, color=colour, linewidth=2.4)
    _style(axis, part, f"{describe(name).label}: machines in service", colour, load, failed)


def _style(
    axis: "Axes", part: slice, label: str, colour: str, load: FloatArray, failed: FloatArray
) -> None:
    share = failed.sum() / load.sum() if load.sum() > 0 else 0.0
    axis.set_title(label, loc="left", fontsize=17, color=colour, fontweight="bold", pad=8)
    axis.set_title(f"{percent(share, 2)} of the work failed", loc="right", fontsize=14, color=QUIET)
    axis.set_xlim(part.start, part.stop)
    axis.set_ylabel("machines", fontsize=13, color=QUIET)
    axis.tick_params(labelsize=13, colors=QUIET, length=0)
    axis.grid(axis="y", color="#e7eaee", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color("#c9cfd6")


def _titles(figure: "Figure", comparison: Comparison, subtitle: str) -> None:
    title = cost_words(replace(comparison, lower=None, upper=None))
    figure.text(LEFT, 0.935, title, fontsize=27, fontweight="bold", color="#171b21")
    parts = [subtitle] if subtitle else []
    if comparison.lower is not None:
        parts.insert(0, interval_words(comparison))
    figure.text(LEFT, 0.893, "; ".join(parts), fontsize=15.5, color=QUIET)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="lower right",
        bbox_to_anchor=(RIGHT + 0.008, 0.005),
        ncols=len(labels),
        fontsize=14,
        frameon=False,
        labelcolor=QUIET,
    )
