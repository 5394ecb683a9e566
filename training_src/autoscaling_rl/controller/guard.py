"""Limits that every decision passes last: a pure function of proposal, limits and past load."""

import numpy as np
from numpy.typing import NDArray

PEAK_FACTOR = 1.5  # a request never exceeds the machines for this multiple of the known peak


def limit(
    desired: int,
    *,
    load: NDArray[np.float64],
    capacity: float,
    min_machines: int,
    max_machines: int,
) -> int:
    """Return `desired` within [min_machines, max_machines] and below 1.5 times the known peak.

    Args:
        desired: machines that the policy wants.
        load: requests per minute of up to 14 days.
        capacity: requests that a machine serves in a minute.
        min_machines: least number of machines.
        max_machines: largest number of machines; 0 means no limit.
    """
    peak = float(load.max()) if load.size else 0.0
    return limit_by_peak(
        desired,
        peak=peak,
        capacity=capacity,
        min_machines=min_machines,
        max_machines=max_machines,
    )


def limit_by_peak(
    desired: int, *, peak: float, capacity: float, min_machines: int, max_machines: int
) -> int:
    """Return what `limit` returns, for a load whose largest value is `peak`."""
    most = int(np.ceil(PEAK_FACTOR * peak / capacity))
    limited = min(desired, max(most, 1))
    if max_machines > 0:
        limited = min(limited, max_machines)
    return max(limited, min_machines)
