"""The bank: many ways to scale, all scored on the observed load every minute, the leader followed.

The load does not depend on what is decided, so what any member would have cost is known whether or
not it was followed: prediction with expert advice under full information (Cesa-Bianchi and Lugosi,
Prediction, Learning, and Games, 2006), by following the leader of the last days (Hannan, 1957).
As far as it is not sure that the leader is better than the best target tracker, what is followed
lies between the two (`scores`).

For every day at 0:00 UTC the members' simulated fleets begin anew (two hours before, so that what
happens at midnight finds them as it would find any fleet), and only the costs of the last days
count: six, and thirteen of target trackers. So the choice is a function of the last two weeks of
load, and whoever rebuilds it from these decides as one that has run for years.
"""

import numpy as np

from .features import NAMES, features
from .fleet import BURN_IN, Fleet
from .members import BankSettings
from .peaks import PastDays, past_days
from .policy import MAX_MACHINES, Policy
from .prepared import Prepared
from .scores import SHARES, Followed, Scores
from .seasons import DAYS
from .series import DAY, LOOKBACK, FloatArray, Series
from .simulated import SimulatedFleets
from .wishes import Wishes

INTERFACE = 3  # of what `rollout` calls here and in `fleet`: another is another number
MOST_KEPT, KEPT = 25 * DAY, 17 * DAY  # minutes of load before some are forgotten, and after
LEAST_KNOWN = 60  # minutes of load before members are scored
MOST = 1e18  # of any number of a state
HEAD = 40  # bytes of a state: day, leader, rival, its share and the rows of fleets

# What is said after a minute: machines that are wanted and would be kept; how far out the
# farthest number is that the network reads (`Policy.distance`), and how far the networks of an
# ensemble are apart.
SAID = ("wanted", "keep", "outside", "spread")


