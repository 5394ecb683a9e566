"""How an endpoint came to its decisions, read from its log: one line for each."""

import json
import time
from typing import TYPE_CHECKING, Any

from estimator.errors import EstimatorError
from estimator.hosting import LOG_GROUP
from estimator.logs import LogReader
from estimator.predictor import Predictor
from estimator.session import asking

if TYPE_CHECKING:
    from pandas import DataFrame

_PAUSE_SECONDS = 0.5


def decisions(predictor: Predictor, *, at_least: int = 1, timeout: float = 60.0) -> "DataFrame":
    """Return the decisions of an endpoint, oldest first.

    Args:
        predictor: Its predictor.
        at_least: How many to wait for: lines come to the log a little after the answers.
        timeout: How long to wait for them, seconds.

    Returns:
        One row for each, with `timestamp`, `fleet`, `proposal`, `desired`, `fallback`, `doubts`,
        `guards` and `features`; `docs/endpoint.md` has their meaning.

    Raises:
        EstimatorError: If the log has fewer.
    """
    import pandas

    deadline = time.monotonic() + timeout
    group = f"{LOG_GROUP}/{predictor.endpoint_name}"
    reader = LogReader(predictor.session.client("logs"), "", group=group)
    found: list[dict[str, Any]] = []
    while len(found) < at_least:
        with asking(f"log group {group}"):
            found += [one for line in reader.lines() if (one := _decision(line.text))]
        if len(found) < at_least:
            if time.monotonic() > deadline:
                raise EstimatorError(
                    f"log group {group} has {len(found)} decisions, not {at_least}: only those for "
                    "states are logged, and only by this project's serve.py"
                )
            time.sleep(_PAUSE_SECONDS)
    frame = pandas.DataFrame(found).drop(columns=["time", "level", "message"])
    frame["timestamp"] = pandas.to_datetime(frame["timestamp"])
    return frame


def _decision(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:  # lines of other programs
        return None
    return line if isinstance(line, dict) and line.get("message") == "decision" else None
