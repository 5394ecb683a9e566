"""Several training jobs in one figure: reward, failed share, steps per second."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from estimator.curves import SPEED, Curve, curves
from estimator.errors import EstimatorError
from estimator.figures import new_figure
from estimator.job import Job
from estimator.local_aws import session_of_job

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANELS = (
    (("episode_reward_mean", "reward-training"), "mean reward of an episode"),
    (("failed_percent",), "failed work, %"),
    ((SPEED,), "environment steps per second"),
)
_FEW_POINTS = 30
_WIDE = 30.0
_SHORT_SECONDS = 180.0


def compare(
    jobs: Any,  # noqa: ANN401 - see below
    *,
    names: Sequence[str] | None = None,
    sagemaker_session: object = None,
) -> "Figure":
    """Return a figure with one line for each job in each panel, over minutes since its start.

    Args:
        jobs: Estimators, jobs, or names of jobs; running ones as well. One alone needs no list.
        names: What the legend calls them; None: the names of the jobs.
        sagemaker_session: Where jobs are that are given by name.

    Raises:
        EstimatorError: If there is nothing to show, or a job has no metrics.
    """
    listed = jobs if isinstance(jobs, Iterable) and not isinstance(jobs, str) else [jobs]
    found = [job_of(one, sagemaker_session) for one in listed]
    if not found:
        raise EstimatorError("compare: no jobs: pass estimators, or names of jobs")
    labels = list(names) if names is not None else [job.name for job in found]
    if len(labels) != len(found):
        raise EstimatorError(f"compare: {len(found)} jobs and {len(labels)} names: give one each")
    return _draw(labels, [curves(job) for job in found])


def job_of(one: Any, session: object) -> Job:  # noqa: ANN401
    """Return the job of an estimator, a name, or a job itself.

    Raises:
        EstimatorError: If there is none.
    """
    if isinstance(one, Job):
        return one
    if isinstance(one, str):
        return Job(session_of_job(one, session), one)
    job = getattr(one, "latest_training_job", None)
    if not isinstance(job, Job):
        raise EstimatorError(f"{one!r} has no job: call fit() first, or pass a job's name")
    return job


def _draw(labels: Sequence[str], jobs: Sequence[Mapping[str, Curve]]) -> "Figure":
    from matplotlib.ticker import EngFormatter

    figure = new_figure(8.0, 8.0)
    unit, factor = _time_unit(jobs)
    panels = figure.subplots(len(_PANELS), 1, sharex=True)
    for panel, (metrics, title) in zip(panels, _PANELS, strict=True):
        for number, (label, found) in enumerate(zip(labels, jobs, strict=True)):
            curve = next((found[name] for name in metrics if name in found), None)
            if curve is not None:
                _line(panel, [(x / factor, y) for x, y in curve], label, f"C{number}")
        panel.set_ylabel(title)
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
        if not panel.lines:
            text = f"none of these jobs prints {metrics[0]}"
            panel.text(0.5, 0.5, text, transform=panel.transAxes, ha="center", va="center")
            panel.set_yticks([])
        elif _spread(panel) > _WIDE:
            panel.set_yscale("log")
    # "60 M" beside each line instead of a power of ten above them.
    panels[-1].yaxis.set_major_formatter(EngFormatter())
    panels[-1].set_xlabel(f"{unit} since the job began")
    handles = {line.get_label(): line for panel in panels for line in panel.lines}
    figure.legend(
        list(handles.values()), list(handles), loc="outside upper center", ncols=2, frameon=False
    )
    return figure


def _spread(panel: "Axes") -> float:
    """Return the largest value over the least, 0 if that makes no sense."""
    import numpy as np

    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in panel.lines])
    return float(values.max() / values.min()) if values.min() > 0 else 0.0


def _time_unit(jobs: Sequence[Mapping[str, Curve]]) -> tuple[str, float]:
    """Return the unit of the horizontal axis and its seconds."""
    longest = max((x for found in jobs for curve in found.values() for x, _ in curve), default=0.0)
    return ("minutes", 60.0) if longest > _SHORT_SECONDS else ("seconds", 1.0)


def _line(panel: "Axes", curve: Curve, label: str, colour: str) -> None:
    if len(curve) == 1:
        # What a job says once, at its end, is compared by its height alone.
        panel.axhline(curve[0][1], color=colour, label=label, linestyle="--")
        return
    panel.plot(
        [x for x, _ in curve],
        [y for _, y in curve],
        color=colour,
        label=label,
        marker="." if len(curve) <= _FEW_POINTS else "",
    )
