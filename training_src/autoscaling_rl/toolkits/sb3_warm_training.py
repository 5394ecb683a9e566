"""PPO that goes on from a policy of toolkit hindsight, on stretches of load shared by groups."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from stable_baselines3 import PPO

from autoscaling_rl.controller.features import SIZE
from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.environment_factory import AUTOSCALING
from autoscaling_rl.environments.dynamics import LONGEST_WARMUP
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.errors import UserError
from autoscaling_rl.toolkits.base import TrainedPolicy, TrainingJob, seeds
from autoscaling_rl.toolkits.hindsight import golden_features
from autoscaling_rl.toolkits.sb3_band_policy import BandPolicy, give_weights, take_weights
from autoscaling_rl.toolkits.sb3_buffer import SharedLoadBuffer
from autoscaling_rl.toolkits.sb3_model import make_model
from autoscaling_rl.toolkits.sb3_segments import INITIAL, POOL, TEST, SegmentedTraining
from autoscaling_rl.toolkits.sb3_shared_loads import SharedLoadEnv
from autoscaling_rl.toolkits.sb3_stretches import held_out, run_policy, training_pool
from autoscaling_rl.toolkits.sb3_vector import TrainingEnv


class WarmTraining(SegmentedTraining):
    """A training that begins with a policy of toolkit hindsight.

    The policy is tested alone, without its bank, on stretches of load that are held out; the best
    one met is kept, the start included.

    Args:
        job: what to train.
        start: the policy.

    Raises:
        UserError: if the policy, the environment or the options do not fit, with the remedy.
    """

    remedy = "training.warm_learning_rate"

    def __init__(self, job: TrainingJob, start: Policy) -> None:
        _check_policy(start)
        self.start, self.settings = start, _settings(job)
        _check_groups(job.preset.training.n_envs, job.preset.training.shared_loads)
        super().__init__(job, job.preset.training.after_hindsight())

    def _build(self) -> tuple[TrainingEnv, PPO]:
        options, job, settings = self.options, self.job, self.settings
        group = options.shared_loads
        first, second = seeds(job.seed, POOL, count=2)
        self.pool = training_pool(options.warm_series, settings, first, job.load_path)
        self.tests = held_out(options.warm_tests, settings, second, job.load_path)
        env = SharedLoadEnv(
            self.pool,
            self.start,
            settings,
            count=options.n_envs,
            group=group,
            minutes=options.n_steps,
        )
        model = make_model(
            env,
            options,
            seeds(job.seed, INITIAL)[0],
            policy=BandPolicy,
            policy_kwargs={
                "net_arch": [weight.shape[1] for weight in self.start.weights[:-1]],
                "log_std_init": float(np.log(options.exploration)),
                "ortho_init": False,
            },
            rollout_buffer_class=SharedLoadBuffer,
            rollout_buffer_kwargs={"shared_loads": group, "unseen": LONGEST_WARMUP},
        )
        take_weights(model, self.start)
        return env, model

    def run(self) -> TrainedPolicy:
        """Train as `SegmentedTraining.run` does; a job that is stopped early gives its start back.

        Raises:
            UserError: if training diverged.
        """
        trained = super().run()
        figures = dict(trained.figures)
        figures["start_return"] = figures["curve"][0][2]
        self.job.reporter.message(
            f"part of the gap left open on held-out load: {-figures['start_return']:.4f} at the"
            f" start, {-figures['test_return']:.4f} of the policy that is kept"
        )
        return replace(trained, figures=figures)

    def _begin_from(self, folder: Path) -> None:
        """Test the start, so that whatever is kept is at least as good."""
        self._test()

    def _policy(self) -> Policy:
        try:
            return give_weights(self.model, self.start)
        except ValueError as error:
            raise self._diverged() from error

    def _returns(self, policy: Policy) -> NDArray[np.float64]:
        return run_policy(policy, self.tests, self.settings)

    def _golden(self, policy: Policy) -> NDArray[np.float32]:
        return golden_features(self.pool, np.random.default_rng(seeds(self.job.seed, TEST)[0]))


def _check_policy(policy: Policy) -> None:
    if policy.members > 1:
        raise UserError(
            f"the artifact in channel `checkpoint` averages {policy.members} networks and PPO goes"
            " on with one: train it with toolkit hindsight and training.networks = 1"
        )
    if policy.inputs != SIZE or policy.head != "band_nearest":
        raise UserError(
            f"the policy in channel `checkpoint` takes {policy.inputs} numbers to the head"
            f" {policy.head!r}, this version {SIZE} to 'band_nearest': train it again with toolkit"
            " hindsight"
        )


def _check_groups(environments: int, group: int) -> None:
    if environments % group:
        raise UserError(
            f"training.n_envs is {environments}, which groups of training.shared_loads ="
            f" {group} do not divide: set n_envs to a multiple, e.g."
            f" {-(-environments // group) * group}"
        )


def _settings(job: TrainingJob) -> AutoScalingSettings:
    environment = dict(job.preset.environment)
    if environment.pop("id") != AUTOSCALING or environment["profile"] != "default":
        raise UserError(
            "the policy in channel `checkpoint` is one of toolkit hindsight, for the profile"
            " default of AutoScaling-v0: set environment to it, or leave the channel away"
        )
    return AutoScalingSettings(**environment)
