"""One training job of Stable-Baselines3's PPO, segment by segment, to be resumed exactly.

`PPO.learn` is not used: it knows neither segments nor a stop between two rollouts. Its two halves
are, unchanged: `collect_rollouts` and `train`.
"""

import time
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback

from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.environment_factory import make_vector_environment
from autoscaling_rl.errors import UserError
from autoscaling_rl.toolkits import sb3_state
from autoscaling_rl.toolkits.base import TrainedPolicy, TrainingJob, TrainingStopped, seeds
from autoscaling_rl.toolkits.best import Best
from autoscaling_rl.toolkits.episodes import golden_observations, run_episodes
from autoscaling_rl.toolkits.sb3_model import check_spaces, make_model
from autoscaling_rl.toolkits.sb3_options import Sb3Options
from autoscaling_rl.toolkits.sb3_vector import VectorAdapter
from autoscaling_rl.toolkits.statistics import ObservationScaler, RewardScaler

# After SIGTERM a segment may still end within this time, so that nothing of it is lost; SageMaker
# kills the job after 120 s.
GRACE_SECONDS = 30.0
_REPORTS = 50  # rounds of metric lines in a whole training
_INITIAL, _SEGMENT, _TEST = range(3)  # what seeds are for
_LOSSES = {
    "loss": "train/loss",
    "policy_loss": "train/policy_gradient_loss",
    "value_loss": "train/value_loss",
    "approximate_kl": "train/approx_kl",
    "explained_variance": "train/explained_variance",
    "learning_rate": "train/learning_rate",
}


class _Silent(BaseCallback):
    """The callback that `collect_rollouts` insists on; progress is reported per rollout instead."""

    def _on_step(self) -> bool:
        return True


