"""140 families of load that were written without sight of the policy and of its training.

Their writers made them from what they knew of systems and of stochastic processes. Forty of them
(`HELD`, those of the package `held`) are only judged; the others were looked at while changes of
the policy were tried (`DEVELOPMENT`). Whoever changes it once more has the next forty written, and
adds the package of these to the others.
"""

from benchmarks.unseen import broken, clock, clockless, held, later, mild
from benchmarks.unseen.parts import FAMILIES

__all__ = [
    "DEVELOPMENT",
    "FAMILIES",
    "HELD",
    "KIND_OF",
    "broken",
    "clock",
    "clockless",
    "held",
    "later",
    "mild",
]

_PACKAGES = (__name__, later.__name__, held.__name__)  # from the oldest to the newest


def _age(name: str, kind: str) -> int:
    """Return which package a family is of."""
    return _PACKAGES.index(FAMILIES[kind][name].__module__.rpartition(".")[0])


_EVERY = [(name, kind) for kind, families in FAMILIES.items() for name in families]
# A window is drawn by its family's place here: newer ones come last, and leave the others theirs.
KIND_OF = dict(sorted(_EVERY, key=lambda each: _age(*each)))
HELD = tuple(name for name, kind in KIND_OF.items() if _PACKAGES[_age(name, kind)] == held.__name__)
DEVELOPMENT = tuple(name for name in KIND_OF if name not in HELD)
