"""The controller's observation, compiled: the same source that the artifact ships."""

from types import FunctionType

from autoscaling_rl.controller import observation
from autoscaling_rl.kernel import jit_fast

# Callees first: a compiled function can only call compiled ones.
_ORDER = (
    "difference",
    "scaled",
    "subtract",
    "peak",
    "fill",
    "write_recent",
    "write_season",
    "write_clock",
    "write_observations",
)


def _compiled() -> dict[str, FunctionType]:
    """Compile the functions of `controller.observation` in a namespace of their own.

    The module itself stays plain Python, since the artifact runs it where numba is not installed.
    """
    namespace = dict(vars(observation))
    for name in _ORDER:
        plain = namespace[name]
        rebound = FunctionType(plain.__code__, namespace, name)
        rebound.__module__ = plain.__module__
        rebound.__qualname__ = name
        namespace[name] = jit_fast(rebound)
    return {name: namespace[name] for name in _ORDER}


write_observations = _compiled()["write_observations"]
