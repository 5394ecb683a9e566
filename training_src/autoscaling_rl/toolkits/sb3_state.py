"""Weights of Stable-Baselines3 as NumPy arrays and back: checkpoints, warm start, the policy.

And what it logs of its losses.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy

from autoscaling_rl.artifact import load_policy
from autoscaling_rl.controller.policy import Policy
from autoscaling_rl.environment_factory import AUTOSCALING
from autoscaling_rl.errors import UserError
from autoscaling_rl.toolkits.statistics import ObservationScaler

Arrays = dict[str, NDArray[Any]]

# A warm start brings no count of observations; its statistics weigh like this many.
_WARM_COUNT = 10_000.0
_LOSSES = {
    "loss": "train/loss",
    "policy_loss": "train/policy_gradient_loss",
    "value_loss": "train/value_loss",
    "approximate_kl": "train/approx_kl",
    "explained_variance": "train/explained_variance",
    "learning_rate": "train/learning_rate",
}


def model_arrays(model: PPO) -> Arrays:
    """Return weights and the optimiser's moments by name."""
    arrays = {f"model/{name}": _array(value) for name, value in model.policy.state_dict().items()}
    for index, moments in model.policy.optimizer.state_dict()["state"].items():
        arrays |= {f"adam/{index}/{key}": _array(value) for key, value in moments.items()}
    return arrays


def restore_model(model: PPO, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Take over what `model_arrays` returned."""
    weights = {
        name.removeprefix("model/"): torch.from_numpy(value.copy())
        for name, value in arrays.items()
        if name.startswith("model/")
    }
    model.policy.load_state_dict(weights)
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in arrays.items():
        if name.startswith("adam/"):
            _, index, key = name.split("/")
            state.setdefault(int(index), {})[key] = torch.from_numpy(value.copy())
    model.policy.optimizer.load_state_dict({**model.policy.optimizer.state_dict(), "state": state})


def logged_metrics(model: PPO) -> dict[str, float]:
    """Return what the last round of optimisation logged, by the names of our own metrics."""
    logged: dict[str, Any] = model.logger.name_to_value
    values = {name: float(logged[key]) for name, key in _LOSSES.items() if key in logged}
    return values | {"entropy": -float(logged.get("train/entropy_loss", 0.0))}


def is_finite(model: PPO) -> bool:
    """Return whether every weight is a finite number."""
    return all(bool(torch.isfinite(weight).all()) for weight in model.policy.parameters())


def export_policy(
    model: PPO, scaler: ObservationScaler, environment: Mapping[str, Any], activation: str
) -> Policy:
    """Return the deterministic policy in NumPy: the mode of what the network would draw from."""
    layers = _layers(model)
    mean, scale = scaler.parameters()
    space = model.action_space
    head: dict[str, Any] = {"head": "discrete"}
    if isinstance(space, spaces.Box):
        bounds = {"low": tuple(space.low.tolist()), "high": tuple(space.high.tolist())}
        head = {"head": "continuous", **bounds}
    elif environment["id"] == AUTOSCALING and environment["actions"] == "levels":
        head = {"head": "levels", "levels": tuple(environment["levels"])}
    return Policy(
        weights=tuple(_array(layer.weight).T.copy() for layer in layers),
        biases=tuple(_array(layer.bias) for layer in layers),
        activation=activation,
        mean=mean.copy(),
        scale=scale.copy(),
        **head,
    )


def warm_start(model: PPO, scaler: ObservationScaler, folder: Path, activation: str) -> None:
    """Take over the policy network of an artifact; the value function starts afresh.

    Args:
        model: its policy network must have the same layers.
        scaler: takes over mean and scale.
        folder: of a verified artifact.
        activation: of the model.

    Raises:
        UserError: if the artifact's network is another one, with both layouts.
    """
    policy = load_policy(folder)
    layers = _layers(model)
    wanted = [tuple(reversed(layer.weight.shape)) for layer in layers]
    found = [weight.shape for weight in policy.weights]
    skips = policy.skip is not None
    if wanted != found or skips or policy.activation != activation:
        its = f"{_layout(found)} {policy.activation}{' with a skip connection' if skips else ''}"
        raise UserError(
            f"cannot start from the policy in channel `checkpoint`: its layers are {its}, this"
            f" preset's are {_layout(wanted)} {activation}; set environment, training.hidden and"
            " training.activation to its own, or leave the channel away"
        )
    with torch.no_grad():
        for layer, weight, bias in zip(layers, policy.weights, policy.biases, strict=True):
            layer.weight.copy_(torch.from_numpy(weight.T.copy()))
            layer.bias.copy_(torch.from_numpy(bias.copy()))
    scaler.moments.mean = policy.mean.astype(np.float64)
    scaler.moments.variance = policy.scale.astype(np.float64) ** 2
    scaler.moments.count = _WARM_COUNT


def _layers(model: PPO) -> list[torch.nn.Linear]:
    policy = model.policy
    assert isinstance(policy, ActorCriticPolicy)
    assert isinstance(policy.action_net, torch.nn.Linear)
    hidden = [each for each in policy.mlp_extractor.policy_net if isinstance(each, torch.nn.Linear)]
    return [*hidden, policy.action_net]


def _layout(shapes: list[tuple[int, ...]]) -> str:
    return "-".join(str(size) for size in [shapes[0][0], *(shape[1] for shape in shapes)])


def _array(value: torch.Tensor) -> NDArray[Any]:
    array: NDArray[Any] = value.detach().cpu().numpy().copy()
    return array
