"""One training job of Stable-Baselines3's PPO, segment by segment, to be resumed exactly.

`PPO.learn` is not used: it knows neither segments nor a stop between two rollouts. Its two halves
are, unchanged: `collect_rollouts` and `train`.
"""

import contextlib
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.errors import UserError
from autoscaling_rl.toolkits import sb3_state
from autoscaling_rl.toolkits.base import (
    TrainedPolicy,
    TrainingJob,
    TrainingStopped,
    seeds,
    tell_of_idle_gpu,
)
from autoscaling_rl.toolkits.best import Best
from autoscaling_rl.toolkits.episodes import GivenUp
from autoscaling_rl.toolkits.grace import Grace
from autoscaling_rl.toolkits.sb3_cluster import Cluster
from autoscaling_rl.toolkits.sb3_options import Sb3Options
from autoscaling_rl.toolkits.sb3_vector import TrainingEnv
from autoscaling_rl.toolkits.statistics import RunningMoments

# After SIGTERM a segment and its test may still end within this time, so that nothing of them is
# lost; what runs then is given up, since SageMaker kills the job after 120 s.
GRACE_SECONDS = 30.0
_REPORTS = 50  # rounds of metric lines in a whole training
INITIAL, SEGMENT, TEST, POOL = range(4)  # what seeds are for


class _Interruption(BaseCallback):
    """Cuts a rollout once the job has to stop; progress is reported per rollout instead."""

    def __init__(self, grace: Grace) -> None:
        super().__init__()
        self.grace = grace

    def _on_step(self) -> bool:
        return not self.grace.over_meanwhile()


