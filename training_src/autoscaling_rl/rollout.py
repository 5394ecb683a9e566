"""The artifact's policy run over windows of load: for evaluation and back-test.

Observations of all minutes are computed at once from the load; what depends on the fleet is filled
in minute by minute. A band whose outputs depend on load alone needs no more than the fleet to be
stepped. Either way the decisions are those of the artifact's own code, one minute after the other.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl import artifact, controller
from autoscaling_rl.artifact_code import load_code
from autoscaling_rl.baselines.replay import advance
from autoscaling_rl.baselines.window import DESIRED, RECORDS, Trajectory, Window
from autoscaling_rl.controller import bank as our_bank
from autoscaling_rl.controller import guard as our_guard
from autoscaling_rl.controller.state import LONGEST_LOAD
from autoscaling_rl.environments.batch import batch_observations
from autoscaling_rl.environments.dynamics import IN_SERVICE, ON_THEIR_WAY, Rules, due_within, join
from autoscaling_rl.errors import UserError
from autoscaling_rl.kernel import jit_fast
from autoscaling_rl.manifest import hashes
from autoscaling_rl.rollout_guard import Guard, Rails, note_change, settle, unpaced

FloatArray = NDArray[np.float32]
MONDAY = (4 + 35) * 1440  # a minute that a week begins in, two weeks and more after 1970 began
FLEET_NUMBERS = slice(1, 6)  # numbers of an observation that depend on the fleet


@dataclass(frozen=True)
class ArtifactPolicy:
    """A verified artifact, ready to decide.

    Attributes:
        policy: instance of the artifact's own class.
        code: the artifact's own controller package.
        manifest: the artifact's manifest.
    """

    policy: Any
    code: ModuleType
    manifest: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> "ArtifactPolicy":
        """Verify the unpacked artifact in `folder` and load it.

        Raises:
            UserError: the artifact is damaged, or was made by another version of the observation.
        """
        manifest = artifact.verify(folder)
        ours, its = (
            hashes(Path(str(controller.__file__)).parent),
            hashes(folder / "code/controller"),
        )
        code = load_code(folder)
        # A bank runs the artifact's own code throughout; other policies share the observation's.
        if manifest["action"].get("fixed_point"):
            bank = importlib.import_module(f"{code.__name__}.bank")
            same = getattr(bank, "INTERFACE", 1) == our_bank.INTERFACE
        else:
            same = ours["observation.py"] == its["observation.py"]
        guard = importlib.import_module(f"{code.__name__}.guard")
        same = same and getattr(guard, "INTERFACE", 0) == our_guard.INTERFACE
        if manifest["input"] == "states" and not same:
            raise UserError(
                f"{folder}: the artifact decides in another way than this version of the code: "
                "train it again, or run it with the version that it was trained with"
            )
        return cls(artifact.load_policy(folder), code, manifest)

    @cached_property
    def guard(self) -> Guard:
        """The artifact's guard rails."""
        return Guard(self.code, self.manifest)

    @property
    def load_alone(self) -> bool:
        """Whether the policy is a band whose outputs ignore the fleet."""
        policy = self.policy
        first = [policy.weights[0]] + ([] if policy.skip is None else [policy.skip])
        return policy.head == "band" and not any(w[FLEET_NUMBERS].any() for w in first)


@dataclass(frozen=True)
class Stretch:
    """A window of load and when it begins.

    Attributes:
        window: the window with its history.
        minute_of_week: minutes since Monday 0:00 UTC at the window's first minute.
    """

    window: Window
    minute_of_week: int


def rollout(model: ArtifactPolicy, stretches: Sequence[Stretch], warmup: int) -> list[Trajectory]:
    """Run the policy over windows of equal length, which may differ in everything else.

    Args:
        model: the policy.
        stretches: the windows.
        warmup: nominal warm-up in minutes that the policy is told; a bank is told of the rules.

    Returns:
        What happened, one trajectory for each window.
    """
    if model.manifest["action"].get("fixed_point"):
        return [follow_bank(model, stretch) for stretch in stretches]
    observations = [_observations(stretch, warmup) for stretch in stretches]
    if model.load_alone:
        return [
            _follow_band(model, stretch.window, rows)
            for stretch, rows in zip(stretches, observations, strict=True)
        ]
    return _lockstep(model, stretches, observations, warmup)


