"""Target tracking and the Kubernetes autoscaler at many targets, each with its own fleet.

See `baselines.target_tracking` and `baselines.hpa` for the rules. Fleets are simulated without
failures of launches, and under the limits of the fleet alone: what they do hangs on no load but
that since they began, so that days of long ago can be simulated from what a request holds.
"""

import numpy as np

from .fleet import BURN_IN, Fleet, charge, in_service, still_owed
from .members import HPA_TARGETS, TRACKING_TARGETS
from .policy import MAX_MACHINES
from .series import DAY, FloatArray, IntArray

SIZE = len(TRACKING_TARGETS) + len(HPA_TARGETS)


class Trackers:
    """Fleets that follow a load, or, side by side, as many loads as there are days.

    Attributes:
        size: fleets that follow one load; 0 if none are wanted.
        above, below: minutes in a row that target tracking has seen its alarms, shape (targets,),
            or (days, targets).
        recommended: what the Kubernetes autoscaler recommended in the last minutes, shape
            (4, targets), or (4, days, targets).
    """

    def __init__(self, wanted: bool = True, days: int | None = None) -> None:
        """Begin without alarms; without fleets either, if they are not wanted."""
        self._targets, self._hpa_targets = np.array(TRACKING_TARGETS), np.array(HPA_TARGETS)
        self.size = SIZE if wanted else 0
        days_shape = () if days is None else (days,)
        self._shape = (*days_shape, SIZE)
        self.above = np.zeros((*days_shape, len(TRACKING_TARGETS)))
        self.below = np.zeros_like(self.above)
        self.recommended = np.zeros((4, *days_shape, len(HPA_TARGETS)))

    def after(self, load: FloatArray | float, made: FloatArray, fleet: Fleet) -> FloatArray:
        """Return the machines of the next minute, in service and on their way, shape (columns,).

        Args:
            load: of the minute before, in machines: one number, or shape (days, 1).
            made: machines of the minutes until then, shape (minutes, columns): those of one load,
                or of one day after the other.
            fleet: its rules.
        """
        if len(made):
            longest = fleet.waits[-1]
            serving = made[-longest:].min(axis=0) if longest else made[-1]
            # In the last minute whose load is known.
            served = in_service(made[: max(1, len(made) - fleet.delay)], 1, fleet)[0]
            shaped = (each.reshape(self._shape) for each in (made[-1], served, serving))
            stepped = self.step(load, *shaped)
        else:
            stepped = self.begin(load)
        most = fleet.most or MAX_MACHINES
        allowed: FloatArray = np.minimum(np.maximum(stepped.reshape(-1), fleet.least), most)
        return allowed

    def begin(self, load: FloatArray | float) -> FloatArray:
        """Forget alarms and return fleets that serve `load`, in machines, at their target."""
        self.above[:] = self.below[:] = 0.0
        self.recommended[:] = 0.0
        targets = np.concatenate((self._targets, self._hpa_targets))
        fleets: FloatArray = np.maximum(np.ceil(load / targets - 1e-9), 1.0)
        self.recommended[-1] = fleets[..., len(self._targets) :]
        return fleets

    def step(
        self, load: FloatArray | float, fleets: FloatArray, served: FloatArray, serving: FloatArray
    ) -> FloatArray:
        """Return the machines wanted, shape (size,) or (days, size).

        Args:
            load: of the last minute, in machines: one number, or shape (days, 1).
            fleets: machines in service and on their way, of the shape of what is returned.
            served: machines that were in service in the last minute.
            serving: machines in service now.
        """
        split = len(self._targets)
        tracked = self._track(load, *(each[..., :split] for each in (fleets, served, serving)))
        return np.concatenate((tracked, self._hpa(load, fleets[..., split:])), axis=-1)

    def _track(
        self, load: FloatArray | float, fleet: FloatArray, served: FloatArray, now: FloatArray
    ) -> FloatArray:
        need = load / self._targets
        served = np.maximum(served, 1.0)
        self.above = np.where(need > served, self.above + 1, 0.0)
        self.below = np.where(need < 0.9 * served, self.below + 1, 0.0)
        whole = np.ceil(need - 1e-9)
        down = (self.below >= 15) & (now == fleet)
        wanted = np.where(down, np.minimum(fleet, whole), fleet)
        return np.where(self.above >= 3, np.maximum(fleet, whole), wanted)

    def _hpa(self, load: FloatArray | float, fleet: FloatArray) -> FloatArray:
        ratio = load / (self._hpa_targets * np.maximum(fleet, 1.0))
        limit = np.where(fleet >= 4, 16 * fleet, 8 * (fleet + 4))
        wanted = np.minimum(np.ceil(fleet * ratio - 1e-9), limit)
        wanted = np.where(np.abs(ratio - 1.0) <= 0.1, fleet, wanted)
        recent = np.maximum(self.recommended.max(axis=0), wanted)
        self.recommended[:-1] = self.recommended[1:]
        self.recommended[-1] = wanted
        return np.where(wanted < fleet, np.minimum(recent, fleet), wanted)


def costs_of_days(load: FloatArray, midnights: IntArray, earliest: int, fleet: Fleet) -> FloatArray:
    """Return what trackers cost on days that are over, shape (days, SIZE), in machine-minutes.

    It is what a bank charges them minute by minute, but all days are simulated side by side.

    Args:
        load: in machines, up to the end of the last day or longer.
        midnights: index of each day's first minute.
        earliest: index before which no fleet begins.
        fleet: its rules.
    """
    costs = np.zeros((len(midnights), SIZE))
    starts = np.maximum(midnights - BURN_IN, earliest) - midnights
    for start in np.unique(starts):
        alike = np.flatnonzero(starts == start)
        made = _simulated(load, midnights[alike] + start, DAY - int(start), fleet)
        for place, its in zip(alike, np.split(made, len(alike), axis=1), strict=True):
            costs[place] = _charged(load, int(midnights[place]), its, fleet)
    return costs


def _simulated(load: FloatArray, begins: IntArray, minutes: int, fleet: Fleet) -> FloatArray:
    """Return the fleets of some minutes from each index on, shape (minutes, days * SIZE)."""
    trackers, made = Trackers(days=len(begins)), np.empty((minutes, len(begins) * SIZE))
    for minute in range(minutes):
        made[minute] = trackers.after(load[begins + minute - 1][:, None], made[:minute], fleet)
    return made


def _charged(load: FloatArray, midnight: int, made: FloatArray, fleet: Fleet) -> FloatArray:
    """Return what fleets cost on a day and still owe at its end, shape (SIZE,)."""
    known = made[: max(0, len(made) - fleet.delay)]
    count = min(DAY, len(known))
    costs: FloatArray = charge(fleet, known, load[midnight + DAY - count : midnight + DAY])
    # The fleets of the next day are simulated, and charged, from before its midnight on.
    paid = made[: max(0, len(made) - fleet.delay - BURN_IN)]
    owed = still_owed(fleet, paid, BURN_IN) if len(paid) else np.zeros(SIZE)
    total: FloatArray = costs.sum(axis=0) + owed
    return total
