"""A small policy in fixed point, banks of it, and loads, for the tests of what follows a load."""

import numpy as np

from autoscaling_rl.controller.bank import Bank
from autoscaling_rl.controller.features import SIZE
from autoscaling_rl.controller.fleet import Fleet
from autoscaling_rl.controller.members import BankSettings
from autoscaling_rl.controller.policy import GRID, Policy
from autoscaling_rl.toolkits.network import Network

DAY = 1440
MIDNIGHT = 20_000 * DAY  # minutes since 1970
START = MIDNIGHT + 700  # of loads that begin at some minute of a day
CHUNKS = (1, 1, 2, 3, 5, 7, 9, 10, 60, 700, 3000)


def fixed_policy(*, seed=0, hidden=8, networks=1, wish=0.12, bank=BankSettings()) -> Policy:  # noqa: B008
    """Return an untrained policy in fixed point that wants about exp(`wish`) times the level."""
    drawn = []
    for index in range(networks):
        parameters = Network(np.random.default_rng([seed, index]), SIZE, hidden, 2).parameters
        parameters["bias_2"][:] = wish, 0.1
        drawn.append({name: on_grid(values) for name, values in parameters.items()})
        for name in ("weight_0", "skip"):
            drawn[-1][name][1] = 0.0  # the fleet

    def joined(name: str) -> np.ndarray:
        arrays = [each[name] for each in drawn]
        if networks == 1:
            return arrays[0]
        return np.stack([each[None] if each.ndim == 1 else each for each in arrays])

    return Policy(
        weights=tuple(joined(f"weight_{layer}") for layer in range(3)),
        biases=tuple(joined(f"bias_{layer}") for layer in range(3)),
        head="band_nearest",
        activation="hard_swish",
        skip=joined("skip"),
        clip=6.0,
        fixed_point=True,
        bank=bank.specification() if bank else None,
    )


def on_grid(values: np.ndarray) -> np.ndarray:
    """Return the nearest multiples of 2**-16, single precision."""
    return (np.rint(values.astype(np.float64) * GRID) / GRID).astype(np.float32)


def busy_load(minutes: int, *, seed=0, mean=20.0) -> np.ndarray:
    """Return a load with a day, noise, bursts and a level that changes, in machines."""
    rng = np.random.default_rng(seed)
    minute = np.arange(minutes)
    load = 1.0 + 0.4 * np.sin(2 * np.pi * minute / DAY) + 0.1 * rng.gamma(2.0, 1.0, minutes)
    for start in rng.integers(0, minutes, minutes // 400):
        load[start : start + 30] += rng.uniform(0.2, 1.5)
    load[minutes // 2 :] *= 1.3
    return mean * load


POLICY = fixed_policy()


def new(start=START, *, chosen=BankSettings(), room=DAY, warmup=5, waits=(), **fleet) -> Bank:  # noqa: B008
    """Return a bank of `POLICY`; `warmup` stands for waits that are all alike."""
    return Bank(POLICY, chosen, Fleet(waits or (warmup,), **fleet), start, room)


def cut(load, seed):
    """Cut a load into parts of very different length."""
    rng, place = np.random.default_rng(seed), 0
    while place < len(load):
        length = int(rng.choice(CHUNKS))
        yield load[place : place + length]
        place += length


def advance(bank, parts):
    """Return what the leader said after each minute, shape (4, minutes)."""
    return np.concatenate([bank.advance(part) for part in parts], axis=1)