def _observations(stretch: Stretch, warmup: int) -> FloatArray:
    window = stretch.window
    delay = window.metric_delay
    columns = batch_observations(
        window.load,
        window.first - delay,
        len(window.load) - delay,
        capacity=window.rules.capacity,
        minute_of_week=(stretch.minute_of_week - delay) % 10080,
        failure_price=max(window.rules.failure_price, 0.01),
        warmup=warmup,
    )
    return np.ascontiguousarray(columns.T)


def _follow_band(model: ArtifactPolicy, window: Window, observations: FloatArray) -> Trajectory:
    outputs = np.concatenate(
        [model.policy.outputs(rows) for rows in np.array_split(observations, 16)]
    )
    policy = importlib.import_module(f"{model.code.__name__}.policy")
    # The action for a fleet of any size follows from the two edges of the band.
    wanted, keep = (
        _edge(policy, observations, outputs, machines) for machines in (0, policy.MAX_MACHINES)
    )
    outside = model.policy.distance(observations)
    rails = model.guard.rails(window, model.guard.out_of_range(outside))
    return _move(wanted, keep, rails, window)


def follow_bank(model: ArtifactPolicy, stretch: Stretch) -> Trajectory:
    """Run the artifact's bank over a window, a day of load at a time."""
    window, rules = stretch.window, stretch.window.rules
    modules = {
        name: importlib.import_module(f"{model.code.__name__}.{name}")
        for name in ("bank", "bank_controller", "fleet", "members")
    }
    settings = modules["members"].ALONE
    if model.policy.bank is not None:
        settings = modules["members"].BankSettings.of(model.policy.bank)
    boots = tuple(map(float, rules.warmups))
    fleet = modules["fleet"].Fleet(
        modules["fleet"].likely_waits(boots, rules.launch_failure_rate),
        max(rules.failure_price, 0.01),
        rules.change_price,
        rules.min_machines,
        rules.max_machines,
        rules.minimum_billed_minutes,
        window.metric_delay,
    )
    first = window.first - window.metric_delay
    if first < 1:
        raise UserError(
            "no load is known before the window: begin it later, or lower the metric delay"
        )
    begin = max(0, first - LONGEST_LOAD)
    minute = MONDAY + stretch.minute_of_week - window.metric_delay
    bank = modules["bank"].Bank(
        model.policy, settings, fleet, minute - (first - begin), len(window.load) - begin
    )
    load = window.load[begin : len(window.load) - window.metric_delay] / rules.capacity
    known = first - begin
    headroom = modules["bank_controller"].FIRST_HEADROOM
    since = bank.scored_since(minute)
    parts = [bank.advance(load[:known], since)] + [
        bank.advance(load[place : place + 1440]) for place in range(known, len(load), 1440)
    ]
    # The last minute's load comes too late for any decision.
    wanted, keep, outside, spread = np.concatenate(parts, axis=1)[:, known - 1 : -1]
    reactive = np.ceil(headroom * np.maximum.accumulate(load)[known - 1 : -1])
    wanted = np.where(np.isnan(wanted), reactive, wanted).astype(np.int64)
    keep = np.where(np.isnan(keep), reactive, keep).astype(np.int64)
    guard = model.guard
    rails = guard.rails(window, guard.out_of_range(outside) | guard.uncertain(spread))
    return _move(wanted, keep, rails, window)


def _edge(
    policy: ModuleType, observations: FloatArray, outputs: FloatArray, machines: int
) -> NDArray[np.int64]:
    """Return the machines that the band moves a fleet of `machines` to, in each minute."""
    rows = observations.copy()
    rows[:, policy.FLEET] = np.log1p(np.float32(machines))
    moved: NDArray[np.int64] = machines + policy.band_action(rows, outputs)
    return moved


def _move(
    wanted: NDArray[np.int64], keep: NDArray[np.int64], rails: Rails, window: Window
) -> Trajectory:
    """Return what happens to a fleet that moves into [wanted, keep], within its guard rails."""
    record, rules = np.empty((RECORDS, window.minutes)), window.rules
    _run_band(
        wanted, keep, rails, unpaced(), window.requests, window.clock, window.fleet(), rules, record
    )
    return Trajectory(record)


