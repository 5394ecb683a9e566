"""Toolkits and frameworks: which pairs there are, and who made the image of each."""

import difflib
import enum
from collections.abc import Iterable

from estimator.errors import EstimatorError


class RLToolkit(enum.Enum):
    """What trains."""

    COACH = "coach"
    RAY = "ray"
    SB3 = "sb3"
    CEM = "cem"
    HINDSIGHT = "hindsight"


class RLFramework(enum.Enum):
    """What a toolkit computes with."""

    TENSORFLOW = "tensorflow"
    MXNET = "mxnet"
    PYTORCH = "pytorch"
    NUMPY = "numpy"


OWN = {
    RLToolkit.SB3: RLFramework.PYTORCH,
    RLToolkit.CEM: RLFramework.NUMPY,
    RLToolkit.HINDSIGHT: RLFramework.NUMPY,
}
"""The toolkits of this project's image, each with its framework."""

LEGACY = {
    RLToolkit.COACH: {
        "0.10": {RLFramework.TENSORFLOW},
        "0.10.1": {RLFramework.TENSORFLOW},
        "0.11": {RLFramework.TENSORFLOW, RLFramework.MXNET},
        "0.11.0": {RLFramework.TENSORFLOW, RLFramework.MXNET},
        "0.11.1": {RLFramework.TENSORFLOW},
        "1.0.0": {RLFramework.TENSORFLOW},
    },
    RLToolkit.RAY: {
        "0.5": {RLFramework.TENSORFLOW},
        "0.5.3": {RLFramework.TENSORFLOW},
        "0.6": {RLFramework.TENSORFLOW},
        "0.6.5": {RLFramework.TENSORFLOW},
        "0.8.2": {RLFramework.TENSORFLOW},
        "0.8.5": {RLFramework.TENSORFLOW, RLFramework.PYTORCH},
        "1.6.0": {RLFramework.TENSORFLOW, RLFramework.PYTORCH},
    },
}
"""The images that AWS made once: toolkit, version and frameworks, as SDK version 2 has them."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `: did you mean X?` for the nearest known name, else the list of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f": did you mean {close[0]!r}?" if close else f": choose one of {', '.join(names)}"


def find_toolkit(toolkit: "RLToolkit | str") -> RLToolkit:
    """Return the toolkit that a text names, or an enum of the SDK's own.

    Raises:
        EstimatorError: If there is none of that name.
    """
    return RLToolkit(_value(RLToolkit, toolkit, "toolkit"))


def find_framework(framework: "RLFramework | str") -> RLFramework:
    """Return the framework that a text names, or an enum of the SDK's own.

    Raises:
        EstimatorError: If there is none of that name.
    """
    return RLFramework(_value(RLFramework, framework, "framework"))


def _value(kind: type[enum.Enum], given: object, what: str) -> str:
    text = str(given.value if isinstance(given, enum.Enum) else given).lower()
    values = [str(one.value) for one in kind]
    if text not in values:
        raise EstimatorError(f"there is no {what} {text!r}{nearest(text, values)}")
    return text


def check_pair(
    toolkit: RLToolkit, version: str | None, framework: RLFramework | None
) -> RLFramework:
    """Check that there is an image for a toolkit with its framework.

    Returns:
        The framework, the toolkit's only one if none is given.

    Raises:
        EstimatorError: If there is none.
    """
    if toolkit in OWN:
        own = OWN[toolkit]
        if framework not in (None, own):
            raise EstimatorError(
                f"the toolkit {toolkit.value} runs on {own.value}: write framework={own.value!r}"
            )
        return own
    versions = LEGACY[toolkit]
    if version not in versions:
        raise EstimatorError(_no_such_version(toolkit, version))
    frameworks = sorted(one.value for one in versions[version])
    if framework is None or framework not in versions[version]:
        raise EstimatorError(
            f"{toolkit.value} {version} needs a framework: write framework= one of "
            f"{', '.join(frameworks)}"
        )
    return framework


def _no_such_version(toolkit: RLToolkit, version: str | None) -> str:
    instead = "take toolkit='sb3' with framework='pytorch'"
    asked = f"{toolkit.value} {version}" if version else f"{toolkit.value} without toolkit_version"
    return (
        f"{asked} is not there: this project's image has no {toolkit.value}, and AWS's unsupported "
        f"images end at {list(LEGACY[toolkit])[-1]}; {instead}, or image_uri with an image of "
        "your own"
    )
