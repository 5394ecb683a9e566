"""The fleets that the members of a bank would have, whether or not they are followed.

A decision needs what its leader wants, and the trackers' fleets if that is followed in part. That
the others' fleets are stepped, and that all are charged for a minute whose load has come, waits in
here until somebody needs it.
"""

from collections.abc import Sequence

import numpy as np

from .fleet import BURN_IN, Fleet, Standing, charge, charged, standing, still_owed
from .members import HOLDS, QUANTILE_RULES, TRACKING_TARGETS, BankSettings
from .scores import Followed, Scores, mixed
from .series import DAY, FloatArray, Series
from .trackers import Trackers, costs_of_days
from .wishes import Layout, Wishes


class SimulatedFleets:
    """Fleets of all members under the observed load.

    Attributes:
        layout: where which members stand.
        trackers: target tracking and the Kubernetes autoscaler.
        size: members.
        machines: in service and on their way in the last minutes, shape (minutes, members), newest
            last; complete after `settle`.
        held: what the quantile rules wanted in the last minutes, shape (9, rules).
        scores: what the members cost; complete after `settle`.
    """

    def __init__(self, series: Series, settings: BankSettings, fleet: Fleet) -> None:
        """Begin without machines, under the load of `series`."""
        self.layout, self.trackers = Layout.of(settings), Trackers(settings.trackers)
        self.size = self.layout.bands + self.trackers.size
        self.machines = np.zeros((0, self.size))
        self.held = np.full((max(HOLDS) - 1, len(QUANTILE_RULES)), -np.inf)
        rivals = range(self.layout.bands, self.layout.bands + len(TRACKING_TARGETS))
        self.scores = Scores(settings, self.size, rivals if settings.trackers else range(0))
        self._series, self._fleet = series, fleet
        self._due: Wishes | None = None  # of minutes whose fleets were not stepped yet
        self._tracked: FloatArray | None = None  # the trackers' fleets in the first of them
        self._unpaid: FloatArray | None = None  # the load of a minute that was not charged yet
        self._standing: Standing | None = None  # in the next minute whose load comes

    def settle(self) -> None:
        """Charge and step whatever waits for it."""
        self.charge_newest()
        self._catch_up()
        self.machines = self.machines[-self._fleet.rows :]

    def prepare(self) -> None:
        """Do what charging the next minute needs and its load says nothing of; after `settle`."""
        known = self._known()
        self._standing = standing(self._fleet, known, 1) if len(known) else None

    def observe(self, load: FloatArray) -> None:
        """Have the newest minute charged for this load, of shape (1,); after `settle`."""
        self._unpaid = load

    def step_later(self, wishes: Wishes) -> None:
        """Have the fleets stepped as their members wish, once that is asked for."""
        self._due = wishes

    def begin_anew(self) -> None:
        """Forget the fleets, and charge what they owe.

        The last `BURN_IN` minutes are to be simulated again: what is owed for them is charged then.
        """
        self.charge_newest()
        paid = self.machines[: max(0, len(self.machines) - self._fleet.delay - BURN_IN)]
        if len(paid):
            self.scores.add(still_owed(self._fleet, paid, BURN_IN))
        self.machines = np.zeros((0, self.size))
        self.held[:] = -np.inf

    def score_older_days(self, midnight: int, days: int, earliest: int) -> None:
        """Score target trackers on days on which nobody else is, as if the last one were today's.

        Args:
            midnight: index of the first minute after these days; nothing was scored before.
            days: how many, as far as the load was known.
            earliest: index before which no fleet begins.
        """
        midnights = midnight - DAY * np.arange(1, days + 1)
        midnights = midnights[midnights + DAY > earliest]
        costs = costs_of_days(self._series.load, midnights, earliest, self._fleet)
        rivals = slice(self.scores.rivals.start, self.scores.rivals.stop)
        self.scores.costs[: len(midnights), rivals] = costs[:, : len(self.scores.rivals)]

    def charge_newest(self) -> None:
        """Charge the minute that was observed last, if it was not yet."""
        load, self._unpaid = self._unpaid, None
        if load is None:
            return
        known, self._standing = self._standing, None
        if known is not None:
            self.scores.add(charged(self._fleet, known, load)[0])
        elif len(machines := self._known()):
            self.scores.add(charge(self._fleet, machines, load)[0])

    def _known(self) -> FloatArray:
        """Return the fleets in the minutes whose load is known, or comes next."""
        return self.machines[: max(0, len(self.machines) - self._fleet.delay)]

    def costs(self, begin: int, end: int) -> FloatArray:
        """Return what the minutes from index `begin` on cost, as far as it is known before `end`.

        Returns:
            Shape (end - begin - 1, members); they are not added to the scores.
        """
        costs = np.zeros((end - begin - 1, self.size))
        self.charge_newest()  # in any case: the next row must not stand in for the one in force
        if not len(costs):
            return costs
        self._catch_up()
        known = self.machines[: max(0, len(self.machines) - 1 - self._fleet.delay)]
        count = min(len(costs), len(known))
        loads = self._series.load[end - 1 - count : end - 1]
        costs[len(costs) - count :] = charge(self._fleet, known, loads)
        return costs

    def wanted(self, followed: Sequence[Followed], wishes: Wishes) -> tuple[FloatArray, FloatArray]:
        """Return the machines wanted and kept in some minutes by what is followed in each."""
        self._catch_up()
        leaders, rivals, shares = (np.array(each) for each in zip(*followed, strict=True))
        rows, theirs = np.arange(len(followed)), leaders < self.layout.bands
        place, made = np.where(theirs, leaders, 0), self.machines[-len(followed) :]
        own, others = made[rows, leaders], made[rows, rivals]
        wanted = keep = own
        if theirs.any():
            wanted, keep = (np.where(theirs, each[rows, place], own) for each in wishes.all)
        alone, between = shares == 1.0, mixed(own, others, shares)
        return np.where(alone, wanted, between), np.where(alone, keep, between)

    def wanted_by(self, followed: Followed, wishes: Wishes) -> tuple[float, float]:
        """Return the machines wanted and kept in the only minute by what is followed."""
        leader, rival, share = followed
        bands = self.layout.bands
        if leader < bands and share == 1.0:
            return wishes.one(leader)
        fleets = self.machines[:, bands:]
        self._tracked = self._step_trackers(fleets, wishes.begin)
        own = self._moved(leader, wishes) if leader < bands else self._tracked[leader - bands]
        between = float(mixed(own, self._tracked[rival - bands], share))
        return between, between

    def _moved(self, member: int, wishes: Wishes) -> float:
        """Return the fleet of one member of network or rules in the only minute."""
        low, high = wishes.one(member)
        before = float(self.machines[-1, member]) if len(self.machines) else low
        return min(max(before, low), high)

    def _catch_up(self) -> None:
        """Step the members' fleets, which move into their bands, and append them."""
        if self._due is None:
            return
        (due, self._due), (tracked, self._tracked) = (self._due, None), (self._tracked, None)
        (low, high), self.held = due.all, due.held
        old, bands = len(self.machines), self.layout.bands
        made = np.empty((old + len(low), self.size))
        made[:old] = self.machines
        for row in range(len(low)):
            place = old + row
            before = made[place - 1, :bands] if place else low[row]
            np.maximum(before, low[row], out=made[place, :bands])
            np.minimum(made[place, :bands], high[row], out=made[place, :bands])
            if tracked is None and self.trackers.size:
                tracked = self._step_trackers(made[:place, bands:], due.begin + row)
            if tracked is not None:
                made[place, bands:], tracked = tracked, None
        self.machines = made

    def _step_trackers(self, fleets: FloatArray, index: int) -> FloatArray:
        """Return the trackers' fleets in the minute of an index, after those in `fleets`."""
        return self.trackers.after(float(self._series.load[index - 1]), fleets, self._fleet)
