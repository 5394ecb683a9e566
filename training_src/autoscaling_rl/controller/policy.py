"""The policy network in NumPy: the same weights as `policy.onnx`, read from `policy.npz`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

ACTIVATIONS = ("tanh", "silu", "relu")
HEADS = ("levels", "band", "discrete", "continuous")
OBSERVATION_CLIP = 10.0
MAX_MACHINES = 1_000_000

# Places in an observation of AutoScaling-v0 that the head "band" reads; see `observation.NAMES`.
LEVEL, FLEET = 0, 1


@dataclass(frozen=True)
class Policy:
    """A feed-forward policy: observation -> raw outputs -> action.

    Attributes:
        weights: one array of shape (inputs, outputs) per layer.
        biases: one array of shape (outputs,) per layer.
        head: how outputs become an action, one of `HEADS`:
            "levels": one score per entry of `levels`; the action is the entry with the best score,
            in machines added or removed. "band": log of machines wanted above the present level,
            and log of machines worth keeping above machines wanted; the action is machines added
            or removed so that the fleet lies in the band. "discrete": index of the best score.
            "continuous": the outputs, clipped to [`low`, `high`].
        activation: applied between layers, one of `ACTIVATIONS`.
        mean: shape (observations,), subtracted from the observation.
        scale: shape (observations,), divides it; the result is clipped to +-10.
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

    def __post_init__(self) -> None:
        """Complete the normalisation and refuse parts that do not fit together."""
        if self.head not in HEADS:
            raise ValueError(f"head {self.head!r} is unknown: use one of {', '.join(HEADS)}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation {self.activation!r} is unknown: use one of {', '.join(ACTIVATIONS)}"
            )
        inputs, outputs = self.inputs, self.biases[-1].shape[0]
        if self.mean.size == 0:
            object.__setattr__(self, "mean", np.zeros(inputs, np.float32))
            object.__setattr__(self, "scale", np.ones(inputs, np.float32))
        expected = {"levels": len(self.levels), "band": 2, "continuous": len(self.low)}
        if expected.get(self.head, outputs) != outputs:
            raise ValueError(
                f"head {self.head!r} needs {expected[self.head]} outputs, not {outputs}"
            )
        if self.mean.shape != (inputs,) or self.scale.shape != (inputs,):
            raise ValueError(f"mean and scale must have shape ({inputs},)")
        if not (self.scale > 0).all():
            raise ValueError("scale must be positive")

    @property
    def inputs(self) -> int:
        """Length of an observation."""
        return int(self.weights[0].shape[0])

    def outputs(self, observations: FloatArray) -> FloatArray:
        """Return raw outputs, shape (n, k), for observations of shape (n, inputs)."""
        rows = np.asarray(observations, np.float32)
        with np.errstate(over="ignore"):  # of a number that is clipped anyway
            normal = np.clip((rows - self.mean) / self.scale, -OBSERVATION_CLIP, OBSERVATION_CLIP)
        hidden = normal
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = _activate(hidden @ weight + bias, self.activation)
        result: FloatArray = hidden @ self.weights[-1] + self.biases[-1]
        if self.skip is not None:
            result = result + normal @ self.skip
        return result

    def act(self, observations: FloatArray) -> NDArray[Any]:
        """Return actions for observations of shape (n, inputs): (n,) integers, or (n, k) floats."""
        rows = np.asarray(observations, np.float32)
        outputs = self.outputs(rows)
        if self.head == "continuous":
            return np.clip(
                outputs, np.asarray(self.low, np.float32), np.asarray(self.high, np.float32)
            )
        if self.head == "band":
            return band_action(rows, outputs)
        best: IntArray = outputs.argmax(axis=1)
        return np.asarray(self.levels, np.int64)[best] if self.head == "levels" else best

    def specification(self) -> dict[str, Any]:
        """Return what `manifest.json` says of the action: head, activation and its constants."""
        chosen: dict[str, Any] = {"head": self.head, "activation": self.activation}
        if self.head == "levels":
            chosen["levels"] = list(self.levels)
        elif self.head == "discrete":
            chosen["n"] = int(self.biases[-1].shape[0])
        elif self.head == "continuous":
            chosen |= {"low": list(self.low), "high": list(self.high)}
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
        )


def _activate(values: FloatArray, name: str) -> FloatArray:
    if name == "tanh":
        return np.tanh(values)
    if name == "silu":
        with np.errstate(over="ignore"):  # then it divides by infinity, which is right
            return np.asarray(values / (1.0 + np.exp(-values)), np.float32)
    return np.maximum(values, 0.0)


def band_action(observations: FloatArray, outputs: FloatArray) -> IntArray:
    """Return machines to add (positive) or remove so that the fleet lies in the policy's band.

    The band is [wanted, worth keeping] = exp of the level plus the outputs, minus one: every
    machine count enters observations as log(1 + machines), which stays finite when load vanishes.
    A fleet beyond 0 to `MAX_MACHINES`, which no environment has, counts as the nearest of the two.
    """
    limit = np.log1p(MAX_MACHINES)
    level = observations[:, LEVEL].astype(np.float64)
    fleet = np.rint(np.expm1(np.clip(observations[:, FLEET].astype(np.float64), 0.0, limit)))
    wanted_log = level + outputs[:, 0]
    keep_log = wanted_log + np.maximum(outputs[:, 1], 0.0)
    wanted = np.ceil(np.expm1(np.clip(wanted_log, 0.0, limit)))
    keep = np.maximum(wanted, np.ceil(np.expm1(np.clip(keep_log, 0.0, limit))))
    band: IntArray = (np.clip(fleet, wanted, keep) - fleet).astype(np.int64)
    return band
