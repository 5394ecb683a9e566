"""What an evaluation or a back-test wrote: its table, a picture of its days, its report."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from estimator.comparison import job_of
from estimator.errors import EstimatorError, JobFailedError
from estimator.figures import new_figure
from estimator.local_aws import checkout_command

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

_COLUMNS = ("J_over_oracle", "gap_closed", "failed_percent", "machine_hours", "changes_per_day")
# In environments without load the best is the largest return.
_RETURNS = ("mean_return", "standard_deviation")
_WITH_LOAD = "AutoScaling-v0"
_POLICY, _ORACLE, _DAY = "policy", "oracle", 1440


@dataclass(frozen=True)
class Results:
    """One folder of results.

    Attributes:
        folder: Holds `scorecard.json`, `trajectories.csv` and `report.html`.
    """

    folder: Path

    @property
    def report(self) -> Path:
        """The page with everything."""
        return self.folder / "report.html"

    @property
    def scorecard(self) -> dict[str, Any]:
        """Figures of every policy.

        Raises:
            EstimatorError: If the folder has none.
        """
        path = self.folder / "scorecard.json"
        if not path.is_file():
            raise EstimatorError(
                f"there is no {path}: evaluate the model first (entry_point='evaluate.py', channel "
                "checkpoint), or run a back-test"
            )
        read: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return read

    def table(self) -> "DataFrame":
        """Return the figures of every policy, the best one first."""
        import pandas

        rows = pandas.DataFrame.from_dict(self.scorecard["policies"], orient="index")
        shown = rows[[name for name in (*_COLUMNS, *_RETURNS) if name in rows]].astype(float)
        if "J_over_oracle" in shown:
            return shown.sort_values("J_over_oracle")
        return (
            shown.sort_values("mean_return", ascending=False) if "mean_return" in shown else shown
        )

    def best_baseline(self) -> str:
        """Return the name of the best baseline."""
        names = [name for name in self.table().index if name not in (_POLICY, _ORACLE)]
        return str(names[0])

    def picture(
        self, *, day: int = 0, days: float = 1, policies: str | Sequence[str] | None = None
    ) -> "Figure":
        """Return a picture: machines in service over the load, and the work that failed.

        Args:
            day: First day shown.
            days: How many.
            policies: Whose machines; None: the policy's, the best baseline's and the oracle's.

        Raises:
            EstimatorError: If there are no such days or policies.
        """
        named = [policies] if isinstance(policies, str) else policies
        chosen = list(named or (_POLICY, self.best_baseline(), _ORACLE))
        frame = self._trajectories()
        first, last = day * _DAY, (day + days) * _DAY
        shown = frame[(frame["minute"] >= first) & (frame["minute"] < last)]
        missing = [name for name in chosen if name not in set(shown["policy"])]
        if missing:
            raise EstimatorError(
                f"picture: days {day} to {day + days} have no {', '.join(missing)}: there are "
                f"{frame['minute'].max() / _DAY:.1f} days of {', '.join(frame['policy'].unique())}"
            )
        return _draw(shown, chosen, self.scorecard.get("window", {}).get("capacity"))

    def _trajectories(self) -> "DataFrame":
        import pandas

        path = self.folder / "trajectories.csv"
        if not path.is_file():
            raise EstimatorError(
                f"there is no {path}: only evaluations and back-tests of {_WITH_LOAD} have a "
                "picture; .table() has the returns of any other environment"
            )
        return pandas.read_csv(path)


def fetch_results(job: Any, folder: str | Path) -> Results:  # noqa: ANN401 - see below
    """Fetch what an ended job left in S3, unpack its output and return the results in it.

    Args:
        job: An estimator, a job, or the name of a job.
        folder: Gets `model.tar.gz`, `output.tar.gz` and what the latter holds.

    Raises:
        EstimatorError: If the job left no results.
    """
    found = job_of(job, None)
    target = Path(folder)
    found.download(target)
    archive = target / "output.tar.gz"
    if archive.is_file():
        with tarfile.open(archive) as opened:
            _extract(opened, target)
    return Results(target)


def _extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Write the files of an archive below a folder, and nothing else that is in it.

    `extractall` with a filter would do, but Python has it from 3.11.4 on.
    """
    for member in archive.getmembers():
        path = PurePosixPath(member.name)
        source = archive.extractfile(member) if member.isreg() else None
        if source is None or path.is_absolute() or ".." in path.parts:
            continue
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read())


def backtest(model: str | Path, load: str | Path, output: str | Path, **options: object) -> Results:
    """Run the back-test of a model on a load file, on this machine, as its command does.

    Args:
        model: The model.tar.gz.
        load: CSV with the header timestamp,requests.
        output: New folder for the results.
        options: Those of the command, for example `days=7`, `failure_price=50`.

    Raises:
        EstimatorError: If the command refuses something; the line is its own.
        JobFailedError: If it fails.
    """
    for one in (model, load):
        if "://" in str(one):
            raise EstimatorError(
                f"backtest: {one} is no file of this machine: fetch it first, a job's model with "
                "fetch_results(job, FOLDER)"
            )
    command = [*checkout_command("backtest"), *(str(Path(one).resolve()) for one in (model, load))]
    command += ["--output", str(Path(output).resolve())]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}={value}"]
    root = Path(__file__).resolve().parent.parent
    run = subprocess.run(command, cwd=root, env=dict(os.environ), capture_output=True, text=True)
    lines = run.stderr.strip().splitlines()
    said = " ".join(lines[-1:]).removeprefix("error: ")
    if run.returncode == 2:
        raise EstimatorError(f"backtest: {said}")
    if run.returncode:
        raise JobFailedError(f"the back-test failed: {said}")
    for line in lines:
        print(line, file=sys.stderr)
    return Results(Path(output))


def _draw(frame: "DataFrame", policies: Sequence[str], capacity: float | None) -> "Figure":
    figure = new_figure(9.0, 5.5)
    machines, failed = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for number, name in enumerate(policies):
        rows = frame[frame["policy"] == name]
        hours = rows["minute"] / 60
        colour = "grey" if name == _ORACLE else f"C{number}"
        # The policy lies on top of what it is compared with.
        under = {"color": colour, "zorder": 2.9 - number / 10}
        machines.step(hours, rows["active"], where="post", linewidth=1.4, label=name, **under)
        failed.plot(hours, rows["failed"], linewidth=1.0, **under)
    if capacity:
        rows = frame[frame["policy"] == policies[0]]
        needed = rows["load"] / capacity
        machines.fill_between(rows["minute"] / 60, needed, color="C0", alpha=0.15, label="load")
    machines.set_ylabel("machines in service")
    failed.set_ylabel("failed requests\nin a minute")
    failed.set_xlabel("hours since the window began")
    for panel in (machines, failed):
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
        panel.margins(x=0)
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    return figure
