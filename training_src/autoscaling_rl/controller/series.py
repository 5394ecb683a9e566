"""The load as a controller remembers it, with running sums and seasonal profiles, minute by minute.

Whatever is derived from the load must come out the same, bit for bit, whether a controller follows
it minute by minute or gets two weeks of it in one request. So demand is kept in fixed point, as
whole multiples of 2**-16: sums are then exact in any order, and a sum over a window is a difference
of running sums. Everything looks back at most `LOOKBACK` minutes.
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DAY, WEEK = 1440, 10080
LOOKBACK = 8 * DAY
AHEAD = 128  # minutes of seasonal profile that are kept beyond the present
GRID = 65536.0
CORRECTION_LIMIT = float(np.log(4.0))  # a forecast is rescaled by at most 4
LONGEST_INTERVAL = 60  # minutes; a coarser recording is not recognised
FLAT = 1e-6  # relative; a smaller change of the slope is none
# Weights of the same minute 1 to 7 days ago in the seasonal profile.
PROFILE_WEIGHTS = (2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 4.0)
PROFILE_SMOOTHING = 7  # minutes on either side
SEASON_KNOWN = LOOKBACK + DAY + PROFILE_SMOOTHING + 60  # index from which yesterday's hour is
_PROFILE_SHARES = np.array(PROFILE_WEIGHTS)
_PROFILE_AGO = np.arange(1, 8) * DAY + PROFILE_SMOOTHING

# Running sums: of demand, of its absolute change from minute to minute, its absolute second
# difference, its absolute change and its rise within warm-up + 1 minutes, of knots, and of minutes
# in which the slope changes.
TOTAL, STEPS, BENDS, MOVES, RISES, KNOTS, BENT = range(7)
ROWS = 7


def rounded(values: FloatArray) -> FloatArray:
    """Return the nearest multiples of 2**-16."""
    return np.rint(values * GRID) / GRID


class Series:
    """Load of a fleet in machines, with what is derived from it; `append` keeps all up to date.

    Index i of an array is minute `origin + i`; running sums have one place more: `sums[row, i]` is
    the sum before index i. The first `LOOKBACK` places stand for the time before the load is known,
    and hold its first value.

    Attributes:
        origin: the minute of index 0, in minutes since 1970.
        warmup: minutes from the last known one until a machine serves that is asked for now.
        size: index after the last known minute: the minute to decide for.
        load: load in machines.
        demand: log(1 + load), on the grid.
        sums: running sums, shape (7, ...), rows in the order of the constants above.
        level: mean demand of the three minutes before each index.
        persistence: demand less the level known warm-up + 1 minutes before.
        missed: demand less what was forecast for it warm-up + 1 minutes before.
        knot, interval: index at which the slope last changed, and the minutes between that change
            and the one before: how coarsely the load was recorded.
        bent: 1 where the slope changes, else 0.
        profile: what the same minute of the past seven days says of demand, 0 if nothing is known,
            `AHEAD` minutes further than the load.
        foreseen: index after the last minute of the profile.
        profile_total: its running sum.
        quantiles: the newest quantiles of residuals by array and width, and the minute they are of.
        shift: what must be added to the profile to fit the hour before each index.
    """

    _ARRAYS = (
        "load", "demand", "level", "persistence", "missed", "knot", "interval", "bent",
        "profile", "profile_total", "shift", "forecast",
    )  # fmt: skip

    def __init__(self, minute: int, warmup: int, room: int = DAY) -> None:
        """Begin a series whose first value will be that of `minute`, with `room` for some more."""
        self.origin, self.warmup = minute - LOOKBACK, warmup
        self.size = self.foreseen = 0
        self.quantiles: dict[tuple[str, int], tuple[int, FloatArray]] = {}
        self._make_room(LOOKBACK + room)

    def _make_room(self, minutes: int) -> None:
        length = minutes + AHEAD + 1
        for name in (*self._ARRAYS, "sums"):
            grown = np.zeros((ROWS, length) if name == "sums" else length)
            if self.size:
                known = getattr(self, name)[..., : self.size + AHEAD + 2]
                grown[..., : known.shape[-1]] = known
            setattr(self, name, grown)

    load: FloatArray
    demand: FloatArray
    level: FloatArray
    persistence: FloatArray
    missed: FloatArray
    knot: FloatArray
    interval: FloatArray
    bent: FloatArray
    profile: FloatArray
    profile_total: FloatArray
    shift: FloatArray
    forecast: FloatArray
    sums: FloatArray

    @property
    def known(self) -> int:
        """Minutes of load that are known."""
        return self.size - LOOKBACK

    def append(self, load: FloatArray) -> None:
        """Add the load of the following minutes, in machines, finite and not negative."""
        if self.size == 0:
            self._begin(float(load[0]))
        begin, end = self.size, self.size + len(load)
        if end + AHEAD + 1 > len(self.load):
            self._make_room(max(end, self.size + self.size // 4))
        self.load[begin:end] = load
        if len(load) == 1:
            # Python rounds as NumPy does, half to even.
            self.demand[begin] = round(float(np.log1p(load)[0]) * GRID) / GRID
            self._add_one(begin)
            self.size = end
            self._append_profile(end + AHEAD)
            self._forecast_one(begin)
            return
        self.demand[begin:end] = rounded(np.log1p(load))
        self._add_sums(begin, end)
        self.size = end
        self._append_profile(end + AHEAD)
        self._append_forecast(begin, end)

    def prepare(self) -> bool:
        """Do what the next minute will need and its load says nothing of; tell if there is room."""
        if not self.size or self.size + AHEAD + 2 >= len(self.profile):
            return False
        self._append_profile(self.size + 1 + AHEAD)
        return True

    def forget(self, keep: int) -> None:
        """Drop all but the last `keep` minutes; seasons stay known if that is 16 days or more."""
        drop = self.size - keep
        for name in (*self._ARRAYS, "sums"):
            values = getattr(self, name)
            values[..., : values.shape[-1] - drop] = values[..., drop:]
        self.knot -= drop
        self.origin += drop
        self.size -= drop
        self.foreseen -= drop

    def _begin(self, value: float) -> None:
        """Fill the time before the load is known."""
        self.load[:LOOKBACK] = value
        self.demand[:LOOKBACK] = rounded(np.log1p(np.full(1, value)))[0]
        self.level[: LOOKBACK + 1] = self.forecast[: LOOKBACK + 1] = self.demand[0]
        np.cumsum(self.demand[:LOOKBACK], out=self.sums[TOTAL, 1 : LOOKBACK + 1])
        self.interval[:LOOKBACK] = LONGEST_INTERVAL
        self.size, self.foreseen = LOOKBACK, LOOKBACK - DAY

    def _add_sums(self, begin: int, end: int) -> None:
        demand, horizon = self.demand, self.warmup + 1
        now, before, earlier = (demand[begin - lag : end - lag] for lag in range(3))
        step, moved = now - before, now - demand[begin - horizon : end - horizon]
        new = np.empty((ROWS, end - begin))
        new[TOTAL] = now
        np.abs(step, out=new[STEPS])
        np.abs(step - (before - earlier), out=new[BENDS])
        np.abs(moved, out=new[MOVES])
        np.maximum(moved, 0.0, out=new[RISES])
        new[KNOTS] = self._find_knots(begin, end)
        new[BENT] = self.bent[begin:end]
        self.sums[:, begin + 1 : end + 1] = np.cumsum(new, axis=1) + self.sums[:, begin : begin + 1]
        total = self.sums[TOTAL]
        self.level[begin + 1 : end + 1] = (
            total[begin + 1 : end + 1] - total[begin - 2 : end - 2]
        ) / 3.0
        self.persistence[begin:end] = now - self.level[begin - horizon + 1 : end - horizon + 1]

    def _add_one(self, index: int) -> None:
        """Do for one minute what `_add_sums` does for many; plain numbers take a third."""
        horizon = self.warmup + 1
        earlier, before, now = self.demand[index - 2 : index + 1].tolist()
        step, moved = now - before, now - float(self.demand[index - horizon])
        found = self._find_knot(index)
        new = [0.0] * ROWS
        new[TOTAL], new[STEPS], new[BENDS] = now, abs(step), abs(step - (before - earlier))
        new[MOVES], new[RISES] = abs(moved), max(moved, 0.0)
        new[KNOTS], new[BENT] = found, float(self.bent[index])
        self.sums[:, index + 1] = self.sums[:, index] + new
        total = self.sums[TOTAL]
        self.level[index + 1] = (total[index + 1] - total[index - 2]) / 3.0
        self.persistence[index] = now - self.level[index - horizon + 1]

    def _find_knot(self, index: int) -> float:
        """Do for one minute what `_find_knots` does for many."""
        earlier, before, now = self.load[index - 2 : index + 1].tolist()
        bent = abs(now - 2 * before + earlier) > FLAT * (now + before + earlier)
        found = bent and not self.bent[index - 1]
        self.bent[index] = bent
        last = self.knot[index - 1]
        self.knot[index] = index if found else last
        gap = index - last if found else self.interval[index - 1]
        self.interval[index] = min(gap, LONGEST_INTERVAL)
        return float(found)

    def _find_knots(self, begin: int, end: int) -> FloatArray:
        """Return 1 where the slope of the load changes after it did not, else 0."""
        now, before, earlier = (self.load[begin - lag : end - lag] for lag in range(3))
        self.bent[begin:end] = np.abs(now - 2 * before + earlier) > FLAT * (now + before + earlier)
        found = self.bent[begin:end] * (1 - self.bent[begin - 1 : end - 1])
        self.knot[begin:end] = np.where(found > 0, np.arange(begin, end), -np.inf)
        carried = np.maximum.accumulate(self.knot[begin - 1 : end])
        self.knot[begin:end] = carried[1:]
        gaps = np.where(found > 0, carried[1:] - carried[:-1], self.interval[begin - 1])
        # The newest gap holds until the next knot.
        gaps = gaps[np.maximum.accumulate(np.where(found > 0, np.arange(end - begin), 0))]
        self.interval[begin:end] = np.minimum(gaps, LONGEST_INTERVAL)
        return found

    def _append_profile(self, end: int) -> None:
        """Say of the minutes before `end` what the past seven days said, smoothed."""
        begin, self.foreseen = self.foreseen, max(self.foreseen, end)
        if begin >= end:
            return
        ago = _PROFILE_AGO[:, None] - np.arange(begin, end)
        known = (-ago >= LOOKBACK) * _PROFILE_SHARES[:, None]
        then, width = np.maximum(-ago, 0), 2 * PROFILE_SMOOTHING + 1
        means = (self.sums[TOTAL, then + width] - self.sums[TOTAL, then]) / width
        total, weight = (known * means).sum(axis=0), known.sum(axis=0)
        self.profile[begin:end] = rounded(total / np.maximum(weight, 1.0))
        sums = np.cumsum(self.profile[begin:end])
        self.profile_total[begin + 1 : end + 1] = sums + self.profile_total[begin]

    def season_known(self, begin: int, end: int) -> NDArray[np.bool_]:
        """Return whether yesterday's hour is known at each index."""
        return np.arange(begin, end) >= SEASON_KNOWN

    def _append_forecast(self, begin: int, end: int) -> None:
        """Forecast, a warm-up ahead, for each decision; and note by how much forecasts missed."""
        low, high, ahead = begin + 1, end + 1, self.warmup
        total, said = self.sums[TOTAL], self.profile_total
        hour = total[low:high] - total[low - 60 : high - 60]
        shift = (hour - (said[low:high] - said[low - 60 : high - 60])) / 60.0
        shift = np.minimum(np.maximum(shift, -CORRECTION_LIMIT), CORRECTION_LIMIT)
        known = self.season_known(low, high)
        self.shift[low:high] = np.where(known, shift, 0.0)
        target = self.profile[low + ahead : high + ahead] + shift
        self.forecast[low:high] = np.where(known, target, self.level[low:high])
        self.missed[begin:end] = self.demand[begin:end] - self.forecast[begin - ahead : end - ahead]

    def _forecast_one(self, index: int) -> None:
        """Do for one minute what `_append_forecast` does for many."""
        now, ahead, said = index + 1, self.warmup, self.profile_total
        target = float(self.level[now])
        self.shift[now] = 0.0
        if now >= SEASON_KNOWN:
            total = self.sums[TOTAL]
            hour = total[now] - total[now - 60]
            shift = float((hour - (said[now] - said[now - 60])) / 60.0)
            shift = min(max(shift, -CORRECTION_LIMIT), CORRECTION_LIMIT)
            self.shift[now], target = shift, float(self.profile[now + ahead]) + shift
        self.forecast[now] = target
        self.missed[index] = self.demand[index] - self.forecast[index - ahead]
