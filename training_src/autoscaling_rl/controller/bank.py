"""The bank: many ways to scale, all scored on the observed load every minute, the leader followed.

The load does not depend on what is decided, so what any member would have cost is known whether or
not it was followed: prediction with expert advice under full information (Cesa-Bianchi and Lugosi,
Prediction, Learning, and Games, 2006), by following the leader of the last days (Hannan, 1957).

For every day at 0:00 UTC the members' simulated fleets begin anew (two hours before, so that what
happens at midnight finds them as it would find any fleet), and only the costs of the last few days
count. So the choice is a function of the last two weeks of load, and whoever rebuilds it from
these decides as one that has run for years.
"""

import numpy as np

from .features import NAMES, features
from .fleet import Fleet, Standing, charge, charged, in_service, standing, still_owed
from .members import HOLDS, QUANTILE_RULES, BankSettings, Trackers
from .peaks import PastDays, past_days
from .policy import MAX_MACHINES, Policy
from .prepared import Prepared
from .seasons import DAYS
from .series import DAY, LOOKBACK, FloatArray, IntArray, Series
from .wishes import Layout, Wishes

INTERFACE = 3  # of what `rollout` calls here and in `fleet`: another is another number
MOST_KEPT, KEPT = 25 * DAY, 17 * DAY  # minutes of load before some are forgotten, and after
LEAST_KNOWN = 60  # minutes of load before members are scored
BURN_IN = 120  # minutes that fleets are simulated for before a day, so that its first are fair
MOST = 1e18  # of any number of a state

# What is said after a minute: machines that the leader wants and would keep; how far out the
# farthest number is that the network reads (`Policy.distance`), and how far the networks of an
# ensemble are apart.
SAID = ("wanted", "keep", "outside", "spread")


