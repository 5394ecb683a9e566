"""Toolkit `hindsight`: a policy for AutoScaling-v0 trained by the exact gradient of J.

The load is exogenous, so a policy is trained on what would have been best in hindsight, without
exploration and without a value function: see `hindsight_gradient`. One small network serves all
failure prices, warm-ups and sizes; the bank (`controller.bank`) chooses online between it and
rules.
"""

import time
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.controller.features import SIZE
from autoscaling_rl.controller.guard import GuardSettings
from autoscaling_rl.controller.members import BankSettings
from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.environment_factory import AUTOSCALING
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.errors import UserError
from autoscaling_rl.toolkits.base import (
    TrainedPolicy,
    TrainingJob,
    TrainingStopped,
    refuse_several_hosts,
    seeds,
    tell_of_idle_gpu,
)
from autoscaling_rl.toolkits.hindsight_options import HindsightOptions
from autoscaling_rl.toolkits.hindsight_series import TrainingSeries, draw_series
from autoscaling_rl.toolkits.hindsight_training import CLIP, FLEET, NetworkTraining, Normalisation
from autoscaling_rl.toolkits.network import NAMES

GOLDEN = 256
PIECE = 50  # updates between two looks at whether the job must stop, about two seconds
_WEIGHTS, _BIASES = ("weight_0", "weight_1", "weight_2"), ("bias_0", "bias_1", "bias_2")


class HindsightToolkit:
    """Trains by the gradient of J in hindsight; see `HindsightOptions`."""

    Options: ClassVar[type[HindsightOptions]] = HindsightOptions

    def train(self, job: TrainingJob) -> TrainedPolicy:
        """Train from the latest checkpoint, or from the start, to the end.

        Raises:
            UserError: for another environment, a cluster, or an artifact to start from.
            TrainingStopped: if the job was asked to stop before the first segment ended.
        """
        refuse_several_hosts("hindsight", job.hosts)
        tell_of_idle_gpu(job, "toolkit hindsight computes on the CPU")
        if job.warm_start is not None:
            raise UserError(
                "toolkit hindsight starts from scratch: leave the channel `checkpoint` away, or"
                " use sb3"
            )
        return _Training(job).run()


TOOLKIT = HindsightToolkit()


