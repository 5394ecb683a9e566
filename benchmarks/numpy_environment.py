"""AutoScaling-v0, profile `default`, batched with NumPy: what one writes without a compiler.

Every operation works on all fleets at once. Two simplifications, both in favour of NumPy: machines
on their way are removed by when they join instead of by when they were launched, and episodes never
end.
"""

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.environments.profiles import AutoScalingSettings, warmup_table
from autoscaling_rl.environments.simulation import Simulation

HOUR, DAY, WEEK, SLOTS = 60, 1440, 10_080, 64
FloatArray = NDArray[np.float32]


class NumpyEnvironment:
    """Fleets in arrays; loads are those of `Simulation`."""

    def __init__(self, count: int, settings: AutoScalingSettings) -> None:
        """Draw a load for each of `count` fleets."""
        self.settings = settings
        source = Simulation(count, self.settings, None)
        source.reset(range(count), [np.random.default_rng(index) for index in range(count)])
        self.load = source.load[:, :count].copy()
        self.demand = source.demand[:, :count].copy()
        self.minute, self.minute_of_week = source.minute, source.minute_of_week[:count].copy()
        self.in_service = source.fleets[:, 0].copy()
        self.due = np.zeros((SLOTS, count), np.int64)  # machines that join, by minute
        self.failing = np.zeros((SLOTS, count), np.int64)
        self.on_their_way = np.zeros(count, np.int64)
        self.boots = warmup_table(self.settings.warmup_minutes, self.settings.warmup_spread)
        self.levels = np.array(self.settings.levels)
        self.rng = np.random.default_rng(0)
        self.share = np.zeros(count, np.float32)

    def step(self, actions: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Simulate a minute; return observations (count, 37) and rewards (count,)."""
        settings, minute = self.settings, self.minute
        before = self.in_service + self.on_their_way
        change = np.maximum(before + self.levels[actions], settings.min_machines) - before
        self._launch(np.maximum(change, 0), minute)
        self._remove(np.maximum(-change, 0), minute)
        load = self.load[minute]
        failed = np.maximum(load - self.in_service * np.float32(settings.capacity), 0)
        self.share = failed / np.maximum(load, 1)
        rewards = settings.revenue * load - settings.failure_price * failed
        rewards = rewards / np.float32(settings.capacity) - (before + change)
        self.minute += 1
        self.minute_of_week = (self.minute_of_week + 1) % WEEK
        slot = self.minute % SLOTS
        self.in_service += self.due[slot] - self.failing[slot]
        self.on_their_way -= self.due[slot]
        self.due[slot] = self.failing[slot] = 0
        return self._observe(), rewards.astype(np.float32)

    def _launch(self, machines: NDArray[np.int64], minute: int) -> None:
        self.on_their_way += machines
        for ordinal in range(int(machines.max())):
            fleets = np.flatnonzero(machines > ordinal)
            boots = self.boots[self.rng.integers(0, len(self.boots), len(fleets))]
            slots = (minute + boots) % SLOTS
            self.due[slots, fleets] += 1
            fails = self.rng.random(len(fleets)) < self.settings.launch_failure_rate
            self.failing[slots[fails], fleets[fails]] += 1

    def _remove(self, machines: NDArray[np.int64], minute: int) -> None:
        left = machines
        for ahead in range(int(self.boots[-1]), 0, -1):
            slot = (minute + ahead) % SLOTS
            taken = np.minimum(left, self.due[slot])
            self.due[slot] -= taken
            self.failing[slot] = np.minimum(self.failing[slot], self.due[slot])
            left = left - taken
        self.on_their_way -= machines - left
        self.in_service -= left

    def _observe(self) -> FloatArray:
        now, demand, warmup = self.minute, self.demand, self.settings.warmup_minutes
        hour = demand[now - HOUR : now]
        level = demand[now - 3 : now].mean(axis=0)
        soon = [(now + ahead) % SLOTS for ahead in range(1, warmup // 2 + 1)]
        fleet = np.log1p(self.in_service + self.on_their_way)
        columns = [level, fleet, np.log1p(self.in_service) - level, fleet - level]
        columns += [np.log1p(self.in_service + self.due[soon].sum(axis=0)) - level, self.share]
        columns += [demand[now - lag] - level for lag in (1, 2, 4, 6, 11, 16, 31, 60)]
        columns += [hour[-width:].mean(axis=0) - level for width in (5, 15, 60)]
        columns += [hour[-width:].max(axis=0) - level for width in (5, 60)]
        rises = hour - demand[now - HOUR - warmup - 1 : now - warmup - 1]
        columns += [np.abs(np.diff(hour, axis=0)).mean(axis=0), rises.max(axis=0).clip(0)]
        forecasts = [self._forecast(season, level, hour) for season in (DAY, WEEK)]
        columns += [column for forecast in forecasts for column in forecast]
        columns += [(one + two) / 2 for one, two in zip(*forecasts, strict=True)][2:]
        for period in (DAY, WEEK):
            angle = 2 * np.pi * self.minute_of_week / period
            columns += [np.sin(angle), np.cos(angle)]
        columns += [np.zeros_like(level), np.full_like(level, warmup / 10)]
        return np.stack(columns, axis=1, dtype=np.float32, casting="same_kind")

    def _forecast(self, season: int, level: FloatArray, hour: FloatArray) -> list[FloatArray]:
        then = self.minute - season
        correction = hour.mean(axis=0) - self.demand[then - HOUR : then].mean(axis=0)
        correction = correction.clip(-np.log(4), np.log(4))
        ahead = self.demand[then : then + self.settings.warmup_minutes + 1]
        shift = correction - level
        known = np.ones_like(level)
        return [known, correction, ahead.mean(axis=0) + shift, ahead.max(axis=0) + shift]
