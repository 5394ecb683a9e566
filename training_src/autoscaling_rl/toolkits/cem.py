"""Toolkit `cem`: the cross-entropy method over a small policy that is linear in forecasts.

Cross-entropy method for continuous parameters (Rubinstein and Kroese, 2004; De Boer et al., A
Tutorial on the Cross-Entropy Method, 2005) with decaying extra noise (Szita and Lorincz, 2006). All
candidates of a generation meet the same loads and boot times (common random numbers), so that their
costs differ by what they do alone. The load does not depend on actions: observations are computed
once, every candidate's wishes are one matrix product, and only the fleet is stepped.
"""

import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.controller.observation import NAMES, SIZE
from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.environment_factory import AUTOSCALING
from autoscaling_rl.environments.bands import score_bands
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.errors import UserError
from autoscaling_rl.settings import setting
from autoscaling_rl.toolkits.base import (
    TrainedPolicy,
    TrainingJob,
    TrainingStopped,
    refuse_several_hosts,
    seeds,
    tell_of_idle_gpu,
)
from autoscaling_rl.toolkits.training_windows import TrainingWindow, draw_windows

FloatArray = NDArray[np.float64]

# What the policy weighs: everything that depends on load alone and is not constant within a job.
INPUTS = (
    "lag_1",
    "lag_4",
    "mean_5",
    "mean_15",
    "mean_60",
    "peak_5",
    "peak_60",
    "roughness",
    "steepest_rise",
    "day_mean",
    "day_peak",
    "week_mean",
    "week_peak",
    "forecast_peak",
)
_COLUMNS = np.array([NAMES.index(name) for name in INPUTS])
_START = {"peak_5": 0.5, "forecast_peak": 0.3, "roughness": 1.0, "steepest_rise": 0.2}


@dataclass(frozen=True, kw_only=True)
class CemOptions:
    """Options of the cross-entropy method.

    Attributes:
        generations: rounds of sampling, scoring and refitting.
        population: candidates in a round.
        elites: best candidates, which the next distribution is fitted to.
        windows: stretches of load that every round is scored on, drawn anew from the pool.
        pool: stretches of load that are drawn in all.
        window_minutes: length of a stretch.
        deviation: initial standard deviation of the whitened parameters.
        extra_noise: added to the deviation at the start, decaying to nothing at the end.
        segment_generations: generations between two checkpoints.
        synthetic_share: part of the pool that stays generated when a recorded load is given; a
            few days of one's own load alone would be learnt by heart.
    """

    generations: int = setting(120, minimum=1, maximum=100_000)
    population: int = setting(48, minimum=4, maximum=10_000)
    elites: int = setting(8, minimum=2, maximum=5_000)
    windows: int = setting(12, minimum=1, maximum=1_000)
    pool: int = setting(48, minimum=1, maximum=10_000)
    window_minutes: int = setting(2880, minimum=60, maximum=20_160)
    deviation: float = setting(0.04, above=0.0, maximum=10.0)
    extra_noise: float = setting(0.01, minimum=0.0, maximum=10.0)
    segment_generations: int = setting(20, minimum=1, maximum=100_000)
    synthetic_share: float = setting(0.5, minimum=0.0, maximum=1.0)


class CemToolkit:
    """Trains a band policy for AutoScaling-v0, profile `default`; see `CemOptions`."""

    Options: ClassVar[type[CemOptions]] = CemOptions

    def train(self, job: TrainingJob) -> TrainedPolicy:
        """Train from the latest checkpoint, or from the start, to the end.

        Raises:
            UserError: for another environment, a cluster, or options that do not fit together.
            TrainingStopped: if the job was asked to stop before the first segment ended.
        """
        refuse_several_hosts("cem", job.hosts)
        tell_of_idle_gpu(job, "toolkit cem computes on the CPU")
        if job.warm_start is not None:
            raise UserError(
                "toolkit cem starts from scratch: leave the channel `checkpoint` away, or use sb3"
            )
        return _Training(job).run()


TOOLKIT = CemToolkit()


