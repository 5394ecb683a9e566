"""Ways to scale that a bank chooses from: the network at several prices, and rules.

Each says, for every minute, how many machines it wants and how many it would keep. The rules are
those that people tune: quantiles of past forecast errors as headroom (the newsvendor's choice;
Arrow, Harris and Marschak, Optimal Inventory Policy, 1951), the peak of the last minutes, target
tracking and the Kubernetes autoscaler.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .features import NAMES
from .fleet import sliding_most
from .guard import DEFAULTS
from .policy import MAX_MACHINES, Policy
from .series import FloatArray

_LIMIT = float(np.log1p(MAX_MACHINES))
_PLACES = {name: place for place, name in enumerate(NAMES)}
HOLDS = (3, 10)  # minutes that a rule holds its highest wish for
QUANTILE_RULES = tuple(
    (base, multiplier, quantile)
    for base in ("persistence_4h", "persistence_1d")
    for multiplier, quantile in ((0.5, 0.95), (1.0, 0.95), (1.0, 0.99))
)
PEAK_MINUTES = (2, 5, 10, 30, 60, 240, 1440)
PEAK_HEADROOMS = (-0.05, 0.0, 0.03, 0.08, 0.2, 0.5)
TRACKING_TARGETS = (
    *(round(0.06 + 0.04 * step, 2) for step in range(11)),
    *(round(0.5 + 0.02 * step, 2) for step in range(31)),
)
HPA_TARGETS = (0.45, 0.6, 0.7, 0.8, 0.88, 0.96)


@dataclass(frozen=True)
class BankSettings:
    """What a bank holds, and how it chooses.

    Attributes:
        price_factors: the network is asked at the failure price times each of these.
        offsets: added to the log of what the network wants, each to each price.
        rules: whether quantile rules and peak holds belong to the bank.
        seasons: whether rules that know the clock belong to it (`seasons`).
        trackers: whether target tracking and the Kubernetes autoscaler belong to it.
        decay: weight of a day's costs relative to those of the day after.
        days: days of costs that count, today included.
        tracker_days: days, at least `days`, on which the target tracker is best that a leader is
            compared with, all alike. People tune theirs on a fortnight: of that, a request surely
            holds thirteen.
        choose_every: minutes between two choices.
        sure: evidence against the best target tracker from which the leader is followed alone; see
            `scores`.
        much: share of that tracker's cost; who saves as much is followed alone, too.
        least_share: of the leader in what is followed, the rest being the tracker's, however
            little says that it is better.
        peak_factor: most machines of network and rules, as a multiple of those that just serve the
            last week's peak. The guard rails cut at that multiple of a fortnight's
            (`GuardSettings.peak_factor`): who lives by more would be followed to no avail.
    """

    price_factors: tuple[float, ...] = (0.25, 0.4, 0.65, 1.0, 1.6, 2.5, 4.0)
    offsets: tuple[float, ...] = (-0.025, 0.0, 0.02)
    rules: bool = True
    seasons: bool = True
    trackers: bool = True
    decay: float = 0.8
    days: int = 6
    tracker_days: int = 13
    choose_every: int = 10
    sure: float = 2.0
    much: float = 0.15
    least_share: float = 0.5
    peak_factor: float = DEFAULTS.peak_factor

    @property
    def first(self) -> int:
        """The member that is followed while no costs are known: the network as it was trained."""
        if 1.0 not in self.price_factors or 0.0 not in self.offsets:
            return 0
        return self.price_factors.index(1.0) * len(self.offsets) + self.offsets.index(0.0)

    @property
    def older_days(self) -> int:
        """Days before `days` on which target trackers alone are scored."""
        return max(self.tracker_days - self.days, 0) if self.trackers else 0

    @cached_property
    def price_logs(self) -> FloatArray:
        """Logs of `price_factors`."""
        logs: FloatArray = np.log(np.array(self.price_factors))
        return logs

    @cached_property
    def offset_logs(self) -> FloatArray:
        """The offsets as an array."""
        return np.array(self.offsets)

    def specification(self) -> dict[str, Any]:
        """Return JSON values for the manifest."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def of(cls, specification: Mapping[str, Any]) -> "BankSettings":
        """Return what `specification` made."""
        values: dict[str, Any] = dict(specification)
        for name in ("price_factors", "offsets"):
            values[name] = tuple(values[name])
        return cls(**values)


