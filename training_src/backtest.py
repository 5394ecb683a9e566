"""Entry script of the back-test: a model artifact and every baseline over recorded load.

python backtest.py MODEL_TAR_GZ LOAD_CSV --output DIR [--start 2004-12-01T00:00Z] [--days 14] ...

Exit status: 0 done, 2 a mistake of the user, named in one line, 1 a fault, or stopped by SIGTERM or
Ctrl-C, which leaves nothing half-written.
"""

import argparse
import dataclasses
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from autoscaling_rl import artifact
from autoscaling_rl.backtest import Result, RunPolicy, backtest
from autoscaling_rl.backtest_output import write_backtest
from autoscaling_rl.backtest_settings import BacktestSettings
from autoscaling_rl.baselines.window import DAY, Trajectory, Window
from autoscaling_rl.errors import UserError
from autoscaling_rl.load.file import read_load
from autoscaling_rl.rollout import ArtifactPolicy, Stretch, rollout
from autoscaling_rl.settings import documentation

RESULTS = ("report.html", "scorecard.json", "trajectories.csv")
SHOWN = ("J_over_oracle", "gap_closed", "failed_percent", "machine_hours", "changes_per_day")

_ENDING = (signal.SIGINT, signal.SIGTERM)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a back-test and return the exit status."""
    try:
        options = vars(_parser().parse_args(argv))
        model, path, output = (Path(options.pop(name)) for name in ("model", "load", "output"))
        given = {name: value for name, value in options.items() if value is not None}
        settings = BacktestSettings.from_options(given)
        load = read_load(path, bins=settings.bins)
        for gap in load.gaps:
            print(f"{path}: {gap}: interpolated", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="artifact-") as workspace:
            policy = artifact_policy(model, Path(workspace) / "model")
            with _draft(output) as draft:
                result = backtest(load, settings, policy)
                write_backtest(result, draft)
        _print_table(result)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped: nothing is half-written", file=sys.stderr)
        return 1
    print(f"written: {', '.join(str(output / name) for name in RESULTS)}")
    return 0


def artifact_policy(model: Path, folder: Path) -> RunPolicy:
    """Return a function that runs the policy of a model artifact over a window.

    Args:
        model: the model.tar.gz.
        folder: where it is unpacked to, and must stay while the policy runs.

    Raises:
        UserError: the artifact is unsafe, damaged, or not one for load.
    """
    if not model.is_file():
        raise UserError(f"{model}: there is no such file: give the model.tar.gz of a training job")
    if artifact.unpack(model, folder)["input"] != "states":
        raise UserError(f"{model}: its policy does not scale machines: there is nothing to test")
    loaded = ArtifactPolicy.load(folder)

    def run(window: Window, start: datetime) -> Trajectory:
        minute_of_week = start.weekday() * DAY + start.hour * 60 + start.minute
        warmups = window.rules.warmups
        nominal = int(warmups[len(warmups) // 2])
        return rollout(loaded, [Stretch(window, minute_of_week)], nominal)[0]

    return run


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage: the message is the whole answer."""
        raise UserError(f"{message} (--help lists the options)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="backtest", description=__doc__, allow_abbrev=False)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", metavar="MODEL_TAR_GZ", help="the model artifact")
    parser.add_argument("load", metavar="LOAD_CSV", help="CSV with the header timestamp,requests")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder to write to")
    kinds: dict[str, Callable[[str], Any]] = {"start": _time, "capacity": float}
    kinds["warmup_distribution"] = str
    words = documentation(BacktestSettings)
    for field in dataclasses.fields(BacktestSettings):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=kinds.get(field.name, type(field.default)),
            metavar=field.name.split("_")[-1].upper(),
            help=f"{words[field.name].replace('%', '%%')} (default: {field.default})",
        )
    return parser


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time like 2004-12-01T00:00Z"
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    """Give a folder to write into; what is in it at the end is moved to `folder`, all or nothing.

    Raises:
        UserError: there are results already, or nothing can be written there.
    """
    for name in RESULTS:
        if (folder / name).exists():
            raise UserError(f"--output {folder} already holds {name}: choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".backtest-", dir=folder) as draft:
            yield Path(draft)
            signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
            try:
                for path in Path(draft).iterdir():
                    path.replace(folder / path.name)
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    except OSError as error:
        raise UserError(f"--output {folder} cannot be written ({error.strerror})") from error


def _print_table(result: Result) -> None:
    figures = result.scorecard()["policies"]
    print(f"{'':22}" + "".join(f"{name:>16}" for name in SHOWN))
    for name, row in figures.items():
        cells = ("-" if row[key] is None else f"{row[key]:.3f}" for key in SHOWN)
        print(f"{name:22}" + "".join(f"{cell:>16}" for cell in cells))


def _stop(*_: object) -> NoReturn:
    """Leave every `with` block in good order; a second signal does not interrupt the first."""
    for number in _ENDING:
        signal.signal(number, lambda *_: None)
    raise KeyboardInterrupt


if __name__ == "__main__":
    for ending in _ENDING:
        if signal.getsignal(ending) is not signal.SIG_IGN:  # as a shell's `&` has it
            signal.signal(ending, _stop)
    exit_status = main()
    # The interpreter ends handlers before it ends itself: a late signal must not change the status.
    for ending in _ENDING:
        signal.signal(ending, signal.SIG_IGN)
    sys.exit(exit_status)
