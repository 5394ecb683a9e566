"""Where methods are judged: recorded traces under several rules, and generated loads."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from autoscaling_rl.backtest_settings import BacktestSettings
from autoscaling_rl.load.families import TEST, VALIDATION, Recording, generate
from autoscaling_rl.load.file import Bins, Load, read_load
from benchmarks.baseline_table import TRACES, Trace

DEFAULT, HELD = "default", "held"
SETTINGS: dict[str, dict[str, Any]] = {
    DEFAULT: {},  # mean 20 machines, warm-up 5 minutes, failure price 20, interpolated
    "price_50": {"failure_price": 50.0},
    HELD: {"bins": "hold"},
    "warmup_1": {"warmup_minutes": 1},
    "warmup_15": {"warmup_minutes": 15},
    "change_2": {"change_price": 2.0},
    "billed_60": {"minimum_billed_minutes": 60},
    "late_10": {"metric_delay_minutes": 10},
}
CONDITIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the defaults": ({}, {"interval": 5}),
    "warm-up 1, 200 machines": ({"warmup_minutes": 1, "mean_machines": 200.0}, {"interval": 1}),
    "warm-up 30": ({"warmup_minutes": 30}, {"interval": 5}),
    "warm-up 15, 5 machines, price 50": (
        {"warmup_minutes": 15, "mean_machines": 5.0, "failure_price": 50.0},
        {"interval": 5},
    ),
    "50 machines, price 5": ({"mean_machines": 50.0, "failure_price": 5.0}, {"interval": 5}),
    "price 100": ({"failure_price": 100.0}, {"interval": 1}),
    "warm-up log-normal, median 5": ({"warmup_distribution": "lognormal:5:0.4"}, {"interval": 5}),
    "warm-up log-normal, median 20": ({"warmup_distribution": "lognormal:20:0.5"}, {"interval": 5}),
    "warm-up 1 or 8, a launch in 50 fails": (
        {"warmup_distribution": "mix:1:8:0.3", "launch_failure_rate": 0.02},
        {"interval": 1},
    ),
    "10-minute bins held": ({"bins": "hold"}, {"interval": 10}),
    "30-minute bins held": ({"bins": "hold"}, {"interval": 30}),
    "outages, lost minutes, jumps": ({}, {"interval": 1, "damage": True}),
}
FAMILIES = {**TEST, **VALIDATION}
SERIES = 1  # of each family under each condition
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
WEEK, SERIES_MINUTES, COARSEST = 10_080, 28 * 1440, 30
_SEED = 60_221


@dataclass(frozen=True)
class Recorded:
    """A load file.

    Attributes:
        path: the file.
        bins: how its intervals become minutes.
    """

    path: Path
    bins: Bins

    def load(self) -> Load:
        """Return the load."""
        return read_load(self.path, bins=self.bins)

    def identity(self) -> dict[str, Any]:
        """Return JSON values that tell it from others."""
        return {"sha256": hashlib.sha256(self.path.read_bytes()).hexdigest(), "bins": self.bins}


@dataclass(frozen=True)
class Generated:
    """A load of a family that training never sees: 14 days of history and 14 to judge.

    Attributes:
        family: its name.
        seed: source of every random number.
        recording: settings of `Recording` that are not drawn.
    """

    family: str
    seed: tuple[int, ...]
    recording: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Load:
        """Return the load."""
        rng = np.random.default_rng([_SEED, *self.seed])
        recording = Recording(**{**asdict(Recording.draw(rng)), **self.recording})
        start = int(rng.integers(0, WEEK // COARSEST)) * COARSEST
        rates = generate(FAMILIES[self.family], recording, rng, SERIES_MINUTES, start)
        bins: Bins = "hold" if recording.hold else "interpolate"
        return Load(MONDAY + timedelta(minutes=start), recording.interval, rates, bins, ())

    def identity(self) -> dict[str, Any]:
        """Return JSON values that tell it from others."""
        return {"series": SERIES_MINUTES, **asdict(self)}


@dataclass(frozen=True)
class Place:
    """A window of load under rules.

    Attributes:
        kind: "trace" or "generated".
        group: the trace, or the family.
        setting: of `SETTINGS`, or of `CONDITIONS`.
        source: the load.
        settings: the rules.
        series: tells loads of the same family and condition apart.
    """

    kind: str
    group: str
    setting: str
    source: Recorded | Generated
    settings: BacktestSettings
    series: int = 0

    @property
    def name(self) -> str:
        """Name of the place, fit for a folder."""
        words = [self.group, self.setting, *([str(self.series)] if self.kind != "trace" else [])]
        return ".".join(words).replace(" ", "_").replace(",", "")


def trace_places(
    folder: Path, *, traces: Mapping[str, Trace] = TRACES, settings: tuple[str, ...] = ()
) -> list[Place]:
    """Return the places of the traces whose files are in the folder.

    Args:
        folder: of the load files.
        traces: what to look for.
        settings: of `SETTINGS`; all, if none is named.
    """
    places = []
    for name, trace in traces.items():
        if not (folder / trace.file).is_file():
            continue
        start = datetime.fromisoformat(trace.start).replace(tzinfo=UTC)
        for setting in settings or SETTINGS:
            changes = SETTINGS[setting]
            rules = BacktestSettings(start=start, days=trace.days, **changes)
            source = Recorded(folder / trace.file, rules.bins)
            places.append(Place("trace", name, setting, source, rules))
    return places


def generated_places(
    families: tuple[str, ...] = tuple(FAMILIES),
    conditions: tuple[str, ...] = tuple(CONDITIONS),
    series: int = SERIES,
) -> list[Place]:
    """Return the places of generated load."""
    places = []
    for family in families:
        for condition in conditions:
            rules, recording = CONDITIONS[condition]
            hold = rules.get("bins") == "hold"
            for index in range(series):
                # By their places, so that a new one leaves the others' loads as they are.
                seed = (list(FAMILIES).index(family), list(CONDITIONS).index(condition), index)
                fixed = {"damage": False, **recording, "hold": hold}
                source = Generated(family, seed, fixed)
                settings = BacktestSettings(**rules, seed=index)
                places.append(Place("generated", family, condition, source, settings, index))
    return places
