"""The policy network in NumPy: the same weights as `policy.onnx`, read from `policy.npz`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

ACTIVATIONS = ("tanh", "silu", "relu", "hard_swish")
HEADS = ("levels", "band", "band_nearest", "discrete", "continuous")
GRID = 65536.0  # fixed point: whole multiples of 2**-16
OBSERVATION_CLIP = 10.0
MAX_MACHINES = 1_000_000

# Places in an observation of AutoScaling-v0 that the head "band" reads; see `observation.NAMES`.
LEVEL, FLEET = 0, 1


@dataclass(frozen=True)
class Policy:
    """A feed-forward policy: observation -> raw outputs -> action.

    Attributes:
        weights: one array of shape (inputs, outputs) per layer; an ensemble of n networks, whose
            outputs are averaged, has arrays of shape (n, inputs, outputs).
        biases: one array of shape (outputs,) per layer; (n, 1, outputs) in an ensemble.
        head: how outputs become an action, one of `HEADS`:
            "levels": one score per entry of `levels`; the action is the entry with the best score,
            in machines added or removed. "band": log of machines wanted above the present level,
            and log of machines worth keeping above machines wanted; the action is machines added
            or removed so that the fleet lies in the band; "band_nearest" rounds to the nearest
            machine instead of up. "discrete": index of the best score.
            "continuous": the outputs, clipped to [`low`, `high`].
        activation: applied between layers, one of `ACTIVATIONS`.
        mean: shape (observations,), subtracted from the observation.
        scale: shape (observations,), divides it; the result is clipped to +-`clip`.
        clip: bound of the normalised observation.
        fixed_point: whether inputs, activations and outputs are rounded to whole multiples of
            2**-16, as the weights then must be: sums are exact in any order, so that one row or
            many, on any processor, give the same bits.
        bank: settings of the bank that the policy belongs to; None: it decides alone.
        skip: shape (observations, outputs) or None: added to the outputs, times the observation.
        levels: for the head "levels".
        low: for the head "continuous", shape (outputs,).
        high: likewise.
    """

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    head: str
    activation: str = "tanh"
    mean: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    scale: FloatArray = field(default_factory=lambda: np.ones(0, np.float32))
    skip: FloatArray | None = None
    levels: tuple[int, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    clip: float = OBSERVATION_CLIP
    fixed_point: bool = False
    bank: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Complete the normalisation and refuse parts that do not fit together."""
        if self.head not in HEADS:
            raise ValueError(f"head {self.head!r} is unknown: use one of {', '.join(HEADS)}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation {self.activation!r} is unknown: use one of {', '.join(ACTIVATIONS)}"
            )
        inputs, outputs = self.inputs, self.biases[-1].shape[-1]
        if self.mean.size == 0:
            object.__setattr__(self, "mean", np.zeros(inputs, np.float32))
            object.__setattr__(self, "scale", np.ones(inputs, np.float32))
        expected = {"levels": len(self.levels), "continuous": len(self.low)}
        expected |= {"band": 2, "band_nearest": 2}
        if expected.get(self.head, outputs) != outputs:
            raise ValueError(
                f"head {self.head!r} needs {expected[self.head]} outputs, not {outputs}"
            )
        if self.mean.shape != (inputs,) or self.scale.shape != (inputs,):
            raise ValueError(f"mean and scale must have shape ({inputs},)")
        if not (self.scale > 0).all():
            raise ValueError("scale must be positive")
        if self.fixed_point and not all(_on_grid(array) for array in self._parameters()):
            raise ValueError("weights of a policy in fixed point must be multiples of 2**-16")

    @property
    def inputs(self) -> int:
        """Length of an observation."""
        return int(self.weights[0].shape[-2])

    @property
    def members(self) -> int:
        """Networks whose outputs are averaged."""
        return self.weights[0].shape[0] if self.weights[0].ndim == 3 else 1

    def _parameters(self) -> tuple[FloatArray, ...]:
        return (*self.weights, *self.biases, *(() if self.skip is None else (self.skip,)))

    def outputs(self, observations: FloatArray) -> FloatArray:
        """Return raw outputs, shape (n, k), for observations of shape (n, inputs)."""
        rows = np.asarray(observations, np.float32)
        if self.fixed_point:
            return np.asarray(self._exact(self._normal(rows.astype(np.float64))), np.float32)
        # In double precision, which is rounded away at the end: in single precision the last bit,
        # and with it a machine, hangs on how many rows are computed at once.
        (skip, _), *layers, (weight, bias) = self._doubles
        multiply = np.dot if self.members == 1 else np.matmul  # the one is faster for few rows
        mean, scale, low, high = self._normalisation
        normal = rows.astype(np.float64)
        if self._normalises:
            normal -= mean
            normal /= scale
        normal.clip(low, high, out=normal)
        hidden = normal
        for inner, shift in layers:
            hidden = multiply(hidden, inner)
            hidden += shift
            hidden = _activate(hidden, self.activation)
        result = multiply(hidden, weight)
        result += bias
        if self.skip is not None:
            result += multiply(normal, skip)
        outputs: FloatArray = (result.mean(axis=0) if result.ndim == 3 else result).astype(
            np.float32
        )
        return outputs

    @cached_property
    def _normalises(self) -> bool:
        return bool(self.mean.any() or (self.scale != 1.0).any())

    @cached_property
    def _normalisation(self) -> tuple[NDArray[np.float64], ...]:
        """Mean, scale and bounds, in double precision."""
        bound = np.array([self.clip])
        return self.mean.astype(np.float64), self.scale.astype(np.float64), -bound, bound

    def distance(self, observations: NDArray[Any]) -> NDArray[np.float64]:
        """Return how far out the farthest number of each observation is that the network reads.

        In multiples of the bound that it is clipped to: above 1 the network sees less than there
        is, and nothing like it was common in training.

        Args:
            observations: shape (n, inputs).

        Returns:
            Shape (n,).
        """
        rows = np.asarray(observations, np.float32).astype(np.float64)
        rows -= self._normalisation[0]
        distances: NDArray[np.float64] = (np.abs(rows, out=rows) * self._reach).max(axis=1)
        return distances

    @cached_property
    def _reach(self) -> NDArray[np.float64]:
        """What turns a difference from the mean into a distance; 0 for what is not read."""
        first = self.weights[0].reshape(-1, *self.weights[0].shape[-2:])
        read = (first != 0).any(axis=(0, 2))
        if self.skip is not None:
            read |= (self.skip != 0).reshape(-1, *self.skip.shape[-2:]).any(axis=(0, 2))
        reach: NDArray[np.float64] = read / (self.scale.astype(np.float64) * self.clip)
        return reach

    def outputs_at(
        self, observations: NDArray[np.float64], shifts: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return outputs with each of `shifts` added to the last number of every observation.

        Only for a policy in fixed point. The result equals that of `outputs`.

        Args:
            observations: shape (n, inputs).
            shifts: shape (m,).

        Returns:
            Outputs, shape (n, m, k), and by how much the networks of an ensemble differ in the
            first of them, shape (n,): the largest less the smallest, at the shift of most.
        """
        rows = np.asarray(observations, np.float32).astype(np.float64)
        last = (rows[:1, -1] + shifts).astype(np.float32).astype(np.float64)
        if (rows[:, -1] != rows[0, -1]).any():
            raise ValueError("the last number of every observation must be the same")
        rows[:, -1] = self.mean[-1]
        scaled = (last - self.mean[-1]) / self.scale[-1]
        scaled = np.minimum(np.maximum(scaled, -self.clip), self.clip)
        each = self._each(self._normal(rows), _to_grid(scaled))
        split = each.reshape(*each.shape[:-2], len(rows), len(shifts), -1)
        if split.ndim == 3:
            return _to_grid(split), np.zeros(len(rows))
        wanted = split[..., 0]
        spread: NDArray[np.float64] = (wanted.max(axis=0) - wanted.min(axis=0)).max(axis=1)
        return _to_grid(split.mean(axis=0)), spread

    def output_of(self, observation: NDArray[np.float64], shift: float) -> NDArray[np.float64]:
        """Return `outputs_at` for one observation and one shift, shape (k,)."""
        row = np.asarray(observation, np.float32).astype(np.float64)
        row[-1] = np.float32(row[-1] + shift)
        result: NDArray[np.float64] = self._exact(self._normal(row[None]))[0]
        return result

    def _normal(self, rows: NDArray[Any]) -> NDArray[Any]:
        mean, scale, low, high = self._normalisation
        normal: NDArray[Any] = np.minimum(np.maximum((rows - mean) / scale, low), high)
        return normal

    def _exact(self, normal: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return outputs in fixed point, shape (n, k)."""
        each = self._each(normal)
        return _to_grid(each.mean(axis=0) if each.ndim == 3 else each)

    def _each(
        self, normal: NDArray[np.float64], last: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Return the outputs of each network in fixed point, shape (n, k) or (networks, n, k).

        With `last`, shape (m,), each of its numbers is added to the last of the normalised ones,
        which must be zero: then n * m rows, the numbers of an observation side by side.
        """
        (skip, _), (weight, bias), *later = self._doubles
        first = _to_grid(normal)
        hidden, linear = first @ weight + bias, first @ skip
        if last is not None:
            shape = (*hidden.shape[:-2], -1)
            hidden = hidden[..., None, :] + last[:, None] * weight[..., None, -1:, :]
            linear = linear[..., None, :] + last[:, None] * skip[..., None, -1:, :]
            hidden = hidden.reshape(*shape, hidden.shape[-1])
            linear = linear.reshape(*shape, linear.shape[-1])
        for weight, bias in later:
            hidden = _to_grid(_hard_swish(hidden)) @ weight + bias
        result: NDArray[np.float64] = hidden + linear
        return result

    @cached_property
    def _doubles(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Skip connection, then weights and biases of each layer, in double precision."""
        zero = np.zeros((self.inputs, self.biases[-1].shape[-1]))
        skip = zero if self.skip is None else self.skip.astype(np.float64)
        layers = zip(self.weights, self.biases, strict=True)
        return [
            (skip, zero),
            *((weight.astype(np.float64), bias.astype(np.float64)) for weight, bias in layers),
        ]

    def act(self, observations: FloatArray) -> NDArray[Any]:
        """Return actions for observations of shape (n, inputs): (n,) integers, or (n, k) floats."""
        rows = np.asarray(observations, np.float32)
        outputs = self.outputs(rows)
        if self.head == "continuous":
            return np.clip(
                outputs, np.asarray(self.low, np.float32), np.asarray(self.high, np.float32)
            )
        if self.head.startswith("band"):
            return band_action(rows, outputs, nearest=self.head == "band_nearest")
        best: IntArray = outputs.argmax(axis=1)
        return np.asarray(self.levels, np.int64)[best] if self.head == "levels" else best

    def specification(self) -> dict[str, Any]:
        """Return what `manifest.json` says of the action: head, activation and its constants."""
        chosen: dict[str, Any] = {"head": self.head, "activation": self.activation}
        if self.head == "levels":
            chosen["levels"] = list(self.levels)
        elif self.head == "discrete":
            chosen["n"] = int(self.biases[-1].shape[-1])
        elif self.head == "continuous":
            chosen |= {"low": list(self.low), "high": list(self.high)}
        if self.clip != OBSERVATION_CLIP:
            chosen["clip"] = self.clip
        if self.fixed_point:
            chosen["fixed_point"] = True
        if self.bank is not None:
            chosen["bank"] = dict(self.bank)
        return chosen

    def arrays(self) -> dict[str, FloatArray]:
        """Return every array by its name in `policy.npz`."""
        named = {"mean": self.mean, "scale": self.scale}
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            named |= {f"weight_{index}": weight, f"bias_{index}": bias}
        if self.skip is not None:
            named["skip"] = self.skip
        return named

    def save(self, path: Path) -> None:
        """Write the arrays to `path`; the specification goes into the manifest."""
        np.savez(path, allow_pickle=False, **self.arrays())

    @classmethod
    def load(cls, path: Path, specification: dict[str, Any]) -> "Policy":
        """Read a policy from its arrays and its specification; nothing is unpickled."""
        with np.load(path, allow_pickle=False) as archive:
            return cls.from_arrays({name: archive[name] for name in archive.files}, specification)

    @classmethod
    def from_arrays(cls, arrays: dict[str, FloatArray], specification: dict[str, Any]) -> "Policy":
        """Build a policy from `arrays()` and `specification()`."""
        for name, values in arrays.items():
            if not np.isfinite(values).all():
                raise ValueError(f"{name} holds numbers that are not finite: train again")
        layers = sum(name.startswith("weight_") for name in arrays)
        return cls(
            weights=tuple(arrays[f"weight_{index}"] for index in range(layers)),
            biases=tuple(arrays[f"bias_{index}"] for index in range(layers)),
            head=specification["head"],
            activation=specification["activation"],
            mean=arrays["mean"],
            scale=arrays["scale"],
            skip=arrays.get("skip"),
            levels=tuple(specification.get("levels", ())),
            low=tuple(specification.get("low", ())),
            high=tuple(specification.get("high", ())),
            clip=float(specification.get("clip", OBSERVATION_CLIP)),
            fixed_point=bool(specification.get("fixed_point", False)),
            bank=specification.get("bank"),
        )


def _activate(values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Return the activations; `values` may be overwritten."""
    if name == "tanh":
        return _tanh(values)
    if name == "silu":
        with np.errstate(over="ignore"):  # then it divides by infinity, which is right
            silu: NDArray[np.float64] = values / (1.0 + np.exp(-values))
        return silu
    if name == "hard_swish":
        return _hard_swish(values)
    return np.maximum(values, 0.0, out=values)


def _tanh(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 - 2 / (exp(2x) + 1) in place of `values`: within 1e-15 of `np.tanh`.

    It takes half of its time for thousands of values, and some microseconds more for a few: one
    formula for all, so that a row gives the same in any batch.
    """
    np.minimum(values, 20.0, out=values)  # from there on it is 1, and far beyond exp overflows
    values *= 2.0
    np.exp(values, out=values)
    values += 1.0
    np.divide(-2.0, values, out=values)
    values += 1.0
    return values


def _hard_swish(values: NDArray[Any]) -> NDArray[Any]:
    """Return x * min(max(x + 3, 0), 6) / 6."""
    gate = np.maximum(values + 3.0, 0.0)
    np.minimum(gate, 6.0, out=gate)
    gate *= values
    gate *= 1.0 / 6.0
    return gate


def _to_grid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    grid = values * GRID
    np.rint(grid, out=grid)
    grid *= 1.0 / GRID
    return grid


def _on_grid(values: FloatArray) -> bool:
    doubles = values.astype(np.float64)
    return bool((_to_grid(doubles) == doubles).all() and (np.abs(doubles) < 128).all())


def band_action(
    observations: FloatArray, outputs: FloatArray, *, nearest: bool = False
) -> IntArray:
    """Return machines to add (positive) or remove so that the fleet lies in the policy's band.

    The band is [wanted, worth keeping] = exp of the level plus the outputs, minus one: every
    machine count enters observations as log(1 + machines), which stays finite when load vanishes.
    Machines are whole: rounded up, or to the nearest number.
    A fleet beyond 0 to `MAX_MACHINES`, which no environment has, counts as the nearest of the two.
    """
    limit = np.log1p(MAX_MACHINES)
    level = observations[:, LEVEL].astype(np.float64)
    fleet = np.rint(np.expm1(np.clip(observations[:, FLEET].astype(np.float64), 0.0, limit)))
    wanted_log = level + outputs[:, 0]
    keep_log = wanted_log + np.maximum(outputs[:, 1], 0.0)
    whole = np.rint if nearest else np.ceil
    wanted = whole(np.expm1(np.clip(wanted_log, 0.0, limit)))
    keep = np.maximum(wanted, whole(np.expm1(np.clip(keep_log, 0.0, limit))))
    band: IntArray = (np.clip(fleet, wanted, keep) - fleet).astype(np.int64)
    return band
