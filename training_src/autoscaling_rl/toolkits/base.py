"""What a toolkit gets and gives: the one interface behind which every training algorithm stands.

Training is cut into segments. At the start of each one every environment is reset and every
generator seeded anew from (seed, segment), in an uninterrupted run too; at its end a checkpoint is
written. A resumed job therefore computes the same bits as one that was never stopped.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.errors import UserError

if TYPE_CHECKING:
    from autoscaling_rl.checkpoints import Checkpoints
    from autoscaling_rl.metrics import Reporter
    from autoscaling_rl.presets import Preset


class TrainingStopped(Exception):
    """SIGTERM came before there was any policy worth keeping."""


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """Everything that a toolkit may use.

    Attributes:
        preset: effective settings; `preset.training` is an instance of the toolkit's `Options`.
        checkpoints: where segments are saved and where the latest one is found.
        reporter: metric lines, TensorBoard events and the progress bar.
        stop: True once SIGTERM asked the job to end; ask at least every few seconds.
        hosts: names of the instances of the training cluster.
        current_host: name of this one.
        network_interface: that the instances talk by; empty: any.
        load_path: CSV file of the channel `load`, or None: the environment's own load.
        warm_start: folder of a verified artifact (channel `checkpoint`) to start from, or None.
    """

    preset: "Preset"
    checkpoints: "Checkpoints"
    reporter: "Reporter"
    stop: Callable[[], bool] = lambda: False
    hosts: tuple[str, ...] = ("localhost",)
    current_host: str = "localhost"
    network_interface: str = ""
    load_path: Path | None = None
    warm_start: Path | None = None

    @property
    def seed(self) -> int:
        """Seed of everything random in the job."""
        return self.preset.seed


@dataclass(frozen=True, kw_only=True)
class TrainedPolicy:
    """What training ends with.

    Attributes:
        policy: the best policy found.
        golden_observations: shape (n, observations), n >= 64, float32, as met in the environment.
        figures: JSON values about the training, kept in the manifest.
    """

    policy: Policy
    golden_observations: NDArray[np.float32]
    figures: Mapping[str, Any] = field(default_factory=dict)


class Toolkit(Protocol):
    """A training algorithm with its options; a module offers one as `TOOLKIT`."""

    # The frozen dataclass of the preset's table [training]: defaults, units and ranges.
    Options: ClassVar[type[Any]]

    def train(self, job: TrainingJob) -> TrainedPolicy:
        """Train from the latest checkpoint, or from the start, to the end.

        Raises:
            UserError: for settings that cannot work, with the remedy.
            TrainingStopped: if the job was asked to stop before there was any policy.
        """


def refuse_several_hosts(toolkit: str, hosts: tuple[str, ...]) -> None:
    """Refuse a cluster for a toolkit that cannot share work between instances.

    Raises:
        UserError: if there is more than one host.
    """
    if len(hosts) > 1:
        raise UserError(
            f"toolkit {toolkit} trains in one process and cannot share work: {len(hosts)} instances"
            " would train the same policy several times; set instance_count to 1, or use toolkit"
            " sb3, which shares its steps"
        )


def tell_of_idle_gpu(job: TrainingJob, reason: str) -> None:
    """Say that the instance's GPU is paid for and not used, if it has one.

    Args:
        job: that does not use it.
        reason: why.
    """
    if os.environ.get("SM_NUM_GPUS", "0").strip() not in ("", "0"):
        job.reporter.message(f"the GPU of this instance is idle: {reason}")


def seeds(seed: int, *path: int, count: int = 1) -> list[int]:
    """Return `count` seeds below 2**31 that depend on the job's seed and a path, e.g. a segment."""
    words = np.random.SeedSequence([seed, *path]).generate_state(count, np.uint32)
    return [int(word) >> 1 for word in words]
