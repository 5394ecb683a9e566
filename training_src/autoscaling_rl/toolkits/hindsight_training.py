"""The training of one network by the exact gradient of J; see `hindsight_gradient`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.controller.features import SIZE
from autoscaling_rl.controller.policy import GRID, MAX_MACHINES
from autoscaling_rl.environments.profiles import AutoScalingSettings
from autoscaling_rl.load.shapes import log_uniform
from autoscaling_rl.toolkits.base import seeds
from autoscaling_rl.toolkits.hindsight_gradient import hindsight_gradient
from autoscaling_rl.toolkits.hindsight_options import HindsightOptions
from autoscaling_rl.toolkits.hindsight_series import TrainingSeries
from autoscaling_rl.toolkits.network import NAMES as PARAMETERS
from autoscaling_rl.toolkits.network import AdamW, Network

FloatArray = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]

CLIP = 6.0  # of normalised features
LEVEL, FLEET, CHANGE_PRICE, PRICE = 0, 1, SIZE - 2, SIZE - 1
PRICE_SCALE = 0.8
FIRST_WISH, FIRST_SPREAD = 0.12, 0.1  # what an untrained network answers
PRICES = (4.0, 120.0)
# Of 0.1 to 20 machine-minutes; the rest trains with the job's own price of change.
LOG_CHANGE_PRICES, CHANGE_SHARE = (-2.3, 3.0), 0.3
SCATTER, SCATTER_SHARE = (0.15, 0.25, 0.4), 0.4  # spread of the log of warm-ups, and how often
NORMAL = (-1.28, -0.52, 0.0, 0.52, 1.28)  # five equally likely parts of a normal distribution
FAILING_SHARE = 0.5  # of scattered warm-ups: one in five launches takes twice as long
WARMING, LAST_RATE = 50, 0.02


@dataclass
class Normalisation:
    """Mean and scale of features, shape (SIZE,), float32."""

    mean: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, pool: list[TrainingSeries]) -> "Normalisation":
        """Return mean and standard deviation over a pool of loads."""
        rows = np.concatenate([each.features[::20] for each in pool]).astype(np.float64)
        mean, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-3)
        mean[[FLEET, CHANGE_PRICE, PRICE]] = 0.0
        scale[[FLEET, CHANGE_PRICE, PRICE]] = 1.0, 1.0, PRICE_SCALE
        return cls(mean.astype(np.float32), scale.astype(np.float32))

    def apply(self, rows: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return normalised features, in `out` if given; the network does not see the fleet."""
        normal: FloatArray = np.subtract(rows, self.mean, out=out)
        normal /= self.scale
        np.clip(normal, -CLIP, CLIP, out=normal)
        normal[:, FLEET] = 0.0
        return normal


@dataclass(frozen=True)
class Batch:
    """Stretches of load for one update; arrays begin with (windows, minutes)."""

    inputs: FloatArray
    level: FloatArray
    load: FloatArray
    warmups: NDArray[np.int64]
    prices: FloatArray
    change_prices: FloatArray
    weights: FloatArray


