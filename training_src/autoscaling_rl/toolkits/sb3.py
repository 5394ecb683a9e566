"""Toolkit `sb3`: proximal policy optimisation by Stable-Baselines3 for any Gymnasium environment.

The channel `checkpoint` may hold an artifact to start from: one of this toolkit with the same
layers, or one of toolkit hindsight, which is then refined in groups of environments that share
their loads (see `sb3_warm_training`).

PyTorch takes seconds to import and may not be installed: it is imported when training starts.
"""

from pathlib import Path
from typing import ClassVar

from autoscaling_rl.artifact import load_policy
from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.errors import UserError
from autoscaling_rl.toolkits.base import TrainedPolicy, TrainingJob
from autoscaling_rl.toolkits.sb3_options import Sb3Options


class Sb3Toolkit:
    """Trains by PPO; see `Sb3Options`."""

    Options: ClassVar[type[Sb3Options]] = Sb3Options

    def train(self, job: TrainingJob) -> TrainedPolicy:
        """Train from the latest checkpoint, or from the start, to the end.

        Raises:
            UserError: for a missing PyTorch, spaces that PPO's network does not fit, training that
                diverged, or instances that lost each other.
            TrainingStopped: if the job was asked to stop before the first segment ended.
        """
        start = _hindsight_policy(job.warm_start) if job.warm_start else None
        try:
            from autoscaling_rl.toolkits.sb3_training import Training
        except ImportError as error:
            missing = error.name or str(error)
            raise UserError(
                f"toolkit sb3 needs {missing}, which is not installed: run `make setup-sb3`, or use"
                " a preset of the toolkit cem"
            ) from error
        if start is None:
            with Training(job) as training:
                return training.run()
        from autoscaling_rl.toolkits.sb3_warm_training import WarmTraining

        with WarmTraining(job, start) as warm:
            return warm.run()


def _hindsight_policy(folder: Path) -> Policy | None:
    """Return the policy of an artifact, if it is one of toolkit hindsight."""
    policy = load_policy(folder)
    if not getattr(policy, "fixed_point", False):
        return None
    # As one of our own class: the artifact's may be of another version.
    return Policy.from_arrays(policy.arrays(), policy.specification())


TOOLKIT = Sb3Toolkit()
