"""Hyperparameters as SageMaker carries them: texts, each of them JSON, as SDK version 2 sends them.

What reads them takes JSON, and the raw text where it is none.
"""

import json
import math
import numbers
from collections.abc import Mapping

from estimator.errors import EstimatorError
from estimator.kinds import plain

RESERVED = "sagemaker_"
"""Names that begin so belong to SageMaker and its SDKs."""

_MAX_TEXT = 2500


def encode(value: object) -> str:
    """Return a value as JSON.

    Raises:
        ValueError: If it is no text, no finite number and no truth value; the text says which.
    """
    value = plain(value)
    if isinstance(value, str | bool):
        return json.dumps(value)
    if isinstance(value, numbers.Integral):
        return json.dumps(int(value))
    if isinstance(value, numbers.Real):
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"is {number}: write a finite number")
        return json.dumps(number)
    raise ValueError(
        f"is of type {type(value).__name__}: write a text, a number or True or False, and several "
        "settings as several hyperparameters"
    )


def encode_all(hyperparameters: Mapping[str, object]) -> dict[str, str]:
    """Return every hyperparameter as the request carries it.

    Raises:
        EstimatorError: If one is no scalar, too long, or has a name that SageMaker uses itself.
    """
    encoded = {}
    for name, value in hyperparameters.items():
        if not isinstance(name, str) or not name:
            raise EstimatorError(f"hyperparameters: the name {name!r} is no text: write a name")
        if name.startswith(RESERVED):
            raise EstimatorError(
                f"hyperparameters: {name} begins with {RESERVED}, as SageMaker's own do: rename it"
            )
        try:
            encoded[name] = encode(value)
        except ValueError as error:
            raise EstimatorError(f"hyperparameters: {name} {error}") from None
        if len(encoded[name]) > _MAX_TEXT:
            raise EstimatorError(
                f"hyperparameters: {name} has {len(encoded[name])} characters, SageMaker takes "
                f"{_MAX_TEXT}: put it into a file of the bundle or a channel"
            )
    return encoded