@jit_fast
def _run_band(
    wanted: NDArray[np.int64],
    keep: NDArray[np.int64],
    rails: Rails,
    since: NDArray[np.int64],
    loads: NDArray[np.float64],
    clock: int,
    fleet: NDArray[np.int64],
    rules: Rules,
    record: NDArray[np.float64],
) -> None:
    for minute in range(len(loads)):
        join(fleet, clock + minute, rules)
        before = fleet[IN_SERVICE] + fleet[ON_THEIR_WAY]
        proposal = min(max(before, wanted[minute]), keep[minute])
        desired = settle(
            proposal, before, rails.floors[minute], rails.ceilings[minute], rails.pace, since
        )
        advance(fleet, clock + minute, minute, desired, loads[minute], rules, record)
        note_change(int(record[DESIRED, minute]), before, since)


def _lockstep(
    model: ArtifactPolicy,
    stretches: Sequence[Stretch],
    observations: list[FloatArray],
    warmup: int,
) -> list[Trajectory]:
    """Run all windows a minute at a time, so that the policy decides for all of them at once."""
    windows = [stretch.window for stretch in stretches]
    minutes = windows[0].minutes
    rows = np.stack(observations, axis=1)  # (minutes, windows, numbers)
    doubtless = np.zeros(minutes, bool)
    trusted, doubted = (
        [model.guard.rails(window, doubt) for window in windows]
        for doubt in (doubtless, ~doubtless)
    )
    since = [unpaced() for _ in windows]
    fleets = [window.fleet() for window in windows]
    records = [np.empty((RECORDS, minutes)) for _ in windows]
    counts = np.zeros((len(windows), 4))
    for minute in range(minutes):
        for index, window in enumerate(windows):
            _before(
                fleets[index], window.clock + minute, minute, window.rules, warmup // 2,
                window.requests, records[index], counts[index],
            )  # fmt: skip
        _set_fleets(rows[minute], counts)
        desired = model.policy.act(rows[minute])
        if model.policy.head != "discrete":  # which names the machines wanted, not a change
            desired = desired + (counts[:, 0] + counts[:, 1]).astype(np.int64)
        doubts = model.guard.out_of_range(model.policy.distance(rows[minute]))
        for index, window in enumerate(windows):
            rails = (doubted if doubts[index] else trusted)[index]
            _apply(
                int(desired[index]), rails, since[index], minute, window.requests[minute],
                window.clock, fleets[index], window.rules, records[index],
            )  # fmt: skip
    return [Trajectory(record) for record in records]


@jit_fast
def _apply(
    proposal: int,
    rails: Rails,
    since: NDArray[np.int64],
    minute: int,
    load: float,
    clock: int,
    fleet: NDArray[np.int64],
    rules: Rules,
    record: NDArray[np.float64],
) -> None:
    """Apply what a proposal comes to."""
    before = fleet[IN_SERVICE] + fleet[ON_THEIR_WAY]
    desired = settle(
        proposal, before, rails.floors[minute], rails.ceilings[minute], rails.pace, since
    )
    advance(fleet, clock + minute, minute, desired, load, rules, record)
    note_change(int(record[DESIRED, minute]), before, since)


@jit_fast
def _before(
    fleet: NDArray[np.int64],
    clock: int,
    minute: int,
    rules: Rules,
    soon: int,
    loads: NDArray[np.float64],
    record: NDArray[np.float64],
    counts: NDArray[np.float64],
) -> None:
    """Let machines join and write what the observation says of the fleet."""
    join(fleet, clock, rules)
    counts[0] = fleet[IN_SERVICE]
    counts[1] = fleet[ON_THEIR_WAY]
    counts[2] = due_within(fleet, clock, soon)
    counts[3] = 0.0
    if minute > 0 and loads[minute - 1] > 0:
        counts[3] = record[3, minute - 1] / loads[minute - 1]


def _set_fleets(rows: FloatArray, counts: NDArray[np.float64]) -> None:
    """Complete observations, as `observation.set_fleet` does one."""
    in_service, fleet = counts[:, 0], counts[:, 0] + counts[:, 1]
    logs = np.log1p(np.stack((fleet, in_service, in_service + counts[:, 2])).astype(np.float32))
    rows[:, 1] = logs[0]
    rows[:, 2] = logs[1] - rows[:, 0]
    rows[:, 3] = logs[0] - rows[:, 0]
    rows[:, 4] = logs[2] - rows[:, 0]
    rows[:, 5] = counts[:, 3]
