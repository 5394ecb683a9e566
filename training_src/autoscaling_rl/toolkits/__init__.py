"""Toolkits that train a policy, found by name and imported only when they are used."""

import importlib
from typing import cast

from autoscaling_rl.errors import UserError
from autoscaling_rl.toolkits.base import Toolkit, TrainedPolicy, TrainingJob, TrainingStopped

_MODULES = {
    "cem": "autoscaling_rl.toolkits.cem",
    "hindsight": "autoscaling_rl.toolkits.hindsight",
    "sb3": "autoscaling_rl.toolkits.sb3",
}

__all__ = [
    "Toolkit",
    "TrainedPolicy",
    "TrainingJob",
    "TrainingStopped",
    "find_toolkit",
    "toolkit_names",
]


def toolkit_names() -> tuple[str, ...]:
    """Return the names that a preset may give as `toolkit`."""
    return tuple(_MODULES)


def find_toolkit(name: str) -> Toolkit:
    """Return the toolkit called `name`: the object `TOOLKIT` of its module.

    Raises:
        UserError: if there is no toolkit of that name.
    """
    if name not in _MODULES:
        raise UserError(f"toolkit {name!r} is unknown: use one of {', '.join(_MODULES)}")
    return cast(Toolkit, importlib.import_module(_MODULES[name]).TOOLKIT)
