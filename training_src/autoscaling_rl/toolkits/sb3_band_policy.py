"""The network of a hindsight artifact as a policy of Stable-Baselines3, and back."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy

from autoscaling_rl.controller.policy import GRID, Policy

FloatArray = NDArray[np.float32]


class _Trunk(torch.nn.Module):
    """Hidden layers with hard-swish; what they answer stands beside the inputs.

    The last layer reads both, and so does what the skip connection does. There is no critic: the
    baseline is the group's, see `sb3_buffer`.

    Attributes:
        latent_dim_pi: numbers that the last layer of the policy reads.
        latent_dim_vf: numbers that the value layer reads: one, always zero.
    """

    def __init__(self, inputs: int, hidden: list[int]) -> None:
        super().__init__()
        sizes = [inputs, *hidden]
        self.layers = torch.nn.ModuleList(
            torch.nn.Linear(before, after) for before, after in zip(sizes, hidden, strict=False)
        )
        self.latent_dim_pi, self.latent_dim_vf = sizes[-1] + inputs, 1

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what policy and value layer read, for inputs of shape (n, inputs)."""
        return self.forward_actor(inputs), self.forward_critic(inputs)

    def forward_actor(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return shape (n, latent_dim_pi)."""
        hidden = inputs
        for layer in self.layers:
            hidden = torch.nn.functional.hardswish(layer(hidden))
        return torch.cat((hidden, inputs), dim=1)

    def forward_critic(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return zeros, shape (n, 1)."""
        return inputs.new_zeros((len(inputs), 1))


class BandPolicy(ActorCriticPolicy):
    """An actor with a Gaussian around the band of machines; `net_arch` are its hidden layers."""

    def _build_mlp_extractor(self) -> None:
        assert isinstance(self.net_arch, list)
        self.mlp_extractor: Any = _Trunk(self.features_dim, self.net_arch)


def take_weights(model: PPO, start: Policy) -> None:
    """Give the model the weights of a single network, whose layers it must have."""
    hidden, last = _linear(model)
    with torch.no_grad():
        for layer, weight, bias in zip(hidden, start.weights[:-1], start.biases[:-1], strict=True):
            layer.weight.copy_(torch.from_numpy(weight.T.copy()))
            layer.bias.copy_(torch.from_numpy(bias.copy()))
        skip = start.skip
        if skip is None:
            skip = np.zeros((start.inputs, last.out_features), np.float32)
        weight = np.concatenate((start.weights[-1], skip))
        last.weight.copy_(torch.from_numpy(weight.T.copy()))
        last.bias.copy_(torch.from_numpy(start.biases[-1].copy()))


def give_weights(model: PPO, start: Policy) -> Policy:
    """Return the policy of the model's weights, in everything else like the one it started from.

    Raises:
        ValueError: if a weight is too large for fixed point.
    """
    hidden, last = _linear(model)
    joined = _fixed(last.weight).T
    split = last.in_features - start.inputs
    return replace(
        start,
        weights=(*(_fixed(layer.weight).T.copy() for layer in hidden), joined[:split].copy()),
        biases=(*(_fixed(layer.bias) for layer in hidden), _fixed(last.bias)),
        skip=joined[split:].copy(),
    )


def _linear(model: PPO) -> tuple[list[torch.nn.Linear], torch.nn.Linear]:
    policy = model.policy
    assert isinstance(policy, BandPolicy)
    assert isinstance(policy.action_net, torch.nn.Linear)
    return list(policy.mlp_extractor.layers), policy.action_net


def _fixed(tensor: torch.Tensor) -> FloatArray:
    """Return whole multiples of 2**-16."""
    values = tensor.detach().cpu().numpy().astype(np.float64)
    return (np.rint(values * GRID) / GRID).astype(np.float32)