class _Training:
    """One training: network after network, segment after segment."""

    def __init__(self, job: TrainingJob) -> None:
        self.job = job
        self.options: HindsightOptions = job.preset.training
        self.settings = _settings(job)
        self.finished: list[dict[str, NDArray[np.float32]]] = []
        self.curve: list[list[float]] = []
        self.normalisation: Normalisation | None = None
        self.golden = np.zeros((0, SIZE), np.float32)

    def run(self) -> TrainedPolicy:
        options, total = self.options, self.options.networks * self.options.steps
        checkpoint = self.job.checkpoints.latest()
        done = checkpoint.step if checkpoint else 0
        if checkpoint:
            self._restore(checkpoint.arrays, checkpoint.meta)
            self.job.reporter.message(f"resumed at update {done} of {total}")
        self.job.reporter.start(total, done=done, unit="update")
        while done < total:
            index, begun = divmod(done, options.steps)
            network = self._network(index)
            if checkpoint and begun:
                network.restore(checkpoint.arrays, begun)
            checkpoint = None
            while network.steps < options.steps:
                before, began = len(network.losses), time.monotonic()
                if not self._segment(network):
                    return self._stopped(network)
                done = index * options.steps + network.steps
                self._report(network.losses[before:], done, time.monotonic() - began)
                if network.steps == options.steps:
                    self.finished.append(network.parameters())
                self._save(network, done)
        return self._result(stopped=False)

    def _segment(self, network: NetworkTraining) -> bool:
        """Train until the next checkpoint is due; False if the job must stop before."""
        options = self.options
        end = min(network.steps + options.segment_steps, options.steps)
        while network.steps < end:
            if self.job.stop():
                return False
            network.run(min(PIECE, end - network.steps))
        return True

    def _network(self, index: int) -> NetworkTraining:
        """Return a network that has not learnt yet, with loads of its own."""
        seed = seeds(self.job.seed, index)[0]
        rng = np.random.default_rng(seeds(seed, 2)[0])
        pool = list(draw_series(self.options, self.settings, rng, self.job.load_path))
        if self.normalisation is None:
            self.normalisation = Normalisation.of(pool)
        if not len(self.golden):
            self.golden = golden_features(pool, rng)
        return NetworkTraining(
            self.options, self.settings, pool, seed=seed, normalisation=self.normalisation
        )

    def _report(self, losses: list[float], done: int, seconds: float) -> None:
        """Report minus the part of the gap left open as the return of an episode.

        Args:
            losses: of the updates since the last report, one each.
            done: updates so far.
            seconds: how long those since the last report took.
        """
        options, reporter = self.options, self.job.reporter
        reward = -float(np.mean(losses))
        update = options.windows * options.window_minutes
        step, speed = done * update, len(losses) * update / max(seconds, 1e-9)
        self.curve.append([step, reward])
        reporter.training(episode=done * options.windows, total_reward=reward, step=step)
        values = {"episode_reward_mean": reward, "loss": -reward}
        values |= {"environment_steps": float(step), "steps_per_second": speed}
        reporter.metrics(values, step=step)
        reporter.advance(done)

    def _save(self, network: NetworkTraining, done: int) -> None:
        assert self.normalisation is not None
        arrays = network.state() | {
            "mean": self.normalisation.mean,
            "scale": self.normalisation.scale,
            "golden": self.golden,
        }
        for index, weights in enumerate(self.finished):
            arrays |= {f"finished_{index}/{name}": array for name, array in weights.items()}
        meta = {"finished": len(self.finished), "curve": self.curve}
        self.job.checkpoints.save(done, arrays, meta)

    def _restore(self, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        self.normalisation = Normalisation(arrays["mean"], arrays["scale"])
        self.golden, self.curve = arrays["golden"], [list(point) for point in meta["curve"]]
        self.finished = [
            {name: arrays[f"finished_{index}/{name}"] for name in NAMES}
            for index in range(meta["finished"])
        ]

    def _stopped(self, network: NetworkTraining) -> TrainedPolicy:
        """Keep what is learnt: finished networks, or else the one in training."""
        if not network.steps and not self.finished:
            raise TrainingStopped("stopped before the first segment ended")
        if not self.finished:
            self.finished.append(network.parameters())
        return self._result(stopped=True)

    def _result(self, *, stopped: bool) -> TrainedPolicy:
        figures: dict[str, Any] = {
            "networks": len(self.finished),
            "environment_minutes": int(self.curve[-1][0]),
            "curve": self.curve,
            "stopped": stopped,
        }
        return TrainedPolicy(
            policy=self._policy(), golden_observations=self.golden, figures=figures
        )

    def _policy(self) -> Policy:
        assert self.normalisation is not None
        several = len(self.finished) > 1

        def joined(name: str) -> NDArray[np.float32]:
            arrays = [weights[name] for weights in self.finished]
            if not several:
                return arrays[0]
            return np.stack([each[None] if each.ndim == 1 else each for each in arrays])

        return Policy(
            weights=tuple(joined(name) for name in _WEIGHTS),
            biases=tuple(joined(name) for name in _BIASES),
            head="band_nearest",
            activation="hard_swish",
            mean=self.normalisation.mean,
            scale=self.normalisation.scale,
            skip=joined("skip"),
            clip=CLIP,
            fixed_point=True,
            bank=self._bank() if self.options.bank else None,
        )

    def _bank(self) -> dict[str, Any]:
        """Return what is said of the bank, whose members keep to the job's guard rails."""
        guard = GuardSettings.of(self.job.preset.guard)
        return BankSettings(peak_factor=guard.peak_factor).specification()


def golden_features(pool: list[TrainingSeries], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return features as met in training, each with some fleet, shape (n, SIZE), n >= 256."""
    each = -(-GOLDEN // len(pool))
    rows = np.concatenate(
        [series.features[rng.integers(0, len(series.features), each)] for series in pool]
    )
    machines = np.expm1(rows[:, 0]) * rng.uniform(0.5, 2.0, len(rows))
    rows[:, FLEET] = np.log1p(np.rint(machines))
    return rows


def _settings(job: TrainingJob) -> AutoScalingSettings:
    environment = dict(job.preset.environment)
    if environment.pop("id") != AUTOSCALING or environment["profile"] != "default":
        raise UserError(
            "toolkit hindsight trains the profile default of AutoScaling-v0 alone: set"
            ' toolkit = "sb3" for another environment'
        )
    return AutoScalingSettings(**environment)
