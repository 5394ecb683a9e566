"""Episodes of n fleets in arrays: the core of the single and of the vectorised environment."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.controller import observation as obs
from autoscaling_rl.environments import dynamics, kernels, windows
from autoscaling_rl.environments.observe import write_observations
from autoscaling_rl.environments.profiles import (
    MAX_DESIRED,
    SAMPLE_INITIAL_MACHINES,
    AutoScalingSettings,
)
from autoscaling_rl.load.file import read_load
from autoscaling_rl.load.generator import generate_load, generate_sample_load
from autoscaling_rl.load.split import check_splittable, minute_of_week, training_end

BATCH = 32  # series that are written into the matrix of minutes by fleets at a time


@dataclass(frozen=True)
class Replay:
    """A recorded load that episodes are cut from, instead of generated ones.

    Attributes:
        rates: requests per minute, shape (minutes,).
        minute_of_week: minutes since Monday 0:00 UTC at its start.
    """

    rates: NDArray[np.float64]
    minute_of_week: int

    @classmethod
    def of(cls, path: str) -> "Replay":
        """Return the part of a load file that training may see: all but its last third.

        Raises:
            UserError: the file is not a load, or too short.
        """
        load = read_load(path)
        check_splittable(load, path)
        return cls(load.minute_rates[: training_end(load)], minute_of_week(load))


class Simulation:
    """n fleets, each under its own load.

    Minutes by fleets is the layout of load and demand: the rows of one minute lie together, and a
    step reads few of them. Both are ring buffers, so that fleets may begin episodes at any time.

    Attributes:
        settings: the environment's settings.
        observations: float32, shape (observation size, n or more), renewed by every step.
        rewards: float32, shape (n,), of the last step, in machine-minutes (`sample`: dollars).
        ended: bool, shape (n,): the episode's time limit was reached. Like the rewards and the
            observations it is a fresh array after every step.
        any_ended: whether any episode has ended.
        totals: float64, shape (n, 4): billed machine-minutes, failed load in machine-minutes,
            machines changed, and down minutes since the episode began.
        fleets: int64, shape (n, row length), see `dynamics`.
    """

    def __init__(self, count: int, settings: AutoScalingSettings, replay: Replay | None) -> None:
        """Allocate the arrays; `reset` must fill them before the first step."""
        self.settings, self.replay = settings, replay
        self.rules, self.prices = settings.rules(), kernels.make_prices(settings)
        self.sample = settings.profile == "sample"
        self.lead = obs.HISTORY + settings.metric_delay_minutes
        self.rows = self.lead + settings.episode_minutes + 1
        self.minute = self.lead  # of the simulation; fleets differ in when their episode began
        # Rows of a multiple of 4 KiB would all fall into the same cache lines: spare columns.
        width = count + 16 if count % 256 == 0 else count
        self.load = np.zeros((self.rows, width), np.float32)
        self.demand = np.zeros((self.rows, width), np.float32)
        self.fleets = np.zeros((count, dynamics.row_length(self.rules)), np.int64)
        self.until = np.zeros(count, np.int64)  # the minute in which the episode ends
        self.clocks = np.zeros(count, np.int64)
        self.figures = np.zeros((obs.STATISTICS, width))
        self.blocks = np.zeros((windows.BLOCKS, width), np.float32)
        self.fleet_logs = np.zeros((4, width), np.float32)
        self.minute_of_week = np.zeros(width, np.int64)
        self.averages = np.zeros((count, kernels.SAMPLE_AVERAGES))
        size = kernels.SAMPLE_SIZE if self.sample else obs.SIZE
        self.observations = np.zeros((size, width), np.float32)
        self.rewards = np.zeros(count, np.float32)
        self.ended = np.zeros(count, np.bool_)
        self.any_ended = False
        self.totals = np.zeros((count, 4))
        self.serving = np.zeros(count, np.int64)
        self.calendar = obs.calendar()
        self.offsets = obs.observation_offsets(settings.warmup_minutes)
        # Fleets beyond the table, which no load asks for, are shown as its last entry.
        self.table = obs.log_machines(np.arange(max(4096, int(16 * settings.mean_machines))))
        self.log_price = float(np.log(settings.failure_price / 20.0))
        chosen = settings.levels if settings.actions == "levels" else ()
        self.levels = np.array(chosen, np.int64)

    @property
    def actions(self) -> int:
        """Number of actions."""
        return len(self.levels) or MAX_DESIRED + 1

    @property
    def _seen(self) -> int:
        """The minute that the controller believes it decides for."""
        return self.minute - self.settings.metric_delay_minutes

    def reset(self, columns: Sequence[int], generators: Sequence[np.random.Generator]) -> None:
        """Begin new episodes of the fleets `columns`, each drawn from its own generator."""
        for start in range(0, len(columns), BATCH):
            self._reset_batch(columns[start : start + BATCH], generators[start : start + BATCH])
        chosen = np.asarray(columns, np.int64)
        self.until[chosen] = self.minute + self.settings.episode_minutes
        self.totals[chosen] = 0.0
        self.averages[chosen] = 0.0
        self.ended = self.ended.copy()  # the array may have been handed out
        self.ended[chosen] = False
        self.fleet_logs[kernels.FAILED_SHARE, chosen] = 0.0
        windows.start_blocks(
            self.blocks, self.demand, chosen, self._seen, self.settings.warmup_minutes
        )
        kernels.note_fleets(
            self.fleet_logs, chosen, self.fleets, self.minute, self.clocks, self.prices, self.table
        )
        self._observe(chosen if self.sample else None)

    def _reset_batch(
        self, columns: Sequence[int], generators: Sequence[np.random.Generator]
    ) -> None:
        series = np.empty((self.rows, len(columns)), np.float32)
        for place, (column, rng) in enumerate(zip(columns, generators, strict=True)):
            series[:, place], minute_of_week = self._draw_load(rng)
            self.minute_of_week[column] = (minute_of_week + obs.HISTORY) % obs.WEEK
            # A clock of its own, so that boot times do not depend on when the episode began.
            self.clocks[column] = int(rng.integers(0, 2**30)) - self.minute
            fleet = self.fleets[column]
            fleet[:] = 0
            fleet[dynamics.IN_SERVICE] = self._starting_machines(
                float(series[self.lead - 1, place])
            )
        demand = obs.demand(series, self.settings.capacity)
        seen = self.lead - self.settings.metric_delay_minutes
        warmup = self.settings.warmup_minutes
        chosen = np.asarray(columns, np.int64)
        self.figures[:, chosen] = obs.window_statistics(demand, seen, 0, warmup)
        shift = (self.minute - self.lead) % self.rows
        head = self.rows - shift  # the series lies in the ring from row `shift` on
        for ring, values in ((self.load, series), (self.demand, demand)):
            ring[shift:, chosen] = values[:head]
            ring[:shift, chosen] = values[head:]

    def _draw_load(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], int]:
        settings = self.settings
        if self.replay is not None:
            return self._cut_replay(rng, self.replay)
        minute_of_week = int(rng.integers(0, obs.WEEK))
        if self.sample:
            weekly = "no_weekly_cycle" not in settings.flaws
            load = generate_sample_load(rng, self.rows, minute_of_week, weekly=weekly)
        else:
            mean = settings.mean_machines * settings.capacity
            load = generate_load(rng, self.rows, minute_of_week, mean)
        return load, minute_of_week

    def _cut_replay(
        self, rng: np.random.Generator, replay: Replay
    ) -> tuple[NDArray[np.float32], int]:
        """Take a stretch of the recording at random, scaled to the mean number of machines.

        Minutes before the recording hold its first value; it wraps around where it is too short.
        """
        rates = replay.rates
        latest = max(0, len(rates) - self.settings.episode_minutes - 1)
        start = int(rng.integers(0, latest + 1)) - self.lead
        minutes = np.arange(start, start + self.rows)
        load = rates[np.where(minutes < 0, 0, minutes % len(rates))]
        scale = self.settings.mean_machines * self.settings.capacity / max(rates.mean(), 1e-9)
        return (load * scale).astype(np.float32), (replay.minute_of_week + start) % obs.WEEK

    def _starting_machines(self, load_before: float) -> int:
        if self.sample:
            return SAMPLE_INITIAL_MACHINES
        machines = dynamics.starting_machines(load_before, self.settings.capacity)
        machines = max(machines, self.settings.min_machines)
        return min(machines, self.settings.max_machines or machines)

    def _observe(self, samples: NDArray[np.int64] | None = None) -> None:
        """Write the observations; `samples`: fleets of the sample's profile just reset."""
        if samples is not None:
            self.observations = self.observations.copy()
            self.observations[:, samples] = 0.0
            return
        seen, warmup = self._seen, self.settings.warmup_minutes
        self.observations = np.empty_like(self.observations)
        write_observations(
            self.observations,
            self.demand,
            seen % self.rows + self.offsets,  # negative rows count from the end
            self.minute_of_week,
            self.fleet_logs,
            self.figures,
            1.0,
            1.0,
            self.log_price,
            warmup,
            self.calendar,
        )

    def step(self, actions: NDArray[np.int64]) -> None:
        """Apply one action per fleet and move on by a minute.

        Raises:
            ValueError: an action is out of range; nothing has changed then.
        """
        load = self.load[self.minute % self.rows]
        self.rewards = np.empty_like(self.rewards)
        self.ended = np.empty_like(self.ended)
        self.any_ended = kernels.step_fleets(
            actions,
            self.levels,
            load,
            self.minute,
            self.clocks,
            self.fleets,
            self.rules,
            self.prices,
            self.table,
            self.rewards,
            self.totals,
            self.serving,
            self.fleet_logs,
            self.minute_of_week,
            self.until,
            self.ended,
        )
        if self.sample:
            self.observations = np.empty_like(self.observations)
            kernels.write_samples(
                self.observations,
                self.averages,
                load,
                self.minute,
                self.clocks,
                self.fleets,
                self.serving,
                self.fleet_logs,
                self.prices,
            )
        else:
            warmup = self.settings.warmup_minutes
            windows.advance(self.figures, self.blocks, self.demand, self._seen, warmup)
        self.minute += 1
        if not self.sample:
            self._observe()

    def cost(self) -> NDArray[np.float64]:
        """Return J of each fleet's episode so far, in machine-minutes."""
        weights = np.array([1.0, self.rules.failure_price, self.rules.change_price, 0.0])
        total: NDArray[np.float64] = self.totals @ weights
        return total
