"""The policy network as ONNX, the artifact of record: observation -> raw outputs.

The graph is put together operator by operator from the NumPy weights, so that every toolkit exports
the same way and none needs PyTorch for it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autoscaling_rl.controller.policy import OBSERVATION_CLIP, Policy
from autoscaling_rl.errors import UserError

if TYPE_CHECKING:
    import onnx

OPSET = 17
IR_VERSION = 8  # the oldest that has this opset: runtimes on edge devices lag behind
TOLERANCE = 1e-5


def export_onnx(policy: Policy, path: Path, observations: NDArray[np.float32]) -> None:
    """Write the policy as ONNX and check it against NumPy on `observations`, shape (n, inputs).

    Raises:
        UserError: if ONNX is not installed.
        ValueError: if the outputs differ by more than 1e-5 of the largest.
    """
    try:
        import onnx
    except ImportError as error:
        raise UserError("the package onnx is not installed: run `make setup`") from error
    model = _model(policy)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    expected = policy.outputs(observations)
    got = run_onnx(content, observations)
    difference = float(np.abs(got - expected).max(initial=0.0))
    if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max(initial=0.0))):
        raise ValueError(f"ONNX and NumPy outputs differ by {difference}")
    path.write_bytes(content)


def run_onnx(content: bytes, observations: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the outputs, shape (n, k), of an ONNX policy for observations of shape (n, inputs)."""
    rows = np.ascontiguousarray(observations, np.float32)
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        (outputs,) = ReferenceEvaluator(content).run(None, {"observations": rows})
        return np.asarray(outputs, np.float32)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (outputs,) = session.run(None, {"observations": rows})
    return np.asarray(outputs, np.float32)


class _Graph:
    """Nodes and constants of a graph that is written down step by step."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: ArrayLike) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(self, operator: str, *inputs: str, output: str = "") -> str:
        """Add an operator and return the name of its output."""
        from onnx import helper

        name = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name]))
        return name


def _model(policy: Policy) -> "onnx.ModelProto":
    from onnx import TensorProto, helper

    graph = _Graph()
    _write_policy(graph, policy)
    outputs = int(policy.biases[-1].shape[0])
    made = helper.make_graph(
        graph.nodes,
        "policy",
        [helper.make_tensor_value_info("observations", TensorProto.FLOAT, ["n", policy.inputs])],
        [helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["n", outputs])],
        graph.constants,
    )
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )


def _write_policy(graph: _Graph, policy: Policy) -> None:
    centred = graph.node("Sub", "observations", graph.constant("mean", policy.mean))
    scaled = graph.node("Div", centred, graph.constant("scale", policy.scale))
    lower = graph.constant("lower", -OBSERVATION_CLIP)
    upper = graph.constant("upper", OBSERVATION_CLIP)
    normal = hidden = graph.node("Clip", scaled, lower, upper)
    last = len(policy.weights) - 1
    for index, (weight, bias) in enumerate(zip(policy.weights, policy.biases, strict=True)):
        final = "outputs" if index == last and policy.skip is None else ""
        product = graph.node("MatMul", hidden, graph.constant(f"weight_{index}", weight))
        hidden = graph.node("Add", product, graph.constant(f"bias_{index}", bias), output=final)
        if index < last:
            hidden = _activated(graph, hidden, policy.activation)
    if policy.skip is not None:
        skipped = graph.node("MatMul", normal, graph.constant("skip", policy.skip))
        graph.node("Add", hidden, skipped, output="outputs")


def _activated(graph: _Graph, values: str, activation: str) -> str:
    if activation == "silu":
        return graph.node("Mul", values, graph.node("Sigmoid", values))
    return graph.node({"tanh": "Tanh", "relu": "Relu"}[activation], values)
