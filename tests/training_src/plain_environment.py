"""AutoScaling-v0, profile `default`, written to be read: a check of the compiled one.

No kernels, no running sums, no rings: two lists of machines, and an observation by slices of the
load that is known.
"""

from bisect import insort
from dataclasses import dataclass, field
from math import ceil, cos, exp, inf, log, log1p, pi, sin
from statistics import NormalDist
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.load.generator import generate_load

HOUR, DAY, WEEK = 60, 1440, 10080
HISTORY = WEEK + HOUR
BITS = 0xFFFFFFFF


def scramble(state: int, word: int) -> int:
    """Return 32 bits of two numbers, as `dynamics.mix` does."""
    value = (state ^ word * 0x9E3779B1) & BITS
    for _ in range(2):
        value = ((value ^ value >> 16) * 0x45D9F3B) & BITS
    return value ^ value >> 16


def boot_times(median: int, spread: float) -> list[int]:
    """Return 256 equally likely boot times: whole minutes of a log-normal distribution."""
    if spread == 0 or median == 0:
        return [median] * 256
    deviations = [NormalDist().inv_cdf((rank + 0.5) / 256) for rank in range(256)]
    return [min(max(ceil(median * exp(spread * each) - 1e-9), 1), 60) for each in deviations]


@dataclass(order=True)
class Machine:
    """One machine, ordered by the minute of its launch."""

    launched: float = -inf
    due: float = field(default=-inf, compare=False)
    fails: bool = field(default=False, compare=False)