class Bank:
    """Members and their scores; `advance` takes the load of one minute, or of many.

    Attributes:
        series: the load.
        simulated: the members' fleets; complete after `settle`.
        followed: the leader, and the target tracker that a share is taken from.
        said: after the last minute, by the rows of `SAID`; -1 if too little was known.
    """

    def __init__(
        self, policy: Policy, settings: BankSettings, fleet: Fleet, minute: int, room: int = DAY
    ) -> None:
        """Begin with no load; the first value will be that of `minute`, in minutes since 1970."""
        self.policy, self.settings, self.fleet = policy, settings, fleet
        self.series = Series(minute, fleet.horizon, room)
        self.simulated = SimulatedFleets(self.series, settings, fleet)
        self._prepared: Prepared | None = None
        self.day = -1
        self.first = settings.first
        self.followed = Followed(self.first, self.first)
        self.said = np.full(len(SAID), -1.0)

    @property
    def scores(self) -> Scores:
        """What the members cost; complete after `settle`."""
        return self.simulated.scores

    def advance(self, load: FloatArray, since: int = 0) -> FloatArray:
        """Take the load of the next minutes, and return what is said after each.

        Args:
            load: in machines, shape (minutes,). A value that is no number holds the one before;
                the rest is taken within 0 to a million machines.
            since: index in the series; on days before its own nothing is said, and nobody is
                scored but target trackers.

        Returns:
            For the minutes that follow each, shape (4, minutes), rows as in `SAID`; NaN as long as
            too little is known.
        """
        self.settle()  # by the places of before
        if self.series.size > MOST_KEPT:
            since -= self.series.size - KEPT
            self.series.forget(KEPT)
        begin = self.series.size or LOOKBACK
        self.series.append(self._sound(load))
        end = self.series.size
        since -= (self.series.origin + since) % DAY
        if end - begin == 1 and end >= max(LOOKBACK + LEAST_KNOWN, since):
            self.said[:] = self._minute(end)
            return self.said[:, None].copy()
        said = np.full((len(SAID), end - begin), np.nan)
        first = max(begin + 1, LOOKBACK + LEAST_KNOWN)
        if first < since:
            first = since
            if since <= end:
                self._skip_to(since)
        while first <= end:
            # A stretch of decisions on one day.
            left = DAY - (self.series.origin + first) % DAY
            last = min(end + 1, first + left)
            said[:, first - begin - 1 : last - begin - 1] = self._stretch(first, last)
            first = last
        self.said[:] = said[:, -1] if end >= LOOKBACK + LEAST_KNOWN else -1.0
        return said

    def _skip_to(self, midnight: int) -> None:
        """Go on with the day of an index; on those before, target trackers alone are scored."""
        self.simulated = SimulatedFleets(self.series, self.settings, self.fleet)
        self.day = (self.series.origin + midnight) // DAY - 1
        earliest = LOOKBACK + LEAST_KNOWN
        self.simulated.score_older_days(midnight, self.settings.older_days, earliest)

    def _sound(self, load: FloatArray) -> FloatArray:
        """Return the load without what is no number, negative, or beyond any fleet."""
        if len(load) == 1 and 0.0 <= load[0] <= MAX_MACHINES:
            return load + 0.0  # not -0.0
        good = np.isfinite(load)
        if not good.all():
            before = self.series.load[self.series.size - 1] if self.series.size else 0.0
            filled = np.concatenate(([before], load))
            known = np.concatenate(([True], good))
            newest = np.maximum.accumulate(np.where(known, np.arange(len(filled)), 0))
            load = filled[newest][1:]
        return np.minimum(np.maximum(load, 0.0), MAX_MACHINES)

    def settle(self) -> None:
        """Do what the last decision left to do, since it did not need it.

        A process that decides minute by minute calls it in otherwise idle time; `advance` and
        `dump` do it if nobody has.
        """
        self.simulated.settle()

    def prepare(self) -> None:
        """Do what the decision after the next minute will need and can be done before its load."""
        self.settle()
        series = self.series
        if LEAST_KNOWN <= series.known and series.size <= MOST_KEPT and series.prepare():
            self._prepared = Prepared(series, self.fleet.price, self.fleet.change_price)
            self.simulated.prepare()

    def _minute(self, index: int) -> tuple[float, ...]:
        """Decide one minute, as `_stretch` would, but for what no single minute needs."""
        wishes = self._begin(index, index + 1)
        if (self.series.origin + index) % self.settings.choose_every == 0:
            self.followed = self._choice()
        (outside,), (spread,) = wishes.doubts()
        return *self.simulated.wanted_by(self.followed, wishes), outside, spread

    def _stretch(self, begin: int, end: int) -> FloatArray:
        """Decide the minutes of index `begin` to `end` - 1, all on one day."""
        wishes = self._begin(begin, end)
        costs = self.simulated.costs(begin, end)
        followed = self._choose(begin, costs)
        self.scores.add(costs.sum(axis=0))
        self.followed = followed[-1]
        return np.array((*self.simulated.wanted(followed, wishes), *wishes.doubts()))

    def _begin(self, begin: int, end: int) -> Wishes:
        """Take over the load of the minute before `begin`, and have members wish until `end` - 1.

        Their fleets are stepped later, and a day begins if `begin` is on another one.
        """
        series = self.series
        self.settle()
        self.simulated.observe(series.load[begin - 1 : begin])
        if (series.origin + begin) // DAY != self.day:
            self._turn_day((series.origin + begin) // DAY, begin)
        wishes = self._wishes(begin, end)
        self.simulated.step_later(wishes)
        return wishes

    def _turn_day(self, day: int, begin: int) -> None:
        """Begin a day: older ones move on, and simulated fleets begin anew, some time before."""
        self.simulated.begin_anew()
        self.scores.turn(day - self.day if self.day >= 0 else 0)
        self.day = day
        first = max(begin - BURN_IN, LOOKBACK + LEAST_KNOWN)
        if first < begin:
            self.simulated.step_later(self._wishes(first, begin))
            self.settle()

    def _wishes(self, begin: int, end: int) -> Wishes:
        """Return what the members want in the minutes of index `begin` to `end` - 1."""
        series, fleet = self.series, self.fleet
        # Whatever comes first is what was prepared, or makes it useless.
        prepared, self._prepared = self._prepared, None
        week: PastDays | None = None
        if prepared is not None and prepared.index == begin == end - 1:
            rows, week = prepared.read()
        else:
            if self.settings.seasons:
                week = past_days(series, begin, end, DAYS)
            rows = features(
                series, begin, end, price=fleet.price, change_price=fleet.change_price, week=week
            )
        return Wishes(
            begin,
            rows,
            week,
            self.simulated.held,
            policy=self.policy,
            settings=self.settings,
            layout=self.simulated.layout,
            fleet=fleet,
        )

    def features(self) -> dict[str, float]:
        """Return what the network reads for the next decision, by name."""
        now, fleet = self.series.size, self.fleet
        row = features(
            self.series, now, now + 1, price=fleet.price, change_price=fleet.change_price
        )
        return dict(zip(NAMES, row[:, 0].tolist(), strict=True))

    def _choose(self, begin: int, costs: FloatArray) -> list[Followed]:
        """Return what is followed in each minute from `begin` on."""
        every, minutes = self.settings.choose_every, len(costs) + 1
        late = -(self.series.origin + begin) % every
        followed = [self.followed] * min(late, minutes)
        running = np.cumsum(costs, axis=0)
        for place in range(late, minutes, every):
            followed += [self._choice(running[place - 1] if place else 0.0)] * every
        return followed[:minutes]

    def _choice(self, more: FloatArray | float = 0.0) -> Followed:
        """Return what is followed from now on, if today has cost `more` than is charged."""
        self.simulated.charge_newest()
        return self.scores.choose(more) or Followed(self.first, self.first)

    def scored_since(self, minute: int) -> int:
        """Return the index from which costs count for a decision of `minute`."""
        oldest = (minute // DAY - self.settings.days + 1) * DAY
        return oldest - self.series.origin

    def dump(self) -> bytes:
        """Return what is known beside the load, as bytes that `restore` reads."""
        self.settle()
        machines = self.simulated.machines
        leader, rival, share = self.followed
        head = np.array([self.day, leader, rival, share * SHARES, len(machines)], "<i8")
        arrays = (machines, *self._state())
        return head.tobytes() + b"".join(np.asarray(each, "<f8").tobytes() for each in arrays)

    def restore(self, content: bytes, load: FloatArray) -> None:
        """Take over what `dump` returned after `load`, in machines, had been taken.

        Raises:
            ValueError: these bytes were not made by a bank of this form.
        """
        head = np.frombuffer(content[:HEAD], "<i8")
        values = np.frombuffer(content[HEAD:], "<f8")
        day, leader, rival, share, rows = head.tolist() if len(head) == HEAD // 8 else [-1] * 5
        shapes = [(rows, self.simulated.size), *(each.shape for each in self._state())]
        sizes = [int(np.prod(shape)) for shape in shapes]
        sound = 0 <= leader < self.simulated.size and 0 <= rows <= self.fleet.rows
        alone = rival == leader and share == SHARES
        if not (sound and (alone or (rival in self.scores.rivals and 0 <= share <= SHARES))):
            raise ValueError("no state of this bank")
        if len(values) != sum(sizes) or not (values < MOST).all():
            raise ValueError("no state of this bank")
        parts = np.split(values, np.cumsum(sizes)[:-1])
        self.series.append(self._sound(load))
        known = self.series.known >= LEAST_KNOWN
        if day != ((self.series.origin + self.series.size) // DAY if known else -1):
            raise ValueError("no state of this bank")
        self.day, self.followed = day, Followed(leader, rival, share / SHARES)
        self.simulated = fleets = SimulatedFleets(self.series, self.settings, self.fleet)
        fleets.machines = parts[0].reshape(shapes[0]).astype(np.float64)
        for target, part in zip(self._state(), parts[1:], strict=True):
            target[:] = part.reshape(target.shape)
        # Nothing else is below zero but what rules held before they had wished for anything.
        said, costs, _, *alarms = self._state()
        sound = all((each >= 0.0).all() for each in (fleets.machines, costs, *alarms))
        if not (sound and (said >= -1.0).all()):
            raise ValueError("no state of this bank")

    def _state(self) -> tuple[FloatArray, ...]:
        fleets, trackers = self.simulated, self.simulated.trackers
        alarms = (trackers.above, trackers.below, trackers.recommended)
        return (self.said, fleets.scores.costs, fleets.held, *alarms)
