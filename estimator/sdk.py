"""The SageMaker SDK's core (version 3), imported where it is used: it takes seconds."""

import importlib
import os
import warnings
from pathlib import Path
from types import ModuleType

from estimator.errors import EstimatorError

_ADMIN_CONFIG = "SAGEMAKER_ADMIN_CONFIG_OVERRIDE"
_OPT_OUT = Path(__file__).with_name("sdk_config.yaml")


def load(name: str) -> ModuleType:
    """Import a module of the SDK, its telemetry switched off.

    A user's own defaults file is read after this one, and wins.

    Raises:
        EstimatorError: If the SDK is not installed.
    """
    os.environ.setdefault(_ADMIN_CONFIG, str(_OPT_OUT))
    with warnings.catch_warnings():
        # Escapes in its docstrings, once, when Python compiles it.
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise EstimatorError(
                f"{error.name} is not installed: run `make setup-estimator`, or install "
                "requirements/estimator.txt"
            ) from error
