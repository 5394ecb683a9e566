"""Ranges of hyperparameters against what the bundle itself says of its preset.

The bundle is asked as a user asks it, `train.py --preset NAME --describe`, with the ends of the
ranges as values, and with one between them where a range is continuous: it knows names, types and
limits, and how settings go together.
"""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from estimator.bundle import Bundle
from estimator.errors import EstimatorError
from estimator.hyperparameters import encode_all
from estimator.presets import OWN_BUNDLE
from estimator.ranges import CategoricalParameter, ContinuousParameter, Range

_PROGRAM = "train.py"
_PYTHON = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "python"
_OF_HYPERPARAMETERS = ("hyperparameter ", "there is no hyperparameter ", "there is no preset ")
_MISTAKE, _SECONDS = 2, 60.0


def check_in_preset(
    bundle: Bundle, hyperparameters: Mapping[str, object], ranges: Mapping[str, Range]
) -> None:
    """Check that the preset takes the ends of the ranges, and fractions where they are continuous.

    A bundle of another making, or one in S3, is not asked: its jobs say what they do not take. Nor
    does it count what the bundle says of its files and its environment, for both may need what
    only a channel of the job brings.

    Raises:
        EstimatorError: If it does not; the line is the bundle's own.
    """
    folder = bundle.folder
    if folder is None or bundle.program != _PROGRAM or not (folder / OWN_BUNDLE).is_file():
        return
    corners = [encode_all({**hyperparameters, **corner}) for corner in _corners(ranges)]
    with _laid_out(bundle) as place, ThreadPoolExecutor(4) as pool:
        for said in pool.map(lambda values: _ask(place, values), corners):
            # Without the ranges it would take what they do not spoil.
            certain = said.startswith(_OF_HYPERPARAMETERS)
            if said and (certain or not _ask(place, encode_all(hyperparameters))):
                raise EstimatorError(f"hyperparameter_ranges: {said}")


@contextlib.contextmanager
def _laid_out(bundle: Bundle) -> Iterator[Path]:
    """Give a folder with the files of a bundle as a job has them, dependencies beside the rest."""
    assert bundle.folder is not None
    if not bundle.dependencies:
        yield bundle.folder
        return
    with tempfile.TemporaryDirectory(prefix="bundle-") as folder:
        for name, path in bundle.files():
            target = Path(folder) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            # Python looks for modules where a link to a program leads, so programs are copied.
            if path.suffix == ".py":
                shutil.copyfile(path, target)
            else:
                target.symlink_to(path)
        yield Path(folder)


def _corners(ranges: Mapping[str, Range]) -> Iterator[dict[str, object]]:
    """Yield every least value together, every largest, every value of a choice, and fractions."""
    longest = max(
        (len(one.values) for one in ranges.values() if isinstance(one, CategoricalParameter)),
        default=0,
    )
    for number in range(max(2, longest)):
        yield {name: _end(one, number) for name, one in ranges.items()}
    within = {
        name: _fraction(one) for name, one in ranges.items() if isinstance(one, ContinuousParameter)
    }
    if within:
        yield {name: within.get(name, _end(one, 0)) for name, one in ranges.items()}


def _end(one: Range, number: int) -> object:
    if isinstance(one, CategoricalParameter):
        return one.values[number % len(one.values)]
    return one.max_value if number % 2 else one.min_value


def _fraction(one: ContinuousParameter) -> float:
    """Return a value within the range that is not whole: a whole number may have whole ends."""
    middle = (one.min_value + one.max_value) / 2
    return middle + min(0.5, (one.max_value - middle) / 2) if middle.is_integer() else middle


def _ask(folder: Path, hyperparameters: Mapping[str, str]) -> str:
    """Return what the bundle has against these hyperparameters; nothing if it cannot be asked."""
    command = [_interpreter(), "-W", "ignore", _PROGRAM, "--describe"]
    command += [f"--{name}={text}" for name, text in hyperparameters.items()]
    try:
        run = subprocess.run(
            command,
            cwd=folder.resolve(),
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = run.stderr.strip().splitlines()
    return lines[-1].removeprefix("error: ") if run.returncode == _MISTAKE and lines else ""


def _interpreter() -> str:
    # What the bundle imports may be missing beside an estimator alone.
    missing = importlib.util.find_spec("gymnasium") is None
    return str(_PYTHON) if missing and _PYTHON.is_file() else sys.executable