class Bank:
    """Members and their scores; `advance` takes the load of one minute, or of many.

    Attributes:
        series: the load.
        layout: where which members stand.
        machines: the members' fleets in the last minutes, newest last; complete after `settle`.
        costs: of each day and member, today first; complete after `settle`.
        leader: the member that is followed.
        said: after the last minute, by the rows of `SAID`; -1 if too little was known.
    """

    def __init__(
        self, policy: Policy, settings: BankSettings, fleet: Fleet, minute: int, room: int = DAY
    ) -> None:
        """Begin with no load; the first value will be that of `minute`, in minutes since 1970."""
        self.policy, self.settings, self.fleet = policy, settings, fleet
        self.series = Series(minute, fleet.horizon, room)
        self.layout = Layout.of(settings)
        self.trackers = Trackers(settings.trackers)
        self.size = self.layout.bands + self.trackers.size
        self.held = np.full((max(HOLDS) - 1, len(QUANTILE_RULES)), -np.inf)
        self.machines = np.zeros((0, self.size))
        self._due: Wishes | None = None  # of minutes whose fleets were not stepped yet
        self._tracked: FloatArray | None = None  # the trackers' fleets in the first of them
        self._prepared: Prepared | None = None
        self._standing: Standing | None = None  # in the next minute whose load comes
        self._unpaid: FloatArray | None = None  # the load of a minute that was not charged yet
        self._earlier: FloatArray | None = None  # the costs of the days before, as they count
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
        if end - begin == 1 and end >= max(LOOKBACK + LEAST_KNOWN, since):
            self.said[:] = self._minute(end)
            return self.said[:, None].copy()
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
        self._charge_one()
        self._catch_up()
        self.machines = self.machines[-self.fleet.rows :]

    def prepare(self) -> None:
        """Do what the decision after the next minute will need and can be done before its load."""
        self.settle()
        series = self.series
        if LEAST_KNOWN <= series.known and series.size <= MOST_KEPT and series.prepare():
            self._prepared = Prepared(series, self.fleet.price, self.fleet.change_price)
            known = self._known_machines()
            self._standing = standing(self.fleet, known, 1) if len(known) else None

    def _minute(self, index: int) -> tuple[float, ...]:
        """Decide one minute, as `_stretch` would, but for what no single minute needs."""
        wishes = self._begin(index, index + 1)
        if (self.series.origin + index) % self.settings.choose_every == 0:
            self.leader = int(self._choose(index, np.zeros((0, self.size)))[0])
        (outside,), (spread,) = wishes.doubts()
        return *self._led(wishes), outside, spread

    def _stretch(self, begin: int, end: int) -> FloatArray:
        """Decide the minutes of index `begin` to `end` - 1, all on one day."""
        wishes = self._begin(begin, end)
        costs = self._known_costs(begin, end)
        leaders = self._choose(begin, costs)
        self.costs[0] += costs.sum(axis=0)
        self.leader = int(leaders[-1])
        return np.array((*self._wanted(leaders, wishes), *wishes.doubts()))

    def _begin(self, begin: int, end: int) -> Wishes:
        """Return what the members want in the minutes of index `begin` to `end` - 1."""
        series = self.series
        self.settle()
        self._unpaid = series.load[begin - 1 : begin]
        if (series.origin + begin) // DAY != self.day:
            self._turn_day((series.origin + begin) // DAY, begin)
        wishes = self._due = self._wishes(begin, end)
        return wishes

    def _charge_one(self) -> None:
        """Charge the minute before those to decide, whose load is known by now, if it was not yet.

        Only a minute in which a leader is chosen has to wait for it.
        """
        load, self._unpaid = self._unpaid, None
        if load is None:
            return
        known, self._standing = self._standing, None
        if known is not None:
            self.costs[0] += charged(self.fleet, known, load)[0]
        elif len(machines := self._known_machines()):
            self.costs[0] += charge(self.fleet, machines, load)[0]

    def _known_machines(self) -> FloatArray:
        """Return the members' fleets in the minutes whose load is known, or comes next."""
        return self.machines[: max(0, len(self.machines) - self.fleet.delay)]

    def _known_costs(self, begin: int, end: int) -> FloatArray:
        """Return what the minutes from `begin` on cost, as far as that is known before `end`."""
        costs = np.zeros((end - begin - 1, self.size))
        if not len(costs):
            return costs
        self._charge_one()
        self._catch_up()
        known = self.machines[: max(0, len(self.machines) - 1 - self.fleet.delay)]
        count = min(len(costs), len(known))
        loads = self.series.load[end - 1 - count : end - 1]
        costs[len(costs) - count :] = charge(self.fleet, known, loads)
        return costs

    def _wanted(self, leaders: IntArray, wishes: Wishes) -> tuple[FloatArray, FloatArray]:
        """Return the machines that the leaders want and would keep."""
        self._catch_up()
        rows, theirs = np.arange(len(leaders)), leaders < self.layout.bands
        place = np.where(theirs, leaders, 0)
        made = self.machines[-len(leaders) :][rows, leaders]
        wanted, keep = (each[rows, place] for each in wishes.all)
        return np.where(theirs, wanted, made), np.where(theirs, keep, made)

    def _led(self, wishes: Wishes) -> tuple[float, float]:
        """Return what the leader wants and would keep in the only minute."""
        if self.leader < self.layout.bands:
            return wishes.one(self.leader)
        fleets = self.machines[:, self.layout.bands :]
        self._tracked = self._step_trackers(fleets, wishes.begin, wishes.most[0])
        made = float(self._tracked[self.leader - self.layout.bands])
        return made, made

    def _turn_day(self, day: int, begin: int) -> None:
        """Begin a day: older ones move on, and simulated fleets begin anew, some time before."""
        self._charge_one()
        paid = self.machines[: max(0, len(self.machines) - self.fleet.delay - BURN_IN)]
        if len(paid):
            self.costs[0] += still_owed(self.fleet, paid, BURN_IN)
        gone = min(day - self.day, len(self.costs)) if self.day >= 0 else 0
        self.costs = np.concatenate((np.zeros((gone, self.size)), self.costs))[: len(self.costs)]
        self.day, self._earlier = day, None
        self.machines = np.zeros((0, self.size))
        self.held[:] = -np.inf
        first = max(begin - BURN_IN, LOOKBACK + LEAST_KNOWN)
        if first < begin:
            self._due = self._wishes(first, begin)
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
            self.held,
            policy=self.policy,
            settings=self.settings,
            layout=self.layout,
            fleet=fleet,
        )

    def features(self) -> dict[str, float]:
        """Return what the network reads for the next decision, by name."""
        now, fleet = self.series.size, self.fleet
        row = features(
            self.series, now, now + 1, price=fleet.price, change_price=fleet.change_price
        )
        return dict(zip(NAMES, row[:, 0].tolist(), strict=True))

    def _catch_up(self) -> None:
        """Step the members' fleets, which move into their bands, and append them."""
        if self._due is None:
            return
        (due, self._due), (tracked, self._tracked) = (self._due, None), (self._tracked, None)
        (low, high), most, self.held = due.all, due.most, due.held
        old, bands = len(self.machines), self.layout.bands
        made = np.empty((old + len(low), self.size))
        made[:old] = self.machines
        for row in range(len(low)):
            place = old + row
            before = made[place - 1, :bands] if place else low[row]
            np.maximum(before, low[row], out=made[place, :bands])
            np.minimum(made[place, :bands], high[row], out=made[place, :bands])
            if tracked is None and self.trackers.size:
                tracked = self._step_trackers(made[:place, bands:], due.begin + row, most[row])
            if tracked is not None:
                made[place, bands:], tracked = tracked, None
        self.machines = made

    def _step_trackers(self, fleets: FloatArray, index: int, most: FloatArray) -> FloatArray:
        """Return the trackers' fleets in the minute of an index, after those in `fleets`."""
        load, longest = self.series.load[index - 1], self.fleet.waits[-1]
        if len(fleets):
            serving = fleets[-longest:].min(axis=0) if longest else fleets[-1]
            stepped = self.trackers.step(load, fleets[-1], self._served(fleets), serving)
        else:
            stepped = self.trackers.begin(load)
        allowed: FloatArray = np.minimum(np.maximum(stepped, self.fleet.least), most)
        return allowed

    def _served(self, fleets: FloatArray) -> FloatArray:
        """Return the machines that were in service in the last minute whose load is known."""
        seen = fleets[: max(1, len(fleets) - self.fleet.delay)]
        served: FloatArray = in_service(seen, 1, self.fleet)[0]
        return served

    def _choose(self, begin: int, costs: FloatArray) -> IntArray:
        """Return the member to follow in each minute from `begin` on."""
        every = self.settings.choose_every
        leaders = np.full(len(costs) + 1, self.leader)
        late = -(self.series.origin + begin) % every
        if late >= len(leaders):
            return leaders
        self._charge_one()
        today, earlier = self.costs[0], self._earlier_costs()
        running = np.cumsum(costs, axis=0)
        for place in range(late, len(leaders), every):
            known = today + running[place - 1] if place else today
            scores = earlier + known
            chosen = int(scores.argmin()) if scores.any() else self.first
            leaders[place : place + every] = chosen
        return leaders

    def _earlier_costs(self) -> FloatArray:
        """Return what the days before today cost, older ones less."""
        if self._earlier is None:
            self._earlier = np.zeros(self.size)
            for past in self.costs[:0:-1]:
                self._earlier = (self._earlier + past) * self.settings.decay
        return self._earlier

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
        self.day, self.leader, self._earlier, self._standing = day, leader, None, None
        self.machines = parts[0].reshape(shapes[0]).astype(np.float64)
        for target, part in zip(self._state(), parts[1:], strict=True):
            target[:] = part.reshape(target.shape)
        if not (self.said >= -1.0).all():
            raise ValueError("no state of this bank")

    def _state(self) -> tuple[FloatArray, ...]:
        trackers = self.trackers
        alarms = (trackers.above, trackers.below, trackers.recommended)
        return (self.said, self.costs, self.held, *alarms)
