"""The best policy that a training has met, and how it came to it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.controller.policy import Policy


class Best:
    """Keeps the policy with the best test return; of equal ones the later.

    Attributes:
        policy: None until a policy was tested.
        training_return: mean return of the newest training episodes, None before the first.
    """

    def __init__(self) -> None:
        self.policy: Policy | None = None
        self.training_return: float | None = None
        self._score = -np.inf
        self._step = 0
        self._curve: list[list[float | None]] = []

    def offer(self, policy: Policy, *, score: float, step: int) -> None:
        """Take a tested policy into account."""
        self._curve.append([step, self.training_return, score])
        if score >= self._score:
            self.policy, self._score, self._step = policy, score, step

    def figures(self) -> dict[str, Any]:
        """Return figures for the manifest; "curve" holds [step, training return, test return]."""
        return {"test_return": self._score, "best_step": self._step, "curve": self._curve}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a checkpoint keeps as arrays."""
        if self.policy is None:
            return {}
        return {f"best/{name}": array for name, array in self.policy.arrays().items()}

    def meta(self) -> dict[str, Any]:
        """Return what a checkpoint keeps as JSON."""
        specification = self.policy.specification() if self.policy else None
        return {
            "specification": specification,
            "score": self._score if self.policy else None,
            "step": self._step,
            "curve": self._curve,
            "training_return": self.training_return,
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
        """Take over what `arrays` and `meta` returned."""
        self._step, self._curve = meta["step"], [list(point) for point in meta["curve"]]
        self.training_return = meta["training_return"]
        if meta["specification"] is not None:
            named = {
                name.removeprefix("best/"): array
                for name, array in arrays.items()
                if name.startswith("best/")
            }
            self.policy = Policy.from_arrays(named, meta["specification"])
            self._score = meta["score"]
