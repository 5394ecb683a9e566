"""The policy network as ONNX, the artifact of record: observation -> raw outputs.

The graph is put together operator by operator from the NumPy weights, so that every toolkit exports
the same way and none needs PyTorch for it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autoscaling_rl.controller.policy import GRID, Policy
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
    """Nodes and constants of a graph that is written down step by step.

    Args:
        kind: NumPy type of the constants.
    """

    def __init__(self, kind: type[np.floating[Any]] = np.float32) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self._kind = kind

    def constant(self, name: str, value: ArrayLike) -> str:
        """Add a constant, once, and return its name."""
        from onnx import numpy_helper

        array = np.asarray(value).astype(self._kind)
        self.constants.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def node(
        self,
        operator: str,
        *inputs: str,
        output: str = "",
        **attributes: Any,  # noqa: ANN401 - of the operator, as ONNX takes them
    ) -> str:
        """Add an operator and return the name of its output."""
        from onnx import helper

        name = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def cast(self, values: str, *, double: bool) -> str:
        """Convert to double or single precision and return the name of the result."""
        from onnx import TensorProto

        return self.node("Cast", values, to=TensorProto.DOUBLE if double else TensorProto.FLOAT)


def _model(policy: Policy) -> "onnx.ModelProto":
    from onnx import TensorProto, helper

    graph = _Graph(np.float64 if policy.fixed_point else np.float32)
    _write_policy(graph, policy)
    outputs = int(policy.biases[-1].shape[-1])
    made = helper.make_graph(
        graph.nodes,
        "policy",
        [helper.make_tensor_value_info("observations", TensorProto.FLOAT, ["n", policy.inputs])],
        [helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["n", outputs])],
        list(graph.constants.values()),
    )
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )


def _write_policy(graph: _Graph, policy: Policy) -> None:
    observations = "observations"
    if policy.fixed_point:
        observations = graph.cast("observations", double=True)
    centred = graph.node("Sub", observations, graph.constant("mean", policy.mean))
    scaled = graph.node("Div", centred, graph.constant("scale", policy.scale))
    lower = graph.constant("lower", -policy.clip)
    upper = graph.constant("upper", policy.clip)
    normal = hidden = _rounded(graph, graph.node("Clip", scaled, lower, upper), policy)
    for index, (weight, bias) in enumerate(zip(policy.weights, policy.biases, strict=True)):
        if index > 0:
            hidden = _rounded(graph, _activated(graph, hidden, policy.activation), policy)
        product = graph.node("MatMul", hidden, graph.constant(f"weight_{index}", weight))
        hidden = graph.node("Add", product, graph.constant(f"bias_{index}", bias))
    if policy.skip is not None:
        skipped = graph.node("MatMul", normal, graph.constant("skip", policy.skip))
        hidden = graph.node("Add", hidden, skipped)
    if policy.members > 1:
        hidden = graph.node("ReduceMean", hidden, axes=[0], keepdims=0)
    hidden = _rounded(graph, hidden, policy)
    if policy.fixed_point:
        hidden = graph.cast(hidden, double=False)
    graph.node("Identity", hidden, output="outputs")


def _rounded(graph: _Graph, values: str, policy: Policy) -> str:
    """Round to the grid, as `Policy` does in fixed point."""
    if not policy.fixed_point:
        return values
    larger = graph.node("Round", graph.node("Mul", values, graph.constant("grid", GRID)))
    return graph.node("Div", larger, graph.constant("grid", GRID))


def _activated(graph: _Graph, values: str, activation: str) -> str:
    if activation == "silu":
        return graph.node("Mul", values, graph.node("Sigmoid", values))
    if activation == "hard_swish":
        shifted = graph.node("Add", values, graph.constant("three", 3.0))
        zero, six = graph.constant("zero", 0.0), graph.constant("six", 6.0)
        gated = graph.node("Mul", graph.node("Clip", shifted, zero, six), values)
        return graph.node("Mul", gated, graph.constant("sixth", 1.0 / 6.0))
    return graph.node({"tanh": "Tanh", "relu": "Relu"}[activation], values)
