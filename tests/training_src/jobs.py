"""Small training jobs and a small policy for the tests of this room."""

import io
import json
from itertools import pairwise
from pathlib import Path

import numpy as np

from autoscaling_rl.artifact import write_artifact
from autoscaling_rl.checkpoints import Checkpoints
from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.metrics import Reporter
from autoscaling_rl.presets import load_preset
from autoscaling_rl.toolkits import TrainingJob

TINY = {
    "environment.id": "CartPole-v1",
    "steps": 1024,
    "n_envs": 4,
    "n_steps": 64,
    "batch_size": 128,
    "epochs": 2,
    "segment_steps": 512,
    "hidden": [16],
    "test_episodes": 4,
}

TINY_PRESET = """toolkit = "sb3"
[environment]
id = "CartPole-v1"
[training]
steps = 1024
n_envs = 4
n_steps = 64
batch_size = 128
epochs = 2
segment_steps = 512
hidden = [16]
test_episodes = 4
"""


def sb3_preset(folder: Path, **changes):
    """Write a preset for the toolkit sb3 that differs from `TINY_PRESET` by hyperparameters."""
    path = folder / "tiny.toml"
    path.write_text(TINY_PRESET)
    texts = {name: json.dumps(value) for name, value in changes.items()}
    return load_preset(path, texts)


def sb3_job(folder: Path, *, preset=None, checkpoints="checkpoints", **parts):
    """Return a job whose reporter writes to nowhere, unless another is among its parts."""
    nowhere = Reporter(output=io.StringIO(), messages=io.StringIO())
    return TrainingJob(
        preset=preset or sb3_preset(folder),
        checkpoints=Checkpoints(folder / checkpoints),
        **{"reporter": nowhere, **parts},
    )


def small_policy(head="discrete", *, inputs=4, outputs=3, seed=0, **parts):
    """Return a random policy with one hidden layer."""
    rng = np.random.default_rng(seed)
    sizes = (inputs, 8, outputs)
    weights = tuple(rng.normal(size=(a, b)).astype(np.float32) for a, b in pairwise(sizes))
    biases = tuple(rng.normal(size=size).astype(np.float32) for size in sizes[1:])
    return Policy(weights=weights, biases=biases, head=head, **parts)


def observations(count=200, *, inputs=4, seed=1):
    """Return random observations, shape (count, inputs)."""
    return np.random.default_rng(seed).normal(size=(count, inputs)).astype(np.float32)


def weights(policy):
    """Return the bytes of each array of a policy."""
    return {name: array.tobytes() for name, array in policy.arrays().items()}


def stop_after(asks):
    """Return a `stop` that answers yes from the given call on."""
    calls = iter(range(10**9))
    return lambda: next(calls) >= asks


def cartpole_model(folder, trained):
    """Write the artifact of a policy that was trained on CartPole."""
    write_artifact(
        folder,
        policy=trained.policy,
        environment={"id": "CartPole-v1"},
        preset={},
        seed=0,
        golden_observations=trained.golden_observations,
        figures={},
    )
    return folder
