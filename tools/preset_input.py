"""Print execution inputs that train with presets of this checkout, deployed or not.

    python tools/preset_input.py training_src/presets/NAME.toml ...

A stage knows the presets that were deployed with it. A changed one is tried as the deployed
default with every effective setting given as a hyperparameter. Its policy is judged and
registered, but waits for a person and is not deployed. What was changed in the code itself is not
tried: a stage runs the bundle that it was deployed with.

Prints `{"NAME": input, ...}`. Exit status: 0, or 2 for a mistake in a preset.
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training_src"))

from autoscaling_rl.errors import UserError
from autoscaling_rl.presets import DEFAULT_PRESET, load_preset

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\.toml")
MOST_HYPERPARAMETERS = 95
"""A training job takes 100, and the workflow adds a few of its own."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the inputs; return the exit status."""
    paths = [Path(each) for each in (sys.argv[1:] if argv is None else argv)]
    try:
        print(json.dumps({path.stem: execution_input(path) for path in paths}))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def execution_input(path: Path) -> dict[str, Any]:
    """Return the input of an execution that tries a preset.

    Args:
        path: Its file.

    Raises:
        UserError: The file is no preset, or its name is none.
    """
    if not _NAME.fullmatch(path.name):
        raise UserError(f"{path.name!r}: name presets with lower-case letters, digits and hyphens")
    settings = load_preset(path).effective()
    general = {key: settings[key] for key in ("toolkit", "seed")}
    tables = {
        f"{table}.{key}": value
        for table in ("environment", "training", "evaluation", "guard")
        for key, value in settings[table].items()
        if value != []  # the default of every list that may be empty, and no hyperparameter
    }
    hyperparameters = {key: json.dumps(value) for key, value in (general | tables).items()}
    _check(path, settings, hyperparameters)
    return {
        "preset": DEFAULT_PRESET,
        "training": {"hyperparameters": hyperparameters},
        "registry": {"approval": "manual"},
        "endpoint": {"run": False},
    }


def _check(path: Path, settings: dict[str, Any], hyperparameters: dict[str, str]) -> None:
    """Make sure that the job will understand what is meant."""
    if len(hyperparameters) > MOST_HYPERPARAMETERS:
        raise UserError(f"{path}: has {len(hyperparameters)} settings, more than a job takes")
    understood = load_preset(DEFAULT_PRESET, hyperparameters).effective()
    names = ("name", "description")
    for key in set(settings).difference(names):
        if understood[key] != settings[key]:
            raise UserError(f"{path}: [{key}] cannot be given as hyperparameters; deploy it first")


if __name__ == "__main__":
    sys.exit(main())
