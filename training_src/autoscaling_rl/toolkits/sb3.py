"""Toolkit `sb3`: proximal policy optimisation by Stable-Baselines3 for any Gymnasium environment.

PyTorch takes seconds to import and may not be installed: it is imported when training starts.
"""

from typing import ClassVar

from autoscaling_rl.errors import UserError
from autoscaling_rl.toolkits.base import TrainedPolicy, TrainingJob, refuse_several_hosts
from autoscaling_rl.toolkits.sb3_options import Sb3Options


class Sb3Toolkit:
    """Trains by PPO; see `Sb3Options`."""

    Options: ClassVar[type[Sb3Options]] = Sb3Options

    def train(self, job: TrainingJob) -> TrainedPolicy:
        """Train from the latest checkpoint, or from the start, to the end.

        Raises:
            UserError: for a cluster, a missing PyTorch, spaces that PPO's network does not fit, or
                training that diverged.
            TrainingStopped: if the job was asked to stop before the first segment ended.
        """
        refuse_several_hosts("sb3", job.hosts)
        try:
            from autoscaling_rl.toolkits.sb3_training import Training
        except ImportError as error:
            missing = error.name or str(error)
            raise UserError(
                f"toolkit sb3 needs {missing}, which is not installed: run `make setup-sb3`, or use"
                " a preset of the toolkit cem"
            ) from error
        with Training(job) as training:
            return training.run()


TOOLKIT = Sb3Toolkit()
