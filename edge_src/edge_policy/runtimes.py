"""What computes the network: the artifact's NumPy code, or ONNX Runtime where it gives the same.

ONNX Runtime is for policies whose action is a plain function of the observation. A bank in fixed
point asks its network at many prices at once, bit for bit the same everywhere: that stays NumPy.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUMPY, ONNX = RUNTIMES = ("numpy", "onnx")


def with_onnx(
    policy: Any,  # noqa: ANN401 (of the artifact's own class)
    folder: Path,
    observations: NDArray[np.float32],
) -> tuple[Any, str]:
    """Return the policy with its network in ONNX Runtime, or as it is and the reason why.

    Args:
        policy: as the artifact's code loads it.
        folder: of the unpacked artifact.
        observations: the golden ones: both must act alike on all of them.
    """
    if policy.fixed_point:
        return policy, "a policy in fixed point needs NumPy"
    try:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            (folder / "policy.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        other = _bound(policy, session)
        alike = np.array_equal(other.act(observations), policy.act(observations))
    except ImportError:
        return policy, "onnxruntime is not installed"
    except Exception as error:
        return policy, f"ONNX Runtime cannot run the model: {error!r}"[:300]
    return (other, "") if alike else (policy, "ONNX Runtime acts otherwise than NumPy")


def _bound(policy: Any, session: Any) -> Any:  # noqa: ANN401
    """Return a copy of the policy that takes its raw outputs from a session."""

    class OnnxPolicy(type(policy)):  # type: ignore[misc]
        """The artifact's policy; only the network is computed elsewhere."""

        def outputs(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
            """Return raw outputs, shape (n, k), for observations of shape (n, inputs)."""
            rows = np.ascontiguousarray(observations, np.float32)
            return np.asarray(session.run(None, {"observations": rows})[0], np.float32)

    return OnnxPolicy.from_arrays(policy.arrays(), policy.specification())