class SegmentedTraining(ABC):
    """The state of a job; a context manager that closes its environments.

    A subclass says what is trained on, and what from.

    Args:
        job: what to train.
        options: of the training.

    Attributes:
        env: environments to train in.
        model: network and optimiser.
        best: the best policy that was tested.
        segments: rollouts of each segment.
        segment: segments that have ended.
        tested: whether the last one was tested, too.

    Raises:
        UserError: if the environment cannot be made, or PPO's network does not fit it.
    """

    longest_episode = 0  # steps; 0: not known, or episodes end with each rollout anyway
    remedy = "training.learning_rate or training.reward_scale"  # to lower if training diverges

    def __init__(self, job: TrainingJob, options: Sb3Options) -> None:
        _check_shared(options, len(job.hosts))
        self.cluster = Cluster(job)
        self.job, self.options = job, options.shared_by(self.cluster.size)
        torch.set_num_threads(1)  # small matrices: handing work to threads costs more than it saves
        self.env, self.model = self._build()
        self.cluster.share_gradients(self.model.policy.parameters())
        self.grace = Grace(job.stop, GRACE_SECONDS)
        self.callback = _Interruption(self.grace)
        self.callback.init_callback(self.model)
        self.best = Best()
        self.segments = self.options.segments(self.longest_episode)
        self.segment, self.tested = 0, True
        self.episodes = 0
        self._told_of_no_end = False

    @abstractmethod
    def _build(self) -> tuple[TrainingEnv, PPO]:
        """Return the environments to train in and the untrained model."""

    @abstractmethod
    def _begin_from(self, folder: Path) -> None:
        """Take over the policy of the artifact in the channel `checkpoint`."""

    @abstractmethod
    def _policy(self) -> Policy:
        """Return the present policy, without exploration."""

    @abstractmethod
    def _returns(self, policy: Policy) -> NDArray[np.float64]:
        """Return the returns of the test episodes, the same ones in every test.

        Raises:
            GivenUp: if the job had to stop meanwhile.
        """

    @abstractmethod
    def _golden(self, policy: Policy) -> NDArray[np.float32]:
        """Return observations for the artifact, shape (n, observations)."""

    def _statistics(self) -> dict[str, NDArray[Any]]:
        """Return what a checkpoint keeps beside the model."""
        return {}

    def _restore_statistics(self, arrays: dict[str, NDArray[Any]]) -> None:  # noqa: B027
        """Take over what `_statistics` returned."""

    def _moments(self) -> list[RunningMoments]:
        """Return the running statistics, which all instances share."""
        return []

    def close(self) -> None:
        """Close the environments."""
        self.env.close()
        self.cluster.close()

    def __enter__(self) -> Self:
        """Return the training."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the environments."""
        self.close()

    def run(self) -> TrainedPolicy:
        """Train to the end, or until the job is asked to stop, and return the best policy.

        Raises:
            UserError: if training diverged.
            TrainingStopped: if there is no policy yet.
        """
        self._restore()
        self.cluster.check_same(2 * self.segment + self.tested, "checkpoints to go on from")
        self.cluster.join(self._moments())
        instances = self.cluster.size
        total = sum(self.segments) * self.options.rollout
        self._tell_device()
        self.job.reporter.start(total * instances, done=self._steps)
        started, first = time.monotonic(), self._steps
        self._run_segments(total)
        if self.best.policy is None:
            missed = "test had ended" if self.segment else "checkpoint"
            raise TrainingStopped(f"stopped before the first {missed}: there is no policy to keep")
        seconds = time.monotonic() - started
        return TrainedPolicy(
            policy=self.best.policy,
            golden_observations=self._golden(self.best.policy),
            figures={
                **self.best.figures(),
                "device": self.model.device.type,
                "instances": instances,
                "steps": self._steps,
                "episodes": self.episodes,
                "stopped": self.segment < len(self.segments) or not self.tested,
                "seconds": round(seconds, 3),
                "steps_per_second": round((self._steps - first) / max(seconds, 1e-9)),
            },
        )

    def _run_segments(self, total: int) -> None:
        """Train to the end, or until the job is asked to stop."""
        if not self.tested and not self._finish_segment():
            return
        while self.segment < len(self.segments) and not self.cluster.any(self.job.stop()):
            if not self._run_segment(self.segments[self.segment], total):
                return
            self.segment += 1
            if not self._finish_segment():
                return

    def _finish_segment(self) -> bool:
        """Test and save; False if the test was given up, which a resumed job then begins with."""
        self.tested = self._test()
        self._save()
        return self.tested

    def _tell_device(self) -> None:
        if self.model.device.type == "cuda":
            name = torch.cuda.get_device_name(self.model.device)
            self.job.reporter.message(f"networks are computed on the GPU, {name}")
        elif self.options.device == "cpu":
            tell_of_idle_gpu(self.job, 'training.device is "cpu"')
        else:
            tell_of_idle_gpu(self.job, "this PyTorch cannot use it; see docs/image.md")

    def _run_segment(self, rollouts: int, total: int) -> bool:
        """Train for one segment; False if the job was asked to stop and the segment is given up."""
        path = (SEGMENT, self.segment, *self.cluster.path)
        first, second, third = seeds(self.job.seed, *path, count=3)
        torch.manual_seed(first)
        np.random.seed(second)  # Stable-Baselines3 shuffles minibatches by the global generator
        model = self.model
        model._last_obs = self.env.begin(third)
        model._last_episode_starts = np.ones(self.options.n_envs, bool)
        every, before = max(1, sum(self.segments) // _REPORTS), self.episodes
        for rollout in range(1, rollouts + 1):
            if self.cluster.any(self.grace.over()):
                return False
            began = time.monotonic()
            if not self._learn(total):
                return False
            self.job.reporter.advance(self._steps)
            if model.num_timesteps // self.options.rollout % every == 0 or rollout == rollouts:
                steps = self.options.rollout * self.cluster.size
                self._report(steps / max(time.monotonic() - began, 1e-9))
        if self.episodes == before:
            self._tell_of_no_end(rollouts)
        return True

    def _tell_of_no_end(self, rollouts: int) -> None:
        """Say once that no episode ended in a segment: training would go on without a word."""
        if self._told_of_no_end:
            return
        self._told_of_no_end = True
        each = rollouts * self.options.n_steps
        self.job.reporter.message(
            f"warning: no episode ended in a segment, {each:,} steps of each environment, and the"
            " next one begins new episodes: what an episode's end brings is not learnt; raise"
            " training.segment_steps (and training.steps, if they are fewer), or cut episodes by"
            " training.episode_steps"
        )

    def _learn(self, total: int) -> bool:
        """Collect one rollout and learn from it; False if it was cut, since the job has to stop."""
        model = self.model
        try:
            whole = model.collect_rollouts(
                self.env, self.callback, model.rollout_buffer, self.options.n_steps
            )
            if self.cluster.any(not whole):
                return False
            self.cluster.join(self._moments())
            # As in `PPO.learn`: schedules see the share that remains after this rollout.
            model._update_current_progress_remaining(model.num_timesteps, total)
            model.train()
        except ValueError as error:  # distributions refuse weights that are not finite
            if sb3_state.is_finite(model):
                raise
            raise self._diverged() from error
        if not sb3_state.is_finite(model):
            raise self._diverged()
        self.cluster.check_weights(model.policy.parameters())
        return True

    def _diverged(self) -> UserError:
        return UserError(
            f"training diverged at step {self._steps}: weights are no finite numbers;"
            f" lower {self.remedy}; the last checkpoint is kept"
        )

    @property
    def _steps(self) -> int:
        """Environment steps so far, of all instances."""
        return int(self.model.num_timesteps) * self.cluster.size

    def _report(self, speed: float) -> None:
        step, reporter = self._steps, self.job.reporter
        returns = self.env.take_returns()
        values: dict[str, float] = {}
        count, total = self.cluster.total([len(returns), returns.sum()]).tolist()
        best = self.cluster.most(float(returns.max(initial=-np.inf)))
        if count:
            self.episodes += int(count)
            mean = total / count
            self.best.training_return = mean
            reporter.training(episode=self.episodes, total_reward=mean, step=step)
            values = {"episode_reward_mean": mean, "episode_reward_max": best}
        values |= sb3_state.logged_metrics(self.model)
        values |= {"environment_steps": float(step), "steps_per_second": speed}
        reporter.metrics(values, step=step)

    def _test(self) -> bool:
        """Test the present policy and keep it if it is the best so far; False if it is given up."""
        policy, returns = self._policy(), np.zeros(0)
        with contextlib.suppress(GivenUp):
            returns = self._returns(policy)
        if self.cluster.any(not len(returns)):
            return False
        mean, step = float(returns.mean()), self._steps
        self.job.reporter.testing(episode=self.segment * len(returns), total_reward=mean, step=step)
        self.best.offer(policy, score=mean, step=step)
        return True

    def _save(self) -> None:
        arrays = sb3_state.model_arrays(self.model)
        arrays |= self._statistics()
        arrays |= self.best.arrays()
        meta = {
            "steps": self.model.num_timesteps,
            "updates": self.model._n_updates,
            "episodes": self.episodes,
            "best": self.best.meta(),
            "tested": self.tested,
        }
        if self.cluster.rank == 0:  # whose file all of them go on from
            self.job.checkpoints.save(self.segment, arrays, meta)

    def _restore(self) -> None:
        """Go on from the latest checkpoint, or else from the artifact in the channel."""
        checkpoint = self.job.checkpoints.latest()
        if checkpoint is None:
            if self.job.warm_start is not None:
                self._begin_from(self.job.warm_start)
            return
        if "tested" not in checkpoint.meta:
            raise UserError(
                f"checkpoint {checkpoint.step} is of an earlier version of toolkit sb3, which had"
                " other segments: use an empty checkpoint folder"
            )
        sb3_state.restore_model(self.model, checkpoint.arrays)
        self._restore_statistics(checkpoint.arrays)
        self.best.restore(checkpoint.arrays, checkpoint.meta["best"])
        self.segment, self.tested = checkpoint.step, checkpoint.meta["tested"]
        self.model.num_timesteps = checkpoint.meta["steps"]
        self.model._n_updates = checkpoint.meta["updates"]
        self.episodes = checkpoint.meta["episodes"]
        self.job.reporter.message(f"resumed from checkpoint {self.segment} of {len(self.segments)}")


def _check_shared(options: Sb3Options, instances: int) -> None:
    if instances > 1 and options.target_kl:
        raise UserError(
            f"training.target_kl is {options.target_kl:g}: {instances} instances would end their"
            " epochs at different times; set it to 0, or instance_count to 1"
        )
