"""A hundred families of load that were written without sight of the policy and of its training.

Their writers made them from what they knew of systems and of stochastic processes. Forty of them
(`HELD`, those of the package `held`) are only judged; the others were looked at while changes of
the policy were tried (`DEVELOPMENT`). Whoever changes it once more has the next forty written.
"""

from benchmarks.unseen import broken, clock, clockless, held, mild
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
    "mild",
]


def _is_held(name: str, kind: str) -> bool:
    return FAMILIES[kind][name].__module__.startswith(f"{held.__name__}.")


_EVERY = [(name, kind) for kind, families in FAMILIES.items() for name in families]
# A window is drawn by its family's place here: newer ones come last, and leave the others theirs.
KIND_OF = dict(sorted(_EVERY, key=lambda each: _is_held(*each)))
HELD = tuple(name for name, kind in KIND_OF.items() if _is_held(name, kind))
DEVELOPMENT = tuple(name for name in KIND_OF if name not in HELD)