class PlainEnvironment(gymnasium.Env[NDArray[np.float32], np.int64]):
    """One fleet under one load, a minute at a time."""

    def __init__(self, **settings: Any) -> None:
        """Make the environment; `settings` are the fields of `AutoScalingSettings`."""
        self.settings = AutoScalingSettings.of(**settings)
        actions = len(self.settings.levels) if self.settings.actions == "levels" else 1001
        self.action_space = spaces.Discrete(actions)
        self.observation_space = spaces.Box(-25, 25, (37,), np.float32)
        self.boot_times = boot_times(self.settings.warmup_minutes, self.settings.warmup_spread)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, float]]:
        """Begin an episode under a fresh load, drawn in the order in which AutoScaling-v0 draws."""
        super().reset(seed=seed)
        settings, rng = self.settings, self.np_random
        minutes = HISTORY + settings.metric_delay_minutes + settings.episode_minutes + 1
        minute_of_week = int(rng.integers(0, WEEK))
        mean = settings.mean_machines * settings.capacity
        load = generate_load(rng, minutes, minute_of_week, mean)
        return self.begin(load, minute_of_week, int(rng.integers(0, 2**30)))

    def begin(
        self, load: NDArray[np.float32], minute_of_week: int, clock: int
    ) -> tuple[NDArray[np.float32], dict[str, float]]:
        """Begin an episode under `load`.

        Args:
            load: requests per minute; what comes before the first decision is its history.
            minute_of_week: minutes since Monday 0:00 at the first minute of `load`.
            clock: the minute by which boot times and failures of the first launches are drawn.
        """
        settings = self.settings
        self.load, self.minute_of_week, self.clock = load, minute_of_week, clock
        self.demand = np.log1p(load / np.float32(settings.capacity))
        self.now = self.first = HISTORY + settings.metric_delay_minutes
        machines = max(1, ceil(float(load[self.now - 1]) / (0.6 * settings.capacity) - 1e-9))
        self.serving = [Machine() for _ in range(self._limited(machines))]
        self.pending: list[Machine] = []
        self.failed_share = 0.0
        self.billed = self.failed = self.changed = self.down = 0.0
        return self._observation(), self._info()

    def step(
        self, action: np.int64
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, float]]:
        """Apply the action, serve the load of the minute, and let the next minute begin."""
        settings = self.settings
        before = len(self.serving) + len(self.pending)
        wanted = before + settings.levels[action] if settings.actions == "levels" else int(action)
        owed = self._scale(self._limited(wanted))
        size = len(self.serving) + len(self.pending)
        load = float(self.load[self.now])
        failed = max(0.0, load - len(self.serving) * settings.capacity)
        down = failed > settings.down_threshold * load
        reward = self._account(load, failed, size + owed, abs(size - before), down)
        self.failed_share = failed / load if load > 0 else 0.0
        self.now, self.clock = self.now + 1, self.clock + 1
        self._join()
        truncated = self.now - self.first >= settings.episode_minutes
        return self._observation(), reward, False, truncated, self._info()

    def _account(
        self, load: float, failed: float, billed: float, changed: float, down: bool
    ) -> float:
        """Add to the episode's figures and return the reward, all in machine-minutes."""
        settings = self.settings
        served, failed = (load - failed) / settings.capacity, failed / settings.capacity
        self.billed, self.failed = self.billed + billed, self.failed + failed
        self.changed, self.down = self.changed + changed, self.down + down
        earned = settings.revenue * served - billed - settings.change_price * changed
        # A failure costs its price in all; that it earns nothing is a part of that.
        earned -= (settings.failure_price - settings.revenue) * failed
        return earned - settings.down_penalty * down

    def _limited(self, machines: int) -> int:
        machines = max(machines, self.settings.min_machines)
        return min(machines, self.settings.max_machines or machines)

    def _scale(self, wanted: int) -> int:
        """Bring the machines to `wanted`; return what removed ones owe under minimum billing."""
        difference = wanted - len(self.serving) - len(self.pending)
        for ordinal in range(difference):
            self._launch(ordinal)
        self._join()
        owed = 0
        for _ in range(-difference):
            machine = (self.pending or self.serving).pop()
            age = self.clock - machine.launched
            owed += max(0, self.settings.minimum_billed_minutes - int(min(age, DAY)))
        return owed

    def _launch(self, ordinal: int) -> None:
        bits = scramble(scramble(0, self.clock), ordinal)
        boot_time = self.boot_times[(bits & 0xFFFF) >> 8]
        fails = (bits >> 16) < int(self.settings.launch_failure_rate * 65536)
        self.pending.append(Machine(self.clock, self.clock + boot_time, fails))

    def _join(self) -> None:
        """Let machines whose boot ends by now join; failed ones vanish."""
        for machine in [each for each in self.pending if each.due <= self.clock]:
            if not machine.fails:
                insort(self.serving, machine)
        self.pending = [each for each in self.pending if each.due > self.clock]

    def _observation(self) -> NDArray[np.float32]:
        past = self.demand[: self.now - self.settings.metric_delay_minutes]
        level = float(past[-3:].mean())
        day, week = self._forecast(past, DAY, level), self._forecast(past, WEEK, level)
        both = [(day[place] + week[place]) / 2 for place in (2, 3)]
        fleet = self._fleet(level)
        return np.array(
            [level, *fleet, *self._recent(past, level), *day, *week, *both, *self._clock(past)],
            np.float32,
        )

    def _fleet(self, level: float) -> list[float]:
        soon = self.clock + self.settings.warmup_minutes // 2
        serving, pending = len(self.serving), len(self.pending)
        due_soon = serving + sum(machine.due <= soon for machine in self.pending)
        everything = log1p(serving + pending)
        relative = [log1p(serving) - level, everything - level, log1p(due_soon) - level]
        return [everything, *relative, self.failed_share]

    def _recent(self, past: NDArray[np.float32], level: float) -> list[float]:
        hour, span = past[-HOUR:], self.settings.warmup_minutes + 1
        lags = [past[-lag] - level for lag in (1, 2, 4, 6, 11, 16, 31, 60)]
        means = [past[-width:].mean() - level for width in (5, 15, HOUR)]
        peaks = [past[-width:].max() - level for width in (5, HOUR)]
        rise = (hour - past[-HOUR - span : -span]).max()
        return [*lags, *means, *peaks, np.abs(np.diff(hour)).mean(), max(rise, 0.0)]

    def _forecast(self, past: NDArray[np.float32], season: int, level: float) -> list[float]:
        """Return the forecast by the same time a season ago, moved to the present level."""
        then = len(past) - season
        change = float(past[-HOUR:].mean() - past[then - HOUR : then].mean())
        correction = min(max(change, -log(4)), log(4))
        ahead = past[then : then + self.settings.warmup_minutes + 1] + (correction - level)
        return [1.0, correction, ahead.mean(), ahead.max()]

    def _clock(self, past: NDArray[np.float32]) -> list[float]:
        minute = self.minute_of_week + len(past)
        angles = [2 * pi * minute / DAY, 2 * pi * minute / WEEK]
        waves = [wave(angle) for angle in angles for wave in (sin, cos)]
        settings = self.settings
        return [*waves, log(settings.failure_price / 20), settings.warmup_minutes / 10]

    def _info(self) -> dict[str, float]:
        return {
            "load": float(self.load[self.now - 1]),
            "in_service": len(self.serving),
            "on_their_way": len(self.pending),
            "billed_minutes": self.billed,
            "failed_minutes": self.failed,
            "changed_machines": self.changed,
            "down_minutes": self.down,
        }
