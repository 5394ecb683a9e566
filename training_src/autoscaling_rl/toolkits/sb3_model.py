"""The PPO model of Stable-Baselines3 for one job: network, schedules, and what it fits."""

import os
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium import Space, spaces
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from autoscaling_rl.errors import UserError
from autoscaling_rl.toolkits.sb3_options import Sb3Options

_ACTIVATIONS = {"tanh": torch.nn.Tanh, "silu": torch.nn.SiLU, "relu": torch.nn.ReLU}


def check_spaces(observation: Space[Any], action: Space[Any]) -> int:
    """Return the length of an observation; refuse spaces that fully connected layers do not fit.

    Raises:
        UserError: with the space and the remedy.
    """
    if not isinstance(observation, spaces.Box) or len(observation.shape) != 1:
        raise UserError(
            f"toolkit sb3 needs observations that are one row of numbers, not {observation}: choose"
            " another environment, or register one wrapped in"
            " gymnasium.wrappers.FlattenObservation"
        )
    if not _fits(action):
        raise UserError(
            "toolkit sb3 needs actions that are Discrete from 0, or one bounded row of real"
            f" numbers, not {action}: choose another environment"
        )
    return observation.shape[0]


def _fits(action: Space[Any]) -> bool:
    if isinstance(action, spaces.Discrete):
        return int(action.start) == 0
    if not isinstance(action, spaces.Box) or len(action.shape) != 1:
        return False
    return bool(action.is_bounded() and np.issubdtype(action.dtype, np.floating))


def make_model(
    env: VecEnv,
    options: Sb3Options,
    seed: int,
    *,
    policy: str | type[ActorCriticPolicy] = "MlpPolicy",
    **changes: Any,  # noqa: ANN401
) -> PPO:
    """Return the untrained model; the same seed gives the same weights.

    Args:
        env: what it acts in.
        options: of the preset.
        seed: of the first weights.
        policy: the network's class.
        changes: keyword arguments of `PPO` that replace those of the options.
    """
    torch.manual_seed(seed)
    hidden = list(options.hidden)
    keywords: dict[str, Any] = dict(
        learning_rate=schedule(options.learning_rate, options.learning_rate_schedule),
        n_steps=options.n_steps,
        batch_size=options.batch_size,
        n_epochs=options.epochs,
        gamma=options.gamma,
        gae_lambda=options.gae_lambda,
        clip_range=schedule(options.clip_range, options.clip_range_schedule),
        ent_coef=options.entropy,
        vf_coef=options.value_weight,
        max_grad_norm=options.max_gradient_norm,
        target_kl=options.target_kl or None,
        policy_kwargs={
            "net_arch": {"pi": hidden, "vf": hidden},
            "activation_fn": _ACTIVATIONS[options.activation],
        },
        device=computing_device(options.device),
    )
    with warnings.catch_warnings():  # training.device says what there is to say
        warnings.filterwarnings("ignore", "You are trying to run PPO on the GPU")
        model = PPO(policy, env, **(keywords | changes))
    # What `PPO.learn` would set up before its first rollout.
    model.set_logger(Logger(folder=None, output_formats=[]))
    model.ep_info_buffer, model.ep_success_buffer = deque(maxlen=1), deque(maxlen=1)
    return model


def computing_device(wanted: str) -> torch.device:
    """Return where networks are computed, set up so that the same job gives the same bits there.

    Args:
        wanted: one of `sb3_options.DEVICES`.

    Raises:
        UserError: a GPU is asked for where there is none, or PyTorch cannot use it.
    """
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        build = "" if torch.version.cuda else f" (PyTorch {torch.__version__} is built for CPUs)"
        raise UserError(
            f'training.device is "cuda", but there is no GPU that PyTorch can use{build}: set it to'
            ' "auto" or "cpu", or train on an instance with a GPU and an image with CUDA'
        )
    if wanted == "cpu" or not there:
        return torch.device("cpu")
    # cuBLAS sums in one order only with a workspace of fixed size, see PyTorch's "Reproducibility".
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    return torch.device("cuda")


def schedule(start: float, kind: str) -> Callable[[float], float]:
    """Return a function of the remaining share of training, 1 at the start and 0 at the end."""

    def constant(remaining: float) -> float:
        return start

    def linear(remaining: float) -> float:
        return start * remaining

    return linear if kind == "linear" else constant
