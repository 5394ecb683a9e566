"""What the members of a bank have cost on the last days, and which of them has cost least."""

import numpy as np

from .series import FloatArray


class Scores:
    """Costs of the members by day, older ones counting less.

    Attributes:
        costs: machine-minutes of each day and member, shape (days, members), today first.
    """

    def __init__(self, days: int, members: int, decay: float) -> None:
        """Begin without costs.

        Args:
            days: that count, today included.
            members: of the bank.
            decay: weight of a day's costs relative to those of the day after.
        """
        self.costs = np.zeros((days, members))
        self._decay = decay
        self._earlier: FloatArray | None = None  # the costs of the days before, as they count

    def add(self, costs: FloatArray) -> None:
        """Add to the costs of today, shape (members,)."""
        self.costs[0] += costs

    def turn(self, days: int) -> None:
        """Move on by some days: what was today's is of so many days ago."""
        none = np.zeros((min(days, len(self.costs)), self.costs.shape[1]))
        self.costs = np.concatenate((none, self.costs))[: len(self.costs)]
        self._earlier = None

    def best(self, more: FloatArray | float = 0.0) -> int | None:
        """Return the member that has cost least; None while none has cost anything.

        Args:
            more: costs of today that were not added, shape (members,).
        """
        scores = self._earlier_costs() + (self.costs[0] + more)
        return int(scores.argmin()) if scores.any() else None

    def _earlier_costs(self) -> FloatArray:
        if self._earlier is None:
            self._earlier = np.zeros(self.costs.shape[1])
            for past in self.costs[:0:-1]:
                self._earlier = (self._earlier + past) * self._decay
        return self._earlier
