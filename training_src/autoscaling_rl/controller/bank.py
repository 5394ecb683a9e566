"""The bank: many ways to scale, all scored on the observed load every minute, the leader followed.

The load does not depend on what is decided, so what any member would have cost is known whether or
not it was followed: prediction with expert advice under full information (Cesa-Bianchi and Lugosi,
Prediction, Learning, and Games, 2006), by following the leader of the last days (Hannan, 1957).

For every day at 0:00 UTC the members' simulated fleets begin anew (two hours before, so that what
happens at midnight finds them as it would find any fleet), and only the costs of the last few days
count. So the choice is a function of the last two weeks of load, and whoever rebuilds it from
these decides as one that has run for years.
"""

from typing import NamedTuple

import numpy as np

from .features import NAMES, features
from .fleet import Fleet, charge, in_service, still_owed
from .members import (
    HOLDS,
    PEAK_HEADROOMS,
    PEAK_MINUTES,
    QUANTILE_RULES,
    BankSettings,
    Trackers,
    network_bands,
    rule_bands,
    whole_machines,
)
from .peaks import past_days
from .policy import MAX_MACHINES, Policy
from .seasons import DAYS, SEASON_HEADROOMS, SEASON_RULES, season_bands
from .series import DAY, LOOKBACK, FloatArray, IntArray, Series

INTERFACE = 3  # of what `rollout` calls here and in `fleet`: another is another number
MOST_KEPT, KEPT = 25 * DAY, 17 * DAY  # minutes of load before some are forgotten, and after
LEAST_KNOWN = 60  # minutes of load before members are scored
BURN_IN = 120  # minutes that fleets are simulated for before a day, so that its first are fair
MOST = 1e18  # of any number of a state
_WEEK_PEAK = NAMES.index("peak_10080")

# What is said after a minute: machines that the leader wants and would keep; how far out the
# farthest number is that the network reads (`Policy.distance`), and how far the networks of an
# ensemble are apart.
SAID = ("wanted", "keep", "outside", "spread")


class _Bands(NamedTuple):
    """What network and rules want in some minutes.

    Attributes:
        begin: index of the first.
        low, high: machines wanted and worth keeping, shape (minutes, bands).
        most: most machines of any member, shape (minutes, 1).
    """

    begin: int
    low: FloatArray
    high: FloatArray
    most: FloatArray


