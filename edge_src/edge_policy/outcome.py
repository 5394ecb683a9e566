"""What a model's own code answers, taken with care: it may fail, end a thread, or talk for ever."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from .artifact import BadModel
from .messages import LARGEST_FLEET, Message, Refused

MOST_DOUBTS, LONGEST_TEXT = 20, 64  # of what a model says: answers and telemetry have a size


class ModelFailed(Exception):
    """The model's own code failed, or did what no model may; the text says how."""


class OwnCode:
    """Turn whatever the model's own code raises into one kind of error.

    SystemExit, too: in a thread it would end the thread without a word, and the deciding with it.

    Raises:
        ModelFailed: in place of anything else but what is meant for others.
    """

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: object, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, Refused | BadModel | ModelFailed):
            raise ModelFailed(repr(error)[:300]) from error


@dataclass(frozen=True)
class Outcome:
    """A decision of a model.

    Attributes:
        action: machines to add or to remove.
        desired: machines, in service and on their way.
        fallback: whether the guard's reactive rule decided.
        doubts: why it did.
        features: returns what the policy read, by name.
    """

    action: int
    desired: int
    fallback: bool = False
    doubts: tuple[str, ...] = ()
    features: Callable[[], dict[str, float]] = dict


def sound(outcome: Outcome, message: Message) -> bool:
    """Return whether a decision is one that a fleet could follow, and that can be told."""
    desired, action, doubts = outcome.desired, outcome.action, outcome.doubts
    if type(desired) is not int or type(action) is not int or type(outcome.fallback) is not bool:
        return False
    if not isinstance(doubts, tuple) or len(doubts) > MOST_DOUBTS:
        return False
    if not all(isinstance(each, str) and len(each) <= LONGEST_TEXT for each in doubts):
        return False
    most = message.most or LARGEST_FLEET
    return max(0, message.least) <= desired <= most and action == desired - message.fleet


def read_features(outcome: Outcome) -> dict[str, float]:
    """Return what the policy read, as far as it can be told.

    Raises:
        ModelFailed: the artifact's code did.
    """
    with OwnCode():
        found = {str(name)[:LONGEST_TEXT]: float(each) for name, each in outcome.features().items()}
    return {name: round(each, 4) for name, each in found.items() if math.isfinite(each)}
