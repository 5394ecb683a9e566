"""Artifacts with an untrained policy, in the form of the default preset: what benchmarks ask."""

from pathlib import Path

import numpy as np

from autoscaling_rl.artifact import write_artifact
from autoscaling_rl.controller.features import SIZE
from autoscaling_rl.controller.members import BankSettings
from autoscaling_rl.controller.policy import GRID, Policy
from autoscaling_rl.toolkits.hindsight_options import HindsightOptions
from autoscaling_rl.toolkits.network import Network


def write_bank_model(folder: Path) -> None:
    """Write an artifact of AutoScaling-v0 with a network in fixed point and a bank."""
    rng = np.random.default_rng(0)
    parts = Network(rng, SIZE, HindsightOptions().hidden, 2).parameters
    parts["bias_2"][:] = 0.12, 0.1
    for name in ("weight_0", "skip"):
        parts[name][1] = 0.0  # the fleet
    rounded = {
        name: (np.rint(values.astype(np.float64) * GRID) / GRID).astype(np.float32)
        for name, values in parts.items()
    }
    policy = Policy(
        weights=tuple(rounded[f"weight_{layer}"] for layer in range(3)),
        biases=tuple(rounded[f"bias_{layer}"] for layer in range(3)),
        head="band_nearest",
        activation="hard_swish",
        skip=rounded["skip"],
        clip=6.0,
        fixed_point=True,
        bank=BankSettings().specification(),
    )
    write_artifact(
        folder,
        policy=policy,
        environment={"id": "AutoScaling-v0", "profile": "default"},
        preset={"toolkit": "hindsight"},
        seed=0,
        golden_observations=rng.normal(size=(100, SIZE)).astype(np.float32),
        figures={},
    )
