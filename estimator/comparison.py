"""Several training jobs in one figure: reward, failed share, steps per second."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from estimator.errors import EstimatorError
from estimator.job import Job
from estimator.session import as_session

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_REWARDS = ("episode_reward_mean", "reward-training")
_PANELS = (
    (_REWARDS, "mean reward of an episode"),
    (("failed_percent",), "failed work, %"),
    (("steps_per_second",), "environment steps per second"),
)
# One point has no line to be seen by.
_FEW_POINTS = 30


def compare(
    jobs: Sequence[Any], *, names: Sequence[str] | None = None, sagemaker_session: object = None
) -> "Figure":
    """Return a figure with one line for each job in each panel, over minutes since its start.

    Args:
        jobs: Estimators, jobs, or names of jobs; running ones as well.
        names: What the legend calls them; None: the names of the jobs.
        sagemaker_session: Where jobs are that are given by name.

    Raises:
        EstimatorError: If there is nothing to show, or a job has no metrics.
    """
    found = [_job(one, sagemaker_session) for one in jobs]
    if not found:
        raise EstimatorError("compare: no jobs: pass estimators, or names of jobs")
    labels = list(names) if names is not None else [job.name for job in found]
    if len(labels) != len(found):
        raise EstimatorError(f"compare: {len(found)} jobs and {len(labels)} names: give one each")
    frames = [job.analytics().dataframe() for job in found]
    return _draw(labels, frames)


def _job(one: Any, session: object) -> Job:  # noqa: ANN401
    if isinstance(one, Job):
        return one
    if isinstance(one, str):
        return Job(as_session(session, project=None, stage=None), one)
    job = getattr(one, "latest_training_job", None)
    if not isinstance(job, Job):
        raise EstimatorError(f"compare: {one!r} has no job: call fit() first, or pass a job's name")
    return job


def _draw(labels: Sequence[str], frames: "Sequence[pandas.DataFrame]") -> "Figure":
    # Not pyplot: it would keep the figure, and choose a screen to draw on.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 8.0), layout="constrained")
    panels = figure.subplots(len(_PANELS), 1, sharex=True)
    for panel, (metrics, title) in zip(panels, _PANELS, strict=True):
        for number, (label, frame) in enumerate(zip(labels, frames, strict=True)):
            _line(panel, frame, metrics, label, f"C{number}")
        panel.set_ylabel(title)
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
        if not panel.lines:
            panel.text(0.5, 0.5, "no such metric", transform=panel.transAxes, ha="center")
    panels[-1].set_xlabel("minutes since the first value")
    handles = {line.get_label(): line for panel in panels for line in panel.lines}
    figure.legend(list(handles.values()), list(handles), loc="outside upper center", frameon=False)
    return figure


def _line(
    panel: "Axes", frame: "pandas.DataFrame", metrics: Sequence[str], label: str, colour: str
) -> None:
    for name in metrics:
        points = frame[frame["metric_name"] == name] if len(frame) else frame
        if len(points):
            panel.plot(
                points["timestamp"] / 60,
                points["value"],
                color=colour,
                label=label,
                marker="." if len(points) <= _FEW_POINTS else "",
            )
            return
