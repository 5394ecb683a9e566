"""What the members of a bank want, worked out as far as somebody asks.

A decision needs what the leader wants. What the others want is needed to step their simulated
fleets, which can wait until the decision is sent.
"""

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .features import NAMES
from .fleet import Fleet
from .members import (
    HOLDS,
    PEAK_HEADROOMS,
    PEAK_MINUTES,
    QUANTILE_RULES,
    BankSettings,
    network_band,
    network_bands,
    rule_band,
    rule_bands,
    whole_machines,
)
from .peaks import PastDays
from .policy import MAX_MACHINES, Policy
from .seasons import SEASON_HEADROOMS, SEASON_RULES, season_bands
from .series import FloatArray

_WEEK_PEAK = NAMES.index("peak_10080")


class Layout(NamedTuple):
    """Where what is among a bank's members: each is the index after the last one of its kind.

    Attributes:
        network: the network at its prices and offsets, which come first.
        rules: quantile rules and peak holds.
        bands: rules that know the clock; trackers, which want no bands, come after them.
    """

    network: int
    rules: int
    bands: int

    @classmethod
    def of(cls, settings: BankSettings) -> "Layout":
        """Return the layout of a bank with these settings."""
        network = len(settings.price_factors) * len(settings.offsets)
        rules = len(QUANTILE_RULES) * len(HOLDS) + len(PEAK_MINUTES) * len(PEAK_HEADROOMS)
        seasons = len(SEASON_RULES) * len(SEASON_HEADROOMS)
        after = network + (rules if settings.rules else 0)
        return cls(network, after, after + (seasons if settings.seasons else 0))


class Wishes:
    """What network and rules want in some minutes.

    Attributes:
        begin: index of the first minute.
        end: index after the last one.
        most: most machines of network and rules, shape (minutes, 1).
    """

    def __init__(
        self,
        begin: int,
        rows: FloatArray,
        week: PastDays | None,
        held: FloatArray,
        *,
        policy: Policy,
        settings: BankSettings,
        layout: Layout,
        fleet: Fleet,
    ) -> None:
        """Keep what the wishes follow from.

        Args:
            begin: index of the first minute.
            rows: features of the minutes, shape (SIZE, minutes).
            week: what the last seven days needed; None where no rule knows the clock.
            held: what the quantile rules wanted in the minutes before.
            policy: the network.
            settings: of the bank.
            layout: of its members.
            fleet: its rules.
        """
        self.begin, self.end = begin, begin + rows.shape[1]
        self._rows, self._week, self._held = rows, week, held
        self._policy, self._settings, self._fleet = policy, settings, fleet
        self._layout = layout
        self.most = self._most()

    @cached_property
    def _network(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        return network_bands(self._policy, self._rows, self._settings)

    @cached_property
    def _ruled(self) -> tuple[FloatArray, FloatArray]:
        return rule_bands(self._rows, self._held)

    @cached_property
    def _seasoned(self) -> FloatArray:
        assert self._week is not None
        return season_bands(self.begin, self.end, self._rows, self._week)

    @property
    def held(self) -> FloatArray:
        """What the quantile rules want in the last minutes."""
        return self._ruled[1] if self._settings.rules else self._held

    def _most(self) -> FloatArray:
        rows = self._rows
        least, limit = self._fleet.least, self._fleet.most or MAX_MACHINES
        factor, peaks = self._settings.peak_factor, np.expm1(rows[0] + rows[_WEEK_PEAK]).tolist()
        # Less a little: demand is on a grid, and may lie a hair above what the load just needs.
        # Plain numbers: half as long for one minute, and half a microsecond each for many.
        most = [min(max(math.ceil(factor * peak - 0.01), least), limit) for peak in peaks]
        return np.array(most, np.float64)[:, None]

    @cached_property
    def all(self) -> tuple[FloatArray, FloatArray]:
        """Machines wanted and worth keeping, each of shape (minutes, bands)."""
        layout, logs = self._layout, np.empty((2, self.end - self.begin, self._layout.bands))
        logs[0, :, : layout.network], logs[1, :, : layout.network] = self._network[:2]
        if self._settings.rules:
            logs[:, :, layout.network : layout.rules] = self._ruled[0]
        if self._settings.seasons:
            logs[:, :, layout.rules :] = self._seasoned
        limited = np.minimum(np.maximum(whole_machines(logs), self._fleet.least), self.most)
        return limited[0], limited[1]

    def one(self, member: int) -> tuple[float, float]:
        """Return what one member of network or rules wants and would keep in the only minute."""
        layout = self._layout
        if member < layout.network:
            logs = network_band(self._policy, self._rows, self._settings, member)
        elif member < layout.rules:
            logs = rule_band(self._rows, self._held, member - layout.network)
        else:
            logs = self._seasoned[:, member - layout.rules]
        least, most = self._fleet.least, float(self.most[0, 0])
        machines = [min(max(each, least), most) for each in whole_machines(logs).tolist()]
        return machines[0], machines[-1]

    def doubts(self) -> tuple[FloatArray, FloatArray]:
        """Return how far out the farthest number is that the network reads, by minute.

        And how far the networks of an ensemble are apart.
        """
        nothing = np.zeros(self.end - self.begin)
        if not self._layout.network:
            return nothing, nothing
        spread = self._network[2] if self._policy.members > 1 else nothing
        return self._policy.distance(self._rows.T), spread
