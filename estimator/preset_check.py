"""Ranges of hyperparameters against what the bundle itself says of its preset.

The bundle is asked as a user asks it, `train.py --preset NAME --describe`, with the ends of the
ranges as values: it knows names, types and limits, and how settings go together.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from estimator.bundle import Bundle
from estimator.errors import EstimatorError
from estimator.hyperparameters import encode_all
from estimator.presets import OWN_BUNDLE
from estimator.ranges import CategoricalParameter, Range

_PROGRAM = "train.py"
_PYTHON = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "python"
_MISTAKE, _SECONDS = 2, 60.0


def check_in_preset(
    bundle: Bundle, hyperparameters: Mapping[str, object], ranges: Mapping[str, Range]
) -> None:
    """Check that the preset takes the ends of the ranges.

    A bundle of another making, or one in S3, is not asked: its jobs say what they do not take.

    Raises:
        EstimatorError: If it does not; the line is the bundle's own.
    """
    folder = bundle.folder
    if folder is None or bundle.program != _PROGRAM or not (folder / OWN_BUNDLE).is_file():
        return
    with ThreadPoolExecutor(4) as pool:
        corners = [encode_all({**hyperparameters, **corner}) for corner in _corners(ranges)]
        for said in pool.map(lambda values: _ask(folder, values), corners):
            if said:
                raise EstimatorError(f"hyperparameter_ranges: {said}")


def _corners(ranges: Mapping[str, Range]) -> Iterator[dict[str, object]]:
    """Yield every least value together, every largest, and every value of a choice."""
    longest = max(
        (len(one.values) for one in ranges.values() if isinstance(one, CategoricalParameter)),
        default=0,
    )
    for number in range(max(2, longest)):
        yield {name: _end(one, number) for name, one in ranges.items()}


def _end(one: Range, number: int) -> object:
    if isinstance(one, CategoricalParameter):
        return one.values[number % len(one.values)]
    return one.max_value if number % 2 else one.min_value


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