ALONE = BankSettings(
    price_factors=(1.0,),
    offsets=(0.0,),
    rules=False,
    seasons=False,
    trackers=False,
    days=1,
    peak_factor=1000.0,
)
"""The network, and nothing to choose from; the guard rails alone limit it."""


def network_bands(
    policy: Policy, rows: FloatArray, settings: BankSettings
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what the network wants and keeps, logs of shape (minutes, factors * offsets).

    And, shape (minutes,), how far apart the networks of an ensemble are.

    Args:
        policy: the network.
        rows: features, shape (SIZE, minutes).
        settings: which prices and offsets.
    """
    if not settings.price_factors:
        nothing = np.zeros((rows.shape[1], 0))
        return nothing, nothing, np.zeros(rows.shape[1])
    outputs, spread = policy.outputs_at(rows.T, settings.price_logs)
    wanted = rows[0][:, None, None] + outputs[:, :, :1] + settings.offset_logs
    keep = wanted + np.maximum(outputs[:, :, 1:], 0.0)
    shape = (rows.shape[1], -1)
    return wanted.reshape(shape), keep.reshape(shape), spread


def network_band(
    policy: Policy, rows: FloatArray, settings: BankSettings, member: int
) -> FloatArray:
    """Return what the network wants and keeps as one of its members, logs of shape (2,).

    Args:
        policy: the network.
        rows: features of one minute, shape (SIZE, 1).
        settings: which prices and offsets.
        member: index of price and offset, as `network_bands` has them.
    """
    price, offset = divmod(member, len(settings.offsets))
    more, kept = policy.output_of(rows[:, 0], float(settings.price_logs[price])).tolist()
    wanted = float(rows[0, 0]) + more + settings.offsets[offset]
    return np.array((wanted, wanted + max(kept, 0.0)))


def rule_bands(rows: FloatArray, held: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the logs that rules want, shape (minutes, rules), and those of the last minutes.

    Args:
        rows: features, shape (SIZE, minutes).
        held: what the quantile rules wanted in the minutes before, shape (9, quantile rules).
    """
    level = rows[0]
    wishes = level[:, None] + _MULTIPLIERS * np.maximum(rows[_RESIDUALS].T, 0.0)
    wishes = np.concatenate((held, wishes))
    if len(level) == 1:
        kept = [wishes[-hold:].max(axis=0, keepdims=True) for hold in HOLDS]
    else:
        kept = [sliding_most(wishes, hold)[len(held) :] for hold in HOLDS]
    peaks = (level + rows[_PEAKS]).T[:, :, None] + _HEADROOM_LOGS
    kept.append(peaks.reshape(len(level), -1))
    return np.concatenate(kept, axis=1), wishes[-len(held) :]


def rule_band(rows: FloatArray, held: FloatArray, rule: int) -> FloatArray:
    """Return the log that one rule wants in one minute, shape (1,): a column of `rule_bands`.

    Args:
        rows: features, shape (SIZE, 1).
        held: as for `rule_bands`.
        rule: index of the rule.
    """
    level = rows[0]
    peak = rule - len(HOLDS) * len(QUANTILE_RULES)
    if peak >= 0:
        place, headroom = divmod(peak, len(PEAK_HEADROOMS))
        wish: FloatArray = level + rows[_PEAKS[place]] + _HEADROOM_LOGS[headroom]
        return wish
    hold, place = divmod(rule, len(QUANTILE_RULES))
    now = level + _MULTIPLIERS[place] * np.maximum(rows[_RESIDUALS[place]], 0.0)
    longest: FloatArray = np.maximum(held[1 - HOLDS[hold] :, place].max(), now)
    return longest


_MULTIPLIERS = np.array([multiplier for _, multiplier, _ in QUANTILE_RULES])
_RESIDUALS = np.array([_PLACES[f"{name}_{quantile}"] for name, _, quantile in QUANTILE_RULES])
_HEADROOM_LOGS = np.log1p(np.array(PEAK_HEADROOMS))
_PEAKS = np.array([_PLACES[f"peak_{minutes}"] for minutes in PEAK_MINUTES])


def whole_machines(logs: FloatArray) -> FloatArray:
    """Return the nearest whole numbers of machines to exp(logs) - 1.

    The best whole number is the nearest to the best fractional one: the last machine must save, on
    average over the load it serves, what it costs.
    """
    machines: FloatArray = np.rint(np.expm1(np.minimum(np.maximum(logs, 0.0), _LIMIT)))
    return machines