class Bank:
    """Members and their scores; `advance` takes the load of one minute, or of many.

    Attributes:
        series: the load.
        machines: the members' fleets in the last minutes, newest last; complete after `settle`.
        costs: of each day and member, today first.
        leader: the member that is followed.
        said: after the last minute, by the rows of `SAID`; -1 if too little was known.
    """

    def __init__(
        self, policy: Policy, settings: BankSettings, fleet: Fleet, minute: int, room: int = DAY
    ) -> None:
        """Begin with no load; the first value will be that of `minute`, in minutes since 1970."""
        self.policy, self.settings, self.fleet = policy, settings, fleet
        self.series = Series(minute, fleet.horizon, room)
        self.network = len(settings.price_factors) * len(settings.offsets)
        rules = len(QUANTILE_RULES) * len(HOLDS) + len(PEAK_MINUTES) * len(PEAK_HEADROOMS)
        self.rules = self.network + (rules if settings.rules else 0)
        seasons = len(SEASON_RULES) * len(SEASON_HEADROOMS)
        self.bands = self.rules + (seasons if settings.seasons else 0)
        self.trackers = Trackers(settings.trackers)
        self.size = self.bands + self.trackers.size
        self.held = np.full((max(HOLDS) - 1, len(QUANTILE_RULES)), -np.inf)
        self.machines = np.zeros((0, self.size))
        self._due: _Bands | None = None
        self.costs = np.zeros((settings.days, self.size))
        self.day = -1
        self.first = self.leader = settings.first
        self.said = np.full(len(SAID), -1.0)

    def advance(self, load: FloatArray, since: int = 0) -> FloatArray:
        """Take the load of the next minutes, and return what is said after each.

        Args:
            load: in machines, shape (minutes,). A value that is no number holds the one before;
                the rest is taken within 0 to a million machines.
            since: index in the series before which nothing needs to be scored.

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
        said = np.full((len(SAID), end - begin), np.nan)
        first = max(begin + 1, LOOKBACK + LEAST_KNOWN, since)
        while first <= end:
            # A stretch of decisions on one day.
            left = DAY - (self.series.origin + first) % DAY
            last = min(end + 1, first + left)
            said[:, first - begin - 1 : last - begin - 1] = self._stretch(first, last)
            first = last
        self.said[:] = said[:, -1] if end >= LOOKBACK + LEAST_KNOWN else -1.0
        return said

    def _sound(self, load: FloatArray) -> FloatArray:
        """Return the load without what is no number, negative, or beyond any fleet."""
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
        self._catch_up()
        self.machines = self.machines[-self.fleet.rows :]

    def _stretch(self, begin: int, end: int) -> FloatArray:
        """Decide the minutes of index `begin` to `end` - 1, all on one day."""
        series, delay = self.series, self.fleet.delay
        self.settle()
        if len(self.machines) > delay:  # what these cost in the minute before is known by now
            known = self.machines[: len(self.machines) - delay]
            self.costs[0] += charge(self.fleet, known, series.load[begin - 1 : begin])[0]
        if (series.origin + begin) // DAY != self.day:
            self._turn_day((series.origin + begin) // DAY, begin)
        bands, doubt = self._bands(begin, end)
        self._due = bands
        costs = self._known_costs(begin, end)
        leaders = self._choose(begin, costs)
        self.costs[0] += costs.sum(axis=0)
        self.leader = int(leaders[-1])
        return np.array((*self._wanted(leaders, bands), *doubt))

    def _known_costs(self, begin: int, end: int) -> FloatArray:
        """Return what the minutes from `begin` on cost, as far as that is known before `end`."""
        costs = np.zeros((end - begin - 1, self.size))
        if not len(costs):
            return costs
        self._catch_up()
        known = self.machines[: max(0, len(self.machines) - 1 - self.fleet.delay)]
        charged = min(len(costs), len(known))
        loads = self.series.load[end - 1 - charged : end - 1]
        costs[len(costs) - charged :] = charge(self.fleet, known, loads)
        return costs

    def _wanted(self, leaders: IntArray, bands: _Bands) -> tuple[FloatArray, FloatArray]:
        """Return the machines that the leaders want and would keep."""
        rows, theirs = np.arange(len(leaders)), leaders < self.bands
        place = np.where(theirs, leaders, 0)
        wanted, keep = bands.low[rows, place], bands.high[rows, place]
        if theirs.all():
            return wanted, keep
        self._catch_up()
        made = self.machines[-len(leaders) :][rows, leaders]
        return np.where(theirs, wanted, made), np.where(theirs, keep, made)

    def _turn_day(self, day: int, begin: int) -> None:
        """Begin a day: older ones move on, and simulated fleets begin anew, some time before."""
        charged = self.machines[: max(0, len(self.machines) - self.fleet.delay - BURN_IN)]
        if len(charged):
            self.costs[0] += still_owed(self.fleet, charged, BURN_IN)
        gone = min(day - self.day, len(self.costs)) if self.day >= 0 else 0
        self.costs = np.concatenate((np.zeros((gone, self.size)), self.costs))[: len(self.costs)]
        self.day = day
        self.machines = np.zeros((0, self.size))
        self.held[:] = -np.inf
        first = max(begin - BURN_IN, LOOKBACK + LEAST_KNOWN)
        if first < begin:
            self._due, _ = self._bands(first, begin)
            self.settle()

    def _bands(self, begin: int, end: int) -> tuple[_Bands, FloatArray]:
        """Return the bands of network and rules, and the last two rows of `SAID`."""
        series, fleet = self.series, self.fleet
        week = past_days(series, begin, end, DAYS) if self.settings.seasons else None
        prices = {"price": fleet.price, "change_price": fleet.change_price}
        rows = features(series, begin, end, **prices, week=week)
        *bands, spread = network_bands(self.policy, rows, self.settings)
        logs = np.empty((2, end - begin, self.bands))
        logs[0, :, : self.network], logs[1, :, : self.network] = bands
        if self.settings.rules:
            logs[:, :, self.network : self.rules], self.held = rule_bands(rows, self.held)
        if week is not None:
            logs[:, :, self.rules :] = season_bands(begin, end, rows, week)
        most = self._most(rows)
        low, high = self._limited(whole_machines(logs), most)
        outside = self.policy.distance(rows.T) if self.network else np.zeros(end - begin)
        return _Bands(begin, low, high, most), np.array((outside, spread))

    def features(self) -> dict[str, float]:
        """Return what the network reads for the next decision, by name."""
        now, fleet = self.series.size, self.fleet
        row = features(
            self.series, now, now + 1, price=fleet.price, change_price=fleet.change_price
        )
        return dict(zip(NAMES, row[:, 0].tolist(), strict=True))

    def _most(self, rows: FloatArray) -> FloatArray:
        """Return the most machines of any member in each minute, given the features of it."""
        peaks = np.expm1(rows[0] + rows[_WEEK_PEAK])[:, None]
        # Less a little: demand is on a grid, and may lie a hair above what the load just needs.
        most = np.ceil(self.settings.peak_factor * peaks - 0.01)
        least, limit = self.fleet.least, self.fleet.most or MAX_MACHINES
        allowed: FloatArray = np.minimum(np.maximum(most, least), limit)
        return allowed

    def _limited(self, machines: FloatArray, most: FloatArray) -> FloatArray:
        limited: FloatArray = np.minimum(np.maximum(machines, self.fleet.least), most)
        return limited

    def _catch_up(self) -> None:
        """Step the members' fleets, which move into their bands, and append them."""
        if self._due is None:
            return
        (begin, low, high, most), self._due = self._due, None
        load, old, longest = self.series.load, len(self.machines), self.fleet.waits[-1]
        bands, made = self.bands, np.empty((old + len(low), self.size))
        made[:old] = self.machines
        for row in range(len(low)):
            place = old + row
            if place == 0:
                made[0, :bands] = low[0]
                if self.trackers.size:
                    made[0, bands:] = self._limited(self.trackers.begin(load[begin - 1]), most[0])
                continue
            np.maximum(made[place - 1, :bands], low[row], out=made[place, :bands])
            np.minimum(made[place, :bands], high[row], out=made[place, :bands])
            if not self.trackers.size:
                continue
            fleets = made[:place, bands:]
            serving = fleets[-longest:].min(axis=0) if longest else fleets[-1]
            served = self._served(fleets)
            stepped = self.trackers.step(load[begin + row - 1], fleets[-1], served, serving)
            made[place, bands:] = self._limited(stepped, most[row])
        self.machines = made

    def _served(self, fleets: FloatArray) -> FloatArray:
        """Return the machines that were in service in the last minute whose load is known."""
        seen = fleets[: max(1, len(fleets) - self.fleet.delay)]
        served: FloatArray = in_service(seen, 1, self.fleet)[0]
        return served

    def _choose(self, begin: int, costs: FloatArray) -> IntArray:
        """Return the member to follow in each minute from `begin` on."""
        every, settings = self.settings.choose_every, self.settings
        leaders = np.full(len(costs) + 1, self.leader)
        late = -(self.series.origin + begin) % every
        if late >= len(leaders):
            return leaders
        today = self.costs[0]
        running = np.cumsum(costs, axis=0)
        earlier = np.zeros(self.size)
        for past in self.costs[:0:-1]:
            earlier = (earlier + past) * settings.decay
        for place in range(late, len(leaders), every):
            known = today + running[place - 1] if place else today
            scores = earlier + known
            chosen = int(scores.argmin()) if scores.any() else self.first
            leaders[place : place + every] = chosen
        return leaders

    def scored_since(self, minute: int) -> int:
        """Return the index from which costs count for a decision of `minute`."""
        oldest = (minute // DAY - len(self.costs) + 1) * DAY
        return oldest - self.series.origin

    def dump(self) -> bytes:
        """Return what is known beside the load, as bytes that `restore` reads."""
        self.settle()
        head = np.array([self.day, self.leader, len(self.machines)], "<i8")
        arrays = (self.machines, *self._state())
        return head.tobytes() + b"".join(np.asarray(each, "<f8").tobytes() for each in arrays)

    def restore(self, content: bytes, load: FloatArray) -> None:
        """Take over what `dump` returned after `load`, in machines, had been taken.

        Raises:
            ValueError: these bytes were not made by a bank of this form.
        """
        head = np.frombuffer(content[:24], "<i8")
        values = np.frombuffer(content[24:], "<f8")
        day, leader, rows = (int(each) for each in head) if len(head) == 3 else (0, -1, 0)
        shapes = [(rows, self.size), *(each.shape for each in self._state())]
        sizes = [int(np.prod(shape)) for shape in shapes]
        if not (0 <= rows <= self.fleet.rows and 0 <= leader < self.size):
            raise ValueError("no state of this bank")
        if len(values) != sum(sizes) or not (values < MOST).all():
            raise ValueError("no state of this bank")
        parts = np.split(values, np.cumsum(sizes)[:-1])
        self.series.append(self._sound(load))
        known = self.series.known >= LEAST_KNOWN
        if day != ((self.series.origin + self.series.size) // DAY if known else -1):
            raise ValueError("no state of this bank")
        self.day, self.leader = day, leader
        self.machines = parts[0].reshape(shapes[0]).astype(np.float64)
        for target, part in zip(self._state(), parts[1:], strict=True):
            target[:] = part.reshape(target.shape)
        if not (self.said >= -1.0).all():
            raise ValueError("no state of this bank")

    def _state(self) -> tuple[FloatArray, ...]:
        trackers = self.trackers
        alarms = (trackers.above, trackers.below, trackers.recommended)
        return (self.said, self.costs, self.held, *alarms)
