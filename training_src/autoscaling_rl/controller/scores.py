"""What the members of a bank have cost on the last days, and which of them is followed how far.

Who has cost least by chance is not the best one. So how much of the leader is followed hangs on the
evidence that it is better than the target tracker that was best for longer: the sum of what it
saved on each of the days, as they count, over the root of the sum of their squares. This
self-normalised sum is 1 where all was saved on one day, at most the root of the number of days, and
a function of Student's t (Efron, Student's t-test under symmetry conditions, JASA 64, 1969; de la
Peña, Lai and Shao, Self-Normalized Processes, 2009). Who saves much is followed with less evidence.

What is followed in part lies between the fleets of the two. J is convex in the machines, but for a
minimum billing time and whole numbers, so a mixture of fleets costs no more than the mixture of
their costs.
"""

import math
from typing import NamedTuple

import numpy as np

from .members import BankSettings
from .series import FloatArray

SHARES = 16  # a share of the leader is a multiple of one part of so many


class Followed(NamedTuple):
    """What is followed: of every machine that the fleets of two members differ by, a share.

    Attributes:
        leader: the member that has cost least.
        rival: the target tracker that has, on all the days that trackers are scored on; the leader
            itself where there is no tracker.
        share: of the leader, a multiple of 1/16: mixtures of whole machines are exact.
    """

    leader: int
    rival: int
    share: float = 1.0


class Scores:
    """Costs of the members by day, older ones counting less.

    Attributes:
        costs: machine-minutes of each day and member, shape (days, members), today first; of days
            on which target trackers alone count, theirs alone (from `turn` on).
        rivals: the target trackers among the members; maybe none.
    """

    def __init__(self, settings: BankSettings, members: int, rivals: range) -> None:
        """Begin without costs.

        Args:
            settings: of the bank.
            members: how many the bank has.
            rivals: of them.
        """
        self.costs = np.zeros((settings.days + settings.older_days, members))
        self.rivals, self._settings = rivals, settings
        self._weights = np.cumprod([1.0, *[settings.decay] * (settings.days - 1)])
        self._earlier: FloatArray | None = None  # the costs of the days before, as they count
        self._tracked: FloatArray | None = None  # those of the rivals, every day alike

    def add(self, costs: FloatArray) -> None:
        """Add to the costs of today, shape (members,)."""
        self.costs[0] += costs

    def turn(self, days: int) -> None:
        """Move on by some days: what was today's is of so many days ago."""
        none = np.zeros((min(days, len(self.costs)), self.costs.shape[1]))
        self.costs = np.concatenate((none, self.costs))[: len(self.costs)]
        for others in (slice(self.rivals.start), slice(self.rivals.stop, None)):
            self.costs[self._settings.days :, others] = 0.0
        self._earlier = self._tracked = None

    def choose(self, more: FloatArray | float = 0.0) -> Followed | None:
        """Return what to follow; None while no member has cost anything.

        Args:
            more: costs of today that were not added, shape (members,).
        """
        today = self.costs[0] + more
        scores = self._earlier_costs() + today
        if not scores.any():
            return None
        leader = int(scores.argmin())
        if not self.rivals:
            return Followed(leader, leader)
        rival = self._rival(today)
        days = self.costs[: self._settings.days]
        saved = days[:, rival] - days[:, leader]
        saved[0] = today[rival] - today[leader]
        share = self._share((saved * self._weights).tolist(), float(scores[rival]))
        return Followed(leader, rival, share)

    def _rival(self, today: FloatArray) -> int:
        """Return the target tracker that is best on all the days that trackers are scored on."""
        theirs = slice(self.rivals.start, self.rivals.stop)
        if self._tracked is None:
            self._tracked = self.costs[1:, theirs].sum(axis=0)
        return self.rivals.start + int((self._tracked + today[theirs]).argmin())

    def _share(self, saved: list[float], cost: float) -> float:
        """Return the share of a leader that saved so much on each of the days of a rival's cost."""
        sure, much, share = self._settings.sure, self._settings.much, self._settings.least_share
        # Sums that round once: plain ones are not the same in every version of Python.
        saving, scale = math.fsum(saved), math.sqrt(math.fsum(day * day for day in saved))
        if scale > 0.0:
            share = max(saving / scale / sure, saving / cost / much, share)
        return math.floor(SHARES * min(share, 1.0)) / SHARES

    def _earlier_costs(self) -> FloatArray:
        if self._earlier is None:
            self._earlier = np.zeros(self.costs.shape[1])
            for past in self.costs[self._settings.days - 1 : 0 : -1]:
                self._earlier = (self._earlier + past) * self._settings.decay
        return self._earlier


def mixed(
    leader: FloatArray | float, rival: FloatArray | float, share: FloatArray | float
) -> FloatArray:
    """Return whole machines between two fleets: rounded up, but for a quarter or less."""
    machines: FloatArray = np.ceil(rival + share * (np.asarray(leader) - rival) - 0.25)
    return machines
