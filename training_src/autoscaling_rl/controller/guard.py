"""The guard rails that every decision passes last: a pure function of proposal and situation.

Whoever decides with an artifact runs this module of its `code/`: endpoint, Lambda function, edge
component and back-test. It keeps nothing; its settings are data of the artifact.

A proposal passes, in this order:

peak        no more machines than a multiple of the highest load known would take
pace        not too many machines at once, not too soon after the last change
floor       never below what a reactive rule wants, if the policy or its input is in doubt; if its
            input is stale, no machine is removed either
most, least max_machines and min_machines of the request

The reactive rule is target tracking: the highest load of the last quarter of an hour at 60 % of the
machines' capacity. AWS's target tracking removes machines only after 15 minutes below its target,
and none while the metric is missing (Application Auto Scaling User Guide, "Target tracking scaling
policies").
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .policy import MAX_MACHINES

INTERFACE = 1  # of what `rollout` calls here: another is another number
NEVER = 1 << 30  # minutes since something that has not happened
REMEMBERED = 60  # minutes that are looked at for missing ones

PEAK, PACE, FLOOR, MOST, LEAST = GUARDS = ("peak", "pace", "floor", "most", "least")
STALE, MISSING, SHORT, RANGE, UNCERTAIN = DOUBTS = (
    "stale",  # the newest minutes of load are missing
    "missing",  # too many minutes of the last hour are
    "short",  # too little load is known
    "range",  # the network reads a number far outside of those it was trained on
    "uncertain",  # the networks of an ensemble disagree
)


@dataclass(frozen=True)
class GuardSettings:
    """Settings of the guard rails; the defaults change nothing that a sound policy decides.

    Attributes:
        peak_factor: most machines, as a multiple of those that just serve the highest load known.
        most_added: machines that a decision adds at most; 0: any number.
        most_removed: likewise removed.
        out_cooldown_minutes: after machines were added, until more may be.
        in_cooldown_minutes: after any change, until machines may be removed.
        reactive_target: share of the capacity that the reactive rule aims at.
        reactive_minutes: it looks at the highest load of so many minutes.
        stale_minutes: so many missing newest minutes are stale input.
        missing_share: a larger share of missing minutes in the last hour is input in doubt.
        short_minutes: with less load known than this the policy is in doubt.
        range_limit: inputs beyond this multiple of the bounds that the network clips them to are
            out of the training's range; 0: never.
        spread_limit: difference between the logs of machines that the networks of an ensemble
            want, above which the policy is uncertain; 0: never.
    """

    peak_factor: float = 1.5
    most_added: int = 0
    most_removed: int = 0
    out_cooldown_minutes: int = 0
    in_cooldown_minutes: int = 0
    reactive_target: float = 0.6
    reactive_minutes: int = 15
    stale_minutes: int = 3
    missing_share: float = 0.2
    short_minutes: int = 60
    range_limit: float = 1.0
    spread_limit: float = 1.0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "GuardSettings":
        """Return the settings in a mapping; what it leaves out has its default.

        Raises:
            ValueError: a key is unknown, or its value of the wrong type or out of range.
        """
        known = {each.name: each for each in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name not in known:
                raise ValueError(f"guard: unknown setting {name!r}, known are {', '.join(known)}")
            whole = known[name].type is int
            low, high = _BOUNDS.get(name, (0, 10_080 if name.endswith("minutes") else 1_000_000))
            numeric = isinstance(value, int | float) and not isinstance(value, bool)
            if not numeric or not low <= value <= high or (whole and value != int(value)):
                kind = "a whole number" if whole else "a number"
                raise ValueError(f"guard: {name} must be {kind} from {low} to {high}")
            values[name] = int(value) if whole else float(value)
        return cls(**values)

    def specification(self) -> dict[str, Any]:
        """Return JSON values for the manifest."""
        return asdict(self)


_BOUNDS: dict[str, tuple[float, float]] = {
    "peak_factor": (1.0, 1000.0),
    "reactive_target": (0.05, 1.0),
    "reactive_minutes": (1, 1440),
    "stale_minutes": (1, 1440),
    "missing_share": (0.0, 1.0),
}
DEFAULTS = GuardSettings()


@dataclass(frozen=True)
class Situation:
    """What the guard knows beside the proposal.

    Attributes:
        fleet: machines in service and on their way.
        load: requests per minute, oldest first; NaN where a minute is missing.
        capacity: requests that a machine serves in a minute.
        min_machines: least number of machines.
        max_machines: largest number of machines; 0 means no limit.
        since_added: minutes since machines were last added.
        since_removed: minutes since machines were last removed.
        outside: the farthest number that the network reads, as a multiple of its bound.
        spread: how far the networks of an ensemble are apart, in logs of machines.
    """

    fleet: int
    load: NDArray[np.float64]
    capacity: float
    min_machines: int = 1
    max_machines: int = 0
    since_added: int = NEVER
    since_removed: int = NEVER
    outside: float = 0.0
    spread: float = 0.0


@dataclass(frozen=True)
class Guarded:
    """What came of a proposal.

    Attributes:
        desired: machines wanted, in service and on their way.
        proposal: machines that the policy wanted.
        doubts: why the policy was not trusted, of `DOUBTS`.
        changes: guards that changed the number, in order: name, machines before and after.
    """

    desired: int
    proposal: int
    doubts: tuple[str, ...] = ()
    changes: tuple[tuple[str, int, int], ...] = ()

    @property
    def fallback(self) -> bool:
        """Whether the reactive rule asked for more than the policy, and got it."""
        floored = any(name == FLOOR for name, _, _ in self.changes)
        return floored and self.desired > self.proposal


def guard(proposal: int, situation: Situation, settings: GuardSettings = DEFAULTS) -> Guarded:
    """Return the machines that a proposal comes to.

    Args:
        proposal: machines that the policy wants, in service and on their way.
        situation: load and fleet; at least one minute of load must be known.
        settings: of the guard rails.
    """
    reasons = doubts(situation, settings)
    desired, changes = proposal, []
    for name, limited in _steps(situation, settings, reasons):
        before, desired = desired, limited(desired)
        if desired != before:
            changes.append((name, before, desired))
    return Guarded(desired, proposal, reasons, tuple(changes))


def _steps(
    situation: Situation, settings: GuardSettings, reasons: tuple[str, ...]
) -> Iterator[tuple[str, Callable[[int], int]]]:
    """Yield each guard with the function that limits a number of machines, in order."""
    fleet, most = situation.fleet, situation.max_machines
    yield PEAK, lambda desired: _justified(desired, situation, settings)
    yield PACE, lambda desired: paced(
        desired, fleet, situation.since_added, situation.since_removed,
        settings.most_added, settings.most_removed,
        settings.out_cooldown_minutes, settings.in_cooldown_minutes,
    )  # fmt: skip
    if reasons:
        wanted = reactive(situation.load, situation.capacity, settings)
        floor = max(wanted, fleet) if STALE in reasons else wanted
        yield FLOOR, lambda desired: max(desired, floor)
    if most > 0:
        yield MOST, lambda desired: min(desired, most)
    yield LEAST, lambda desired: max(desired, situation.min_machines)


def _justified(desired: int, situation: Situation, settings: GuardSettings) -> int:
    """Return the machines wanted, as far as the highest load known can justify them."""
    # The newest hour nearly always does, and is looked at sooner than two weeks.
    newest = highest(situation.load[-REMEMBERED:], situation.capacity, settings)
    if desired <= newest:
        return desired
    return min(desired, highest(situation.load, situation.capacity, settings))


def doubts(situation: Situation, settings: GuardSettings = DEFAULTS) -> tuple[str, ...]:
    """Return why the policy should not be trusted with this situation, of `DOUBTS`."""
    load = situation.load
    recent = load[-max(REMEMBERED, settings.stale_minutes, settings.short_minutes) :]
    known, newest, share = len(recent), 0, 0.0
    if not known or math.isnan(recent.max()):  # some are missing
        missing = np.isnan(recent)
        known -= int(np.count_nonzero(missing))
        newest = int(missing[::-1].argmin()) if known else len(missing)
        hour = missing[-REMEMBERED:]
        share = int(np.count_nonzero(hour)) / max(len(hour), 1)
    if known < settings.short_minutes:  # seldom: then what is longer ago counts
        known = len(load) - int(np.count_nonzero(np.isnan(load)))
    found = (  # in the order of `DOUBTS`
        newest >= settings.stale_minutes,
        share > settings.missing_share,
        known < settings.short_minutes,
        # Written so that what is no number is in doubt.
        settings.range_limit > 0.0 and not situation.outside <= settings.range_limit,
        settings.spread_limit > 0.0 and not situation.spread <= settings.spread_limit,
    )
    return tuple(compress(DOUBTS, found))


def reactive(load: NDArray[np.float64], capacity: float, settings: GuardSettings = DEFAULTS) -> int:
    """Return the machines that the reactive rule wants; a missing minute has the load before it."""
    recent = load[-settings.reactive_minutes :]
    if np.isnan(recent[0]):  # the load before it stands in, if there is any
        before = load[: len(load) - len(recent)]
        recent = np.append(recent, before[~np.isnan(before)][-1:])
    wanted = float(np.nanmax(recent)) / (settings.reactive_target * capacity)
    return math.ceil(min(wanted, MAX_MACHINES) - 1e-9)


def highest(load: NDArray[np.float64], capacity: float, settings: GuardSettings = DEFAULTS) -> int:
    """Return the most machines that the highest load known can justify; one if none is known."""
    peak = float(load.max()) if load.size else 0.0
    if math.isnan(peak):  # some minutes are missing; passing over them takes longer
        peak = float(np.fmax.reduce(load))
        peak = 0.0 if math.isnan(peak) else peak  # all are
    return max(math.ceil(min(settings.peak_factor * peak / capacity, MAX_MACHINES)), 1)


def paced(
    desired: int,
    fleet: int,
    since_added: int,
    since_removed: int,
    most_added: int,
    most_removed: int,
    out_cooldown: int,
    in_cooldown: int,
) -> int:
    """Return the machines wanted within rate limits and cool-downs; `rollout` compiles this."""
    change = desired - fleet
    if change > 0:
        if since_added < out_cooldown:
            return fleet
        if most_added > 0:
            return fleet + min(change, most_added)
    if change < 0:
        if min(since_added, since_removed) < in_cooldown:
            return fleet
        if most_removed > 0:
            return fleet - min(-change, most_removed)
    return desired