class Training:
    """The state of a job; a context manager that closes its environments.

    Args:
        job: what to train.

    Raises:
        UserError: if the environment cannot be made, or PPO's network does not fit it.
    """

    def __init__(self, job: TrainingJob) -> None:
        self.job = job
        self.options: Sb3Options = job.preset.training
        torch.set_num_threads(1)  # small matrices: handing work to threads costs more than it saves
        environment, options = job.preset.environment, self.options
        load = job.load_path
        self.test_env = make_vector_environment(environment, options.test_episodes, load_path=load)
        size = check_spaces(
            self.test_env.single_observation_space, self.test_env.single_action_space
        )
        self.scaler = ObservationScaler(size, enabled=options.normalise_observations)
        self.rewards = RewardScaler(
            options.n_envs,
            scale=options.reward_scale,
            gamma=options.gamma,
            enabled=options.normalise_rewards,
        )
        env = make_vector_environment(
            environment, options.n_envs, load_path=load, episode_steps=options.episode_steps
        )
        self.env = VectorAdapter(env, observations=self.scaler, rewards=self.rewards)
        self.model = make_model(self.env, options, seeds(job.seed, _INITIAL)[0])
        self.callback = _Silent()
        self.callback.init_callback(self.model)
        self.best = Best()
        self.segment = 0  # segments that have ended
        self.episodes = 0
        self._stop_at = float("inf")

    def __enter__(self) -> "Training":
        """Return the training."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the environments."""
        self.env.close()
        self.test_env.close()

    def run(self) -> TrainedPolicy:
        """Train to the end, or until the job is asked to stop, and return the best policy.

        Raises:
            UserError: if training diverged.
            TrainingStopped: if there is no policy yet.
        """
        self._restore()
        segments = self.options.segments
        total = sum(segments) * self.options.rollout
        self.job.reporter.start(total, done=self.model.num_timesteps)
        started, first = time.monotonic(), self.model.num_timesteps
        while self.segment < len(segments) and not self.job.stop():
            if not self._run_segment(segments[self.segment], total):
                break
            self.segment += 1
            self._test()
            self._save()
        if self.best.policy is None:
            raise TrainingStopped("stopped before the first checkpoint: there is no policy to keep")
        seconds = time.monotonic() - started
        observations = golden_observations(self.test_env, self.best.policy, self._test_seed())
        return TrainedPolicy(
            policy=self.best.policy,
            golden_observations=observations,
            figures={
                **self.best.figures(),
                "steps": self.model.num_timesteps,
                "episodes": self.episodes,
                "stopped": self.segment < len(segments),
                "seconds": round(seconds, 3),
                "steps_per_second": round((self.model.num_timesteps - first) / max(seconds, 1e-9)),
            },
        )

    def _run_segment(self, rollouts: int, total: int) -> bool:
        """Train for one segment; False if the job was asked to stop and the segment is given up."""
        first, second, third = seeds(self.job.seed, _SEGMENT, self.segment, count=3)
        torch.manual_seed(first)
        np.random.seed(second)  # Stable-Baselines3 shuffles minibatches by the global generator
        model = self.model
        model._last_obs = self.env.begin(third)
        model._last_episode_starts = np.ones(self.options.n_envs, bool)
        every = max(1, sum(self.options.segments) // _REPORTS)
        for rollout in range(1, rollouts + 1):
            if self._must_stop():
                return False
            began = time.monotonic()
            self._learn(total)
            self.job.reporter.advance(model.num_timesteps)
            if model.num_timesteps // self.options.rollout % every == 0 or rollout == rollouts:
                self._report(self.options.rollout / max(time.monotonic() - began, 1e-9))
        return True

    def _learn(self, total: int) -> None:
        """Collect one rollout and learn from it."""
        model = self.model
        try:
            model.collect_rollouts(
                self.env, self.callback, model.rollout_buffer, self.options.n_steps
            )
            # As in `PPO.learn`: schedules see the share that remains after this rollout.
            model._update_current_progress_remaining(model.num_timesteps, total)
            model.train()
        except ValueError as error:  # distributions refuse weights that are not finite
            if sb3_state.is_finite(model):
                raise
            raise self._diverged() from error
        if not sb3_state.is_finite(model):
            raise self._diverged()

    def _diverged(self) -> UserError:
        return UserError(
            f"training diverged at step {self.model.num_timesteps}: weights are no finite numbers;"
            " lower training.learning_rate or training.reward_scale; the last checkpoint is kept"
        )

    def _must_stop(self) -> bool:
        if self._stop_at == float("inf") and self.job.stop():
            self._stop_at = time.monotonic() + GRACE_SECONDS
        return time.monotonic() > self._stop_at

    def _report(self, speed: float) -> None:
        step, reporter = self.model.num_timesteps, self.job.reporter
        returns = self.env.take_returns()
        values: dict[str, float] = {}
        if len(returns):
            self.episodes += len(returns)
            mean = float(returns.mean())
            self.best.training_return = mean
            reporter.training(episode=self.episodes, total_reward=mean, step=step)
            values = {"episode_reward_mean": mean, "episode_reward_max": float(returns.max())}
        logged: dict[str, Any] = self.model.logger.name_to_value
        values |= {name: float(logged[key]) for name, key in _LOSSES.items() if key in logged}
        values["entropy"] = -float(logged.get("train/entropy_loss", 0.0))
        values |= {"environment_steps": float(step), "steps_per_second": speed}
        reporter.metrics(values, step=step)

    def _test(self) -> None:
        """Run the test episodes with the present policy and keep it if it is the best so far."""
        policy = self._policy()
        returns = run_episodes(self.test_env, policy, self._test_seed()).returns
        mean, step = float(returns.mean()), self.model.num_timesteps
        self.job.reporter.testing(episode=self.segment * len(returns), total_reward=mean, step=step)
        self.best.offer(policy, score=mean, step=step)

    def _policy(self) -> Policy:
        environment = self.job.preset.environment
        return sb3_state.export_policy(
            self.model, self.scaler, environment, self.options.activation
        )

    def _test_seed(self) -> int:
        return seeds(self.job.seed, _TEST)[0]

    def _save(self) -> None:
        arrays = sb3_state.model_arrays(self.model)
        arrays |= self.scaler.moments.state("observations")
        arrays |= self.rewards.moments.state("rewards")
        arrays |= self.best.arrays()
        meta = {
            "steps": self.model.num_timesteps,
            "updates": self.model._n_updates,
            "episodes": self.episodes,
            "best": self.best.meta(),
        }
        self.job.checkpoints.save(self.segment, arrays, meta)

    def _restore(self) -> None:
        """Go on from the latest checkpoint, or else from the artifact in the channel."""
        checkpoint = self.job.checkpoints.latest()
        if checkpoint is None:
            if self.job.warm_start is not None:
                folder, activation = self.job.warm_start, self.options.activation
                sb3_state.warm_start(self.model, self.scaler, folder, activation)
            return
        sb3_state.restore_model(self.model, checkpoint.arrays)
        self.scaler.moments.restore("observations", checkpoint.arrays)
        self.rewards.moments.restore("rewards", checkpoint.arrays)
        self.best.restore(checkpoint.arrays, checkpoint.meta["best"])
        self.segment = checkpoint.step
        self.model.num_timesteps = checkpoint.meta["steps"]
        self.model._n_updates = checkpoint.meta["updates"]
        self.episodes = checkpoint.meta["episodes"]
        self.job.reporter.message(
            f"resumed from checkpoint {self.segment} of {len(self.options.segments)}"
        )
