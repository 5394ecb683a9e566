"""A small feed-forward network in NumPy that is trained by backpropagation and AdamW.

Two hidden layers, hard-swish (Howard et al., Searching for MobileNetV3, 2019) and a linear skip
connection. AdamW: Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019. Hard-swish
needs no exponential, so that a policy computes the same bits on every processor.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

NAMES = ("weight_0", "bias_0", "weight_1", "bias_1", "weight_2", "bias_2", "skip")


class Network:
    """Parameters by name, and the activations of the last forward pass."""

    def __init__(self, rng: np.random.Generator, inputs: int, hidden: int, outputs: int) -> None:
        """Draw weights of the variance that keeps activations in scale (He et al., 2015)."""

        def normal(rows: int, columns: int, gain: float) -> FloatArray:
            drawn = rng.standard_normal((rows, columns)) * gain / np.sqrt(rows)
            return np.asarray(drawn, np.float32)

        self.parameters: dict[str, FloatArray] = {
            "weight_0": normal(inputs, hidden, 1.0),
            "bias_0": np.zeros(hidden, np.float32),
            "weight_1": normal(hidden, hidden, 1.4),
            "bias_1": np.zeros(hidden, np.float32),
            "weight_2": normal(hidden, outputs, 0.1),
            "bias_2": np.zeros(outputs, np.float32),
            "skip": np.zeros((inputs, outputs), np.float32),
        }
        self._saved: tuple[FloatArray, ...] = ()

    def forward(self, inputs: FloatArray) -> FloatArray:
        """Return outputs, shape (n, outputs), for inputs of shape (n, inputs)."""
        p = self.parameters
        first = inputs @ p["weight_0"] + p["bias_0"]
        hidden = hard_swish(first)
        second = hidden @ p["weight_1"] + p["bias_1"]
        last = hard_swish(second)
        self._saved = (inputs, first, hidden, second, last)
        outputs: FloatArray = last @ p["weight_2"] + inputs @ p["skip"] + p["bias_2"]
        return outputs

    def backward(self, slope: FloatArray) -> dict[str, FloatArray]:
        """Return gradients by name, given that of the outputs of the last forward pass."""
        inputs, first, hidden, second, last = self._saved
        p = self.parameters
        gradients = {"weight_2": last.T @ slope, "bias_2": slope.sum(axis=0)}
        gradients["skip"] = inputs.T @ slope
        back = slope @ p["weight_2"].T
        back *= hard_swish_slope(second)
        gradients |= {"weight_1": hidden.T @ back, "bias_1": back.sum(axis=0)}
        back = back @ p["weight_1"].T
        back *= hard_swish_slope(first)
        gradients |= {"weight_0": inputs.T @ back, "bias_0": back.sum(axis=0)}
        return gradients


def hard_swish(values: FloatArray) -> FloatArray:
    """Return x * min(max(x + 3, 0), 6) / 6."""
    gate: FloatArray = np.clip(values + np.float32(3), 0, 6)
    gate *= values
    gate *= np.float32(1 / 6)
    return gate


def hard_swish_slope(values: FloatArray) -> FloatArray:
    """Return the derivative of `hard_swish`."""
    slope: FloatArray = values * np.float32(1 / 3) + np.float32(0.5)
    slope[values >= 3] = 1
    slope[values <= -3] = 0
    return slope


@dataclass
class AdamW:
    """Moments of the optimiser by parameter.

    Attributes:
        decay: weight decay of matrices.
        steps: updates made.
    """

    decay: float = 1e-4
    steps: int = 0
    first: dict[str, FloatArray] = field(default_factory=dict)
    second: dict[str, FloatArray] = field(default_factory=dict)

    def update(
        self,
        parameters: dict[str, FloatArray],
        gradients: dict[str, FloatArray],
        rate: float,
        largest: float = 1.0,
    ) -> None:
        """Change parameters in place; gradients are scaled down to the norm `largest`."""
        self.steps += 1
        norm = float(
            np.sqrt(sum(float((g.astype(np.float64) ** 2).sum()) for g in gradients.values()))
        )
        scale = np.float32(min(1.0, largest / max(norm, 1e-12)))
        for name, gradient in gradients.items():
            slope = gradient * scale
            first = self.first.setdefault(name, np.zeros_like(slope))
            second = self.second.setdefault(name, np.zeros_like(slope))
            first += np.float32(0.1) * (slope - first)
            second += np.float32(0.01) * (slope * slope - second)
            mean = first / np.float32(1 - 0.9**self.steps)
            square = second / np.float32(1 - 0.99**self.steps)
            step = mean / (np.sqrt(square) + np.float32(1e-8))
            if parameters[name].ndim == 2:
                step += np.float32(self.decay) * parameters[name]
            parameters[name] -= np.float32(rate) * step