class NetworkTraining:
    """A network, its optimiser and the loads that it learns from.

    Attributes:
        steps: updates made.
        losses: mean part of the gap that was left open, of each update; it may exceed one.
    """

    def __init__(
        self,
        options: HindsightOptions,
        settings: AutoScalingSettings,
        pool: list[TrainingSeries],
        *,
        seed: int,
        normalisation: Normalisation,
    ) -> None:
        """Begin with weights drawn from `seed`; the features of `pool` are normalised in place."""
        self.options, self.settings, self.pool, self.seed = options, settings, pool, seed
        self.normalisation = normalisation
        self.levels = [each.features[:, LEVEL].copy() for each in pool]
        self.inputs = [normalisation.apply(each.features, out=each.features) for each in pool]
        rng = np.random.default_rng(seeds(seed, 0)[0])
        self.network = Network(rng, SIZE, options.hidden, 2)
        self.network.parameters["bias_2"][:] = FIRST_WISH, FIRST_SPREAD
        self.optimiser = AdamW(decay=options.weight_decay)
        self.average = {name: each.copy() for name, each in self.network.parameters.items()}
        self.steps = 0
        self.losses: list[float] = []

    def run(self, steps: int) -> None:
        """Make so many updates, drawn from a generator of their own."""
        rng = np.random.default_rng(seeds(self.seed, 1, self.steps)[0])
        for _ in range(steps):
            self._update(self._draw(rng))

    def _draw(self, rng: np.random.Generator) -> Batch:
        count, minutes = self.options.windows, self.options.window_minutes
        inputs = np.empty((count, minutes, SIZE), np.float32)
        level, load = np.empty((2, count, minutes), np.float32)
        warmups = np.empty((count, len(NORMAL)), np.int64)
        prices = np.array([log_uniform(rng, *PRICES) for _ in range(count)], np.float32)
        changes = np.where(
            rng.random(count) < CHANGE_SHARE,
            np.exp(rng.uniform(*LOG_CHANGE_PRICES, count)),
            self.settings.change_price,
        ).astype(np.float32)
        weights = np.empty(count, np.float32)
        for row in range(count):
            place = int(rng.integers(len(self.pool)))
            series = self.pool[place]
            first = int(rng.integers(0, max(1, len(series.load) - minutes + 1)))
            cut = slice(first, first + minutes)
            length = len(series.load[cut])  # of a short recording, whose end is repeated
            for out, values in ((inputs, self.inputs[place]), (level, self.levels[place])):
                out[row, :length] = values[cut]
                out[row, length:] = values[first + length - 1]
            load[row, :length], load[row, length:] = (
                series.load[cut],
                series.load[first + length - 1],
            )
            warmups[row] = scattered(rng, series.warmup)
            weights[row] = 1.0 / (series.gain_at(float(prices[row])) * minutes * count)
        inputs[:, :, PRICE] = np.log(prices / 20.0)[:, None] / PRICE_SCALE
        inputs[:, :, CHANGE_PRICE] = np.clip(np.log1p(changes), 0.0, CLIP)[:, None]
        return Batch(inputs, level, load, warmups, prices, changes, weights)

    def _update(self, batch: Batch) -> None:
        count, minutes = batch.load.shape
        outputs = self.network.forward(batch.inputs.reshape(-1, SIZE)).reshape(count, minutes, 2)
        wanted = np.clip(outputs[:, :, 0] + batch.level, 0.0, np.float32(np.log1p(MAX_MACHINES)))
        spread = np.maximum(outputs[:, :, 1], np.float32(0.0))
        gradient, costs = np.empty((2, count, minutes), np.float32), np.empty(count)
        hindsight_gradient(
            wanted, spread, batch.load, batch.warmups, batch.prices, batch.change_prices,
            self.settings.minimum_billed_minutes, batch.weights, np.empty((4, minutes)), gradient,
            costs,
        )  # fmt: skip
        slope = np.stack((gradient[0], np.where(outputs[:, :, 1] > 0, gradient[1], 0)), axis=2)
        gradients = self.network.backward(slope.reshape(-1, 2))
        self.optimiser.update(self.network.parameters, gradients, self._rate())
        self.steps += 1
        keep = min(self.options.averaging, self.steps / (self.steps + 10.0))
        for name, values in self.network.parameters.items():
            self.average[name] += np.float32(1 - keep) * (values - self.average[name])
        beyond = costs - batch.load.sum(axis=1)
        self.losses.append(float((beyond * batch.weights).sum()))

    def _rate(self) -> float:
        done = self.steps / self.options.steps
        fall = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + np.cos(np.pi * done))
        return float(self.options.learning_rate * fall * min(1.0, (self.steps + 1) / WARMING))

    def parameters(self) -> dict[str, FloatArray]:
        """Return the weights as a policy in fixed point holds them."""
        kept = self.average if self.options.averaging else self.network.parameters
        fixed = {
            name: (np.rint(kept[name].astype(np.float64) * GRID) / GRID).astype(np.float32)
            for name in PARAMETERS
        }
        for name in ("weight_0", "skip"):
            fixed[name][FLEET] = 0.0
        return fixed

    def state(self) -> Arrays:
        """Return what a checkpoint keeps."""
        groups = {
            "weights": self.network.parameters,
            "average": self.average,
            "first": self.optimiser.first,
            "second": self.optimiser.second,
        }
        named: Arrays = {
            f"{g}/{n}": array for g, each in groups.items() for n, array in each.items()
        }
        return named | {"losses": np.array(self.losses)}

    def restore(self, arrays: Mapping[str, NDArray[Any]], steps: int) -> None:
        """Take over what `state` returned after so many updates."""
        for group, target in (
            ("weights", self.network.parameters),
            ("average", self.average),
            ("first", self.optimiser.first),
            ("second", self.optimiser.second),
        ):
            for name in PARAMETERS:
                if f"{group}/{name}" in arrays:
                    target[name] = np.array(arrays[f"{group}/{name}"])
        self.losses = [float(loss) for loss in arrays["losses"]]
        self.steps = self.optimiser.steps = steps


def scattered(rng: np.random.Generator, warmup: int) -> NDArray[np.int64]:
    """Return five equally likely warm-ups around a nominal one, often all alike."""
    if warmup == 0 or rng.random() >= SCATTER_SHARE:
        return np.full(len(NORMAL), warmup, np.int64)
    times = np.ceil(warmup * np.exp(float(rng.choice(SCATTER)) * np.array(NORMAL)) - 1e-9)
    if rng.random() < FAILING_SHARE:  # a failed launch is noticed when it should have served
        times[-1] = 2 * warmup + 1
    return np.clip(times, 1, 60).astype(np.int64)