class _Training:
    """The state of one training: a distribution over parameters, whitened by the pool's inputs."""

    def __init__(self, job: TrainingJob) -> None:
        self.job = job
        self.options: CemOptions = job.preset.training
        self.settings = _settings(job)
        if self.options.elites >= self.options.population:
            raise UserError(
                f"training.elites is {self.options.elites}: choose less than the population, "
                f"{self.options.population}"
            )
        options = self.options
        self.pool = draw_windows(
            self.settings,
            count=options.pool,
            minutes=options.window_minutes,
            seed=seeds(job.seed, 0)[0],
            load_path=job.load_path,
            synthetic_share=options.synthetic_share,
            inputs=_COLUMNS,
        )
        self.whitening = _whitening(self.pool)
        self.centre = _start(self.whitening)
        self.deviation = np.full_like(self.centre, options.deviation)
        self.generation = 0
        self.curve: list[list[float]] = []
        checkpoint = job.checkpoints.latest()
        if checkpoint is not None:
            self.centre = checkpoint.arrays["centre"]
            self.deviation = checkpoint.arrays["deviation"]
            self.generation = int(checkpoint.meta["generation"])
            self.curve = [list(point) for point in checkpoint.meta["curve"]]

    def run(self) -> TrainedPolicy:
        reporter, options = self.job.reporter, self.options
        if self.generation:
            reporter.message(f"resumed at generation {self.generation} of {options.generations}")
        reporter.start(options.generations, done=self.generation, unit="generation")
        while self.generation < options.generations:
            if self.job.stop():
                return self._stopped()
            # A generator of its own for each generation: training resumes exactly from any of them.
            self._generation(np.random.default_rng(seeds(self.job.seed, 1, self.generation)[0]))
            last = self.generation == options.generations
            if last or self.generation % options.segment_generations == 0:
                self._save()
        return self._result(stopped=False)

    def _generation(self, rng: np.random.Generator) -> None:
        options, began = self.options, time.monotonic()
        progress = self.generation / options.generations
        noise = np.hypot(self.deviation, options.extra_noise * max(0.0, 1 - 1.25 * progress))
        candidates = self.centre + noise * rng.standard_normal(
            (options.population, *self.centre.shape)
        )
        candidates[0] = self.centre
        chosen = rng.choice(len(self.pool), min(options.windows, len(self.pool)), replace=False)
        costs = self._costs(candidates, [self.pool[index] for index in chosen])
        elites = candidates[np.argsort(costs)[: options.elites]]
        self.centre, self.deviation = elites.mean(axis=0), elites.std(axis=0)
        self.generation += 1
        self._report(costs, len(chosen), time.monotonic() - began)

    def _costs(self, candidates: FloatArray, windows: list[TrainingWindow]) -> FloatArray:
        """Return J over the machine-minutes that just serve the load, averaged over windows."""
        weights = np.einsum("ij,pjk->kpi", self.whitening, candidates[:, :-1])
        matrix = weights.reshape(-1, len(INPUTS)).astype(np.float32)
        bias = candidates[:, -1].T.reshape(-1, 1).astype(np.float32)
        count = len(candidates)
        total = np.zeros(count)
        for window in windows:
            outputs = matrix @ window.inputs + bias
            wanted, spread = outputs[:count] + window.level, outputs[count:]
            costs = score_bands(
                wanted, spread, window.load, window.start, window.rules, window.clock
            )
            total += costs / window.needed
        return total / len(windows)

    def _report(self, costs: FloatArray, windows: int, seconds: float) -> None:
        """Report minus J over the least possible machine-minutes as the reward of an episode."""
        options, reporter = self.options, self.job.reporter
        steps = options.population * windows * options.window_minutes
        step = self.generation * steps
        mean, best = -float(costs.mean()), -float(costs.min())
        self.curve.append([step, mean, -float(costs[0])])
        reporter.training(episode=self.generation, total_reward=mean, step=step)
        reporter.testing(episode=self.generation, total_reward=-float(costs[0]), step=step)
        values = {"episode_reward_mean": mean, "episode_reward_max": best}
        values |= {"environment_steps": float(step), "steps_per_second": steps / max(seconds, 1e-9)}
        reporter.metrics(values, step=step)
        reporter.advance(self.generation)

    def _save(self) -> None:
        arrays = {"centre": self.centre, "deviation": self.deviation}
        meta = {"generation": self.generation, "curve": self.curve}
        self.job.checkpoints.save(self.generation, arrays, meta)

    def _stopped(self) -> TrainedPolicy:
        if self.generation == 0:
            raise TrainingStopped("stopped before the first generation ended")
        self._save()
        return self._result(stopped=True)

    def _result(self, *, stopped: bool) -> TrainedPolicy:
        golden = np.concatenate([window.golden for window in self.pool])
        figures: dict[str, Any] = {
            "generations": self.generation,
            "environment_minutes": int(self.curve[-1][0]) if self.curve else 0,
            "curve": self.curve,
            "stopped": stopped,
        }
        return TrainedPolicy(policy=self._policy(), golden_observations=golden, figures=figures)

    def _policy(self) -> Policy:
        weights = np.zeros((SIZE, 2), np.float32)
        weights[_COLUMNS] = self.whitening @ self.centre[:-1]
        return Policy((weights,), (self.centre[-1].astype(np.float32),), head="band")


def _settings(job: TrainingJob) -> AutoScalingSettings:
    environment = dict(job.preset.environment)
    if environment.pop("id") != AUTOSCALING or environment["profile"] != "default":
        raise UserError(
            "toolkit cem trains the profile default of AutoScaling-v0 alone: set "
            'toolkit = "sb3" for another environment'
        )
    return AutoScalingSettings(**environment)


def _whitening(pool: list[TrainingWindow]) -> FloatArray:
    """Return the matrix that turns inputs into uncorrelated ones of unit variance.

    A diagonal distribution over the weights of such inputs is a sensible one; directions without
    variance get none.
    """
    inputs = np.concatenate([window.inputs[:, ::10] for window in pool], axis=1)
    values, vectors = np.linalg.eigh(np.cov(inputs.astype(np.float64)))
    scale: FloatArray = vectors / np.sqrt(np.maximum(values, 1e-4 * values.max()))
    return scale


def _start(whitening: FloatArray) -> FloatArray:
    """Return the first centre: a rule of thumb, recent and forecast peaks plus some headroom."""
    weights = np.array([_START.get(name, 0.0) for name in INPUTS])
    centre = np.zeros((len(INPUTS) + 1, 2))
    centre[:-1, 0] = np.linalg.lstsq(whitening, weights, rcond=None)[0]
    centre[-1] = 0.05
    return centre
