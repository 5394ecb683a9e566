"""What the stages before have found, ready for tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

from autoscaling_rl.baselines.registry import BASELINES as KNOWN
from autoscaling_rl.baselines.registry import DEFAULT as TRACKING
from autoscaling_rl.baselines.registry import ORACLE
from autoscaling_rl.errors import UserError
from autoscaling_rl.scorecard import POLICY, Totals, figures
from benchmarks.results_cache import read_json
from benchmarks.results_judge import BASELINES, VARIANTS
from benchmarks.results_places import DEFAULT

Figures = dict[str, float | int | None]

SUMMARY = "summary.json"
SEEDS_OF_A_RELEASE = 5


@dataclass(frozen=True)
class Run:
    """What a method did at a place.

    Attributes:
        totals: sums over the window.
        capacity: requests that a machine serves in a minute.
        daily: J of each day.
    """

    totals: Totals
    capacity: float
    daily: tuple[float, ...]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Run":
        """Return the run that the judging stage wrote down."""
        numbers = {field.name: found["totals"][field.name] for field in fields(Totals)}
        return cls(Totals(**numbers), found["totals"]["capacity"], tuple(found["daily"]))

    @property
    def cost(self) -> float:
        """J in machine-minutes."""
        return self.totals.cost

    @property
    def failed(self) -> float:
        """Failed work in machine-minutes."""
        return self.totals.failed / self.capacity


class Spot(NamedTuple):
    """A place as the page names it."""

    name: str
    kind: str
    group: str
    setting: str
    series: int


class Seeded(NamedTuple):
    """The run of a model of a certain seed."""

    seed: int
    run: Run


@dataclass(frozen=True)
class Results:
    """Everything that the page is made from.

    Attributes:
        summary: what was run.
        runs: by place and name: baselines, `oracle`, `PRESET-SEED` and `PRESET-SEED.VARIANT`.
        cpu_seconds: of the models' runs, and of the baselines'.
    """

    summary: Mapping[str, Any]
    runs: Mapping[str, Mapping[str, Run]]
    cpu_seconds: Mapping[str, float]

    @classmethod
    def read(cls, folder: Path) -> "Results":
        """Read what the judging stage left in a folder.

        Raises:
            UserError: something is missing, or of other sources.
        """
        summary = read_json(folder / SUMMARY)
        if summary is None:
            raise UserError(f"{folder / SUMMARY} is not there: run the stage judge first")
        names = [f"{preset}-{seed}" for preset in summary["presets"] for seed in summary["seeds"]]
        runs: dict[str, dict[str, Run]] = {}
        seconds = {"models": 0.0, BASELINES: 0.0}
        for place in summary["places"]:
            found = runs.setdefault(place["name"], {})
            for name in [BASELINES, *names, *_varied(summary, place)]:
                value = _cell(folder / "judged" / place["name"] / f"{name}.json", summary)
                seconds[BASELINES if name == BASELINES else "models"] += value["cpu_seconds"]
                for method, run in value["runs"].items():
                    found[name if method == POLICY else method] = Run.of(run)
        return cls(summary, runs, seconds)

    @property
    def presets(self) -> list[str]:
        """Names of the presets; the first is the one that is taken apart."""
        return list(self.summary["presets"])

    def spots(self, kind: str, setting: str = "") -> list[Spot]:
        """Return the places of a kind, of one setting or of all."""
        spots = [Spot(**place) for place in self.summary["places"]]
        return [each for each in spots if each.kind == kind and setting in ("", each.setting)]

    def baselines(self, spot: Spot) -> dict[str, Run]:
        """Return the runs of the baselines by name, without the oracle's."""
        runs = self.runs[spot.name]
        return {name: runs[name] for name in KNOWN if name in runs}

    def tuned(self, spot: Spot) -> dict[str, Run]:
        """Return the runs of the tuned baselines, the cheapest first."""
        tuned = [item for item in self.baselines(spot).items() if item[0].endswith("_tuned")]
        return dict(sorted(tuned, key=lambda item: item[1].cost))

    def best(self, spot: Spot) -> tuple[str, Run]:
        """Return name and run of the cheapest tuned baseline."""
        return next(iter(self.tuned(spot).items()))

    def oracle(self, spot: Spot) -> Run:
        """Return the run of the oracle."""
        return self.runs[spot.name][ORACLE]

    def tracking(self, spot: Spot) -> Run:
        """Return the run of tuned target tracking."""
        return self.runs[spot.name][TRACKING]

    def ranked(self, spot: Spot, preset: str, variant: str = "") -> list[Seeded]:
        """Return the runs of a preset's models, the cheapest first; none, if there are none."""
        ending = f".{variant}" if variant else ""
        found = self.runs[spot.name]
        names = {seed: f"{preset}-{seed}{ending}" for seed in self.summary["seeds"]}
        runs = [Seeded(seed, found[name]) for seed, name in names.items() if name in found]
        return sorted(runs, key=lambda each: each.run.cost)

    def median(self, spot: Spot, preset: str) -> Run:
        """Return the run of the seed in the middle; of an even number, the worse of the two."""
        ranked = self.ranked(spot, preset)
        return ranked[len(ranked) // 2].run

    def worst(self, spot: Spot, preset: str) -> Run:
        """Return the run of the seed that cost most."""
        return self.ranked(spot, preset)[-1].run

    def figures(self, spot: Spot, run: Run) -> Figures:
        """Return the figures of a run as a scorecard has them."""
        runs = {"x": run, TRACKING: self.tracking(spot), ORACLE: self.oracle(spot)}
        return figures({key: each.totals for key, each in runs.items()})["x"]

    def gap(self, spot: Spot, run: Run) -> float | None:
        """Return the part of the way from tuned target tracking to the oracle."""
        return self.figures(spot, run)["gap_closed"]

    def incomplete(self) -> bool:
        """Whether this is a try: traces or seeds are missing, or settings differ from presets."""
        summary = self.summary
        few = len(summary["seeds"]) < SEEDS_OF_A_RELEASE
        return bool(few or summary["absent"] or summary["hyperparameters"])


def pooled(results: Results, spots: Sequence[Spot], name: str) -> tuple[Results, Spot]:
    """Return results in which these places are one: sums over all, days in a row."""
    common = set.intersection(*(set(results.runs[spot.name]) for spot in spots))
    runs = {each: _together([results.runs[spot.name][each] for spot in spots]) for each in common}
    place = Spot(name, spots[0].kind, name, spots[0].setting, 0)
    summary = {**results.summary, "places": [place._asdict()]}
    return Results(summary, {name: runs}, results.cpu_seconds), place


def _together(runs: Sequence[Run]) -> Run:
    """Add up runs; loads are counted in machine-minutes, since capacities differ."""
    parts = [
        replace(
            run.totals,
            requests=run.totals.requests / run.capacity,
            failed=run.totals.failed / run.capacity,
        )
        for run in runs
    ]
    return Run(
        reduce(Totals.__add__, parts), 1.0, tuple(cost for run in runs for cost in run.daily)
    )


def _varied(summary: Mapping[str, Any], place: Mapping[str, Any]) -> list[str]:
    if (place["kind"], place["setting"]) != ("trace", DEFAULT):
        return []
    ablated = summary["presets"][0]
    return [f"{ablated}-{seed}.{variant}" for seed in summary["seeds"] for variant in VARIANTS]


def _cell(path: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    cell = read_json(path)
    if cell is None or any(cell["key"][name] != each for name, each in summary["key"].items()):
        state = "is not there" if cell is None else "was made from other sources"
        raise UserError(f"{path} {state}: run the stage judge again")
    value: dict[str, Any] = cell["value"]
    return value
