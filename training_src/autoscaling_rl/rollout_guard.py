"""The artifact's guard rails over a whole window: what `controller.guard` does minute by minute.

A recorded load has no missing minutes left, so the only doubts are a short history, numbers out of
the training's range and networks that disagree. All but the pace depends on the load alone.
"""

import importlib
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.baselines.window import Window
from autoscaling_rl.controller.guard import NEVER, paced
from autoscaling_rl.controller.state import LONGEST_LOAD
from autoscaling_rl.kernel import jit_fast

_paced = jit_fast(paced)


class Pace(NamedTuple):
    """Rate limits in machines and cool-downs in minutes; see `GuardSettings`."""

    most_added: int
    most_removed: int
    out_cooldown: int
    in_cooldown: int


class Rails(NamedTuple):
    """The guard rails of a window.

    Attributes:
        floors: least machines in each minute, shape (minutes,); 0 without doubt.
        ceilings: most machines.
        pace: how fast the fleet may change.
    """

    floors: NDArray[np.int64]
    ceilings: NDArray[np.int64]
    pace: Pace


class Guard:
    """The guard of an artifact, by its own code and settings."""

    def __init__(self, code: ModuleType, manifest: dict[str, Any]) -> None:
        self._module = importlib.import_module(f"{code.__name__}.guard")
        self.settings = self._module.GuardSettings.of(manifest.get("guard", {}))

    def out_of_range(self, outside: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return where a network reads numbers that are too far out; see `Policy.distance`."""
        limit: float = self.settings.range_limit
        return np.asarray(outside > (limit or np.inf))

    def uncertain(self, spread: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return where the networks of an ensemble are too far apart."""
        limit: float = self.settings.spread_limit
        return np.asarray(spread > (limit or np.inf))

    def rails(self, window: Window, doubtful: NDArray[np.bool_]) -> Rails:
        """Return the rails of a window.

        Args:
            window: the window.
            doubtful: where the policy is in doubt, whatever else is; shape (minutes,).
        """
        given = self.settings
        first = window.first - window.metric_delay
        begin = max(0, first - LONGEST_LOAD)
        load = window.load[begin : len(window.load) - window.metric_delay]
        seen, capacity = slice(first - begin - 1, -1), window.rules.capacity
        peaks = sliding_peak(load, LONGEST_LOAD)[seen]
        most = self._module.MAX_MACHINES
        ceilings = np.ceil(np.minimum(given.peak_factor * peaks / capacity, most))
        ceilings = np.maximum(ceilings, 1)
        known = np.arange(1, len(load) + 1)[seen]
        needed = sliding_peak(load, given.reactive_minutes)[seen]
        wanted = needed / (given.reactive_target * capacity)
        reactive = np.ceil(np.minimum(wanted, most) - 1e-9)
        floors = np.where(doubtful | (known < given.short_minutes), reactive, 0)
        pace = Pace(
            given.most_added,
            given.most_removed,
            given.out_cooldown_minutes,
            given.in_cooldown_minutes,
        )
        return Rails(floors.astype(np.int64), ceilings.astype(np.int64), pace)


def unpaced() -> NDArray[np.int64]:
    """Return the minutes since machines were added and removed, as `settle` keeps them: never."""
    return np.full(2, NEVER)


@jit_fast
def settle(
    proposal: int, fleet: int, floor: int, ceiling: int, pace: Pace, since: NDArray[np.int64]
) -> int:
    """Return the machines that a proposal comes to, but for the window's own limits.

    Args:
        proposal: machines that the policy wants.
        fleet: machines in service and on their way.
        floor: least machines, where the policy is in doubt; it outranks ceiling and pace.
        ceiling: most machines.
        pace: how fast the fleet may change.
        since: minutes since machines were added and removed.
    """
    desired = _paced(
        min(proposal, ceiling), fleet, since[0], since[1],
        pace.most_added, pace.most_removed, pace.out_cooldown, pace.in_cooldown,
    )  # fmt: skip
    return max(desired, floor)


@jit_fast
def note_change(desired: int, fleet: int, since: NDArray[np.int64]) -> None:
    """Keep `since` up to date after a fleet was set to `desired`."""
    for place in range(2):
        since[place] = min(since[place] + 1, NEVER)
    if desired > fleet:
        since[0] = 1
    if desired < fleet:
        since[1] = 1


def sliding_peak(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return for each place the largest of the last `width` values up to and including it.

    By blocks, as van Herk (1992): the largest of a block's end and the next block's beginning.
    """
    blocks = -(-len(values) // width)
    padded = np.full(blocks * width, -np.inf)
    padded[: len(values)] = values
    square = padded.reshape(blocks, width)
    ahead = np.maximum.accumulate(square, axis=1).reshape(-1)
    behind = np.maximum.accumulate(square[:, ::-1], axis=1)[:, ::-1].reshape(-1)
    before = np.concatenate((np.full(width - 1, -np.inf), behind))[: len(padded)]
    peaks: NDArray[np.float64] = np.maximum(ahead, before)[: len(values)]
    return peaks
