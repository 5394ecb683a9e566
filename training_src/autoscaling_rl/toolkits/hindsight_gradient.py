"""The exact gradient of J through the dynamics, for a policy that is a band of machines.

The load is exogenous: it does not depend on actions, so J of a whole window is a known function of
the machines wanted, U, and worth keeping, D (hindsight learning; Sinclair et al., Hindsight Learning
for MDPs with Exogenous Inputs, ICML 2023). Machines billed are T(t) = clip(T(t-1), U(t), D(t)); as
removal takes the newest first, those in service are the least of T(t-w) ... T(t), w being the
warm-up. J = sum of T + price x failed load + change price x |change of T| is convex in T and is
differentiated backwards through the recursion (analytic policy gradient).

Warm-ups that scatter enter as equally likely ones, and launches that fail as warm-ups of twice the
length: an approximation to train on. Evaluation uses the dynamics machine by machine.
"""

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.kernel import jit_fast as jit

FloatArray = NDArray[np.float32]


@jit
def hindsight_gradient(
    wanted: FloatArray,
    spread: FloatArray,
    load: FloatArray,
    warmups: NDArray[np.int64],
    prices: FloatArray,
    change_prices: FloatArray,
    weights: FloatArray,
    work: NDArray[np.float64],
    gradient: FloatArray,
    costs: NDArray[np.float64],
) -> None:
    """Write J of windows and its gradient with respect to `wanted` and `spread`.

    Args:
        wanted: log(1 + machines wanted), shape (windows, minutes).
        spread: log of machines worth keeping over machines wanted, not negative, same shape.
        load: load in machines, same shape.
        warmups: equally likely warm-ups of each window, shape (windows, k).
        prices: machine-minutes that a failed machine-minute costs, shape (windows,).
        change_prices: machine-minutes that adding or removing a machine costs, shape (windows,).
        weights: factor of each window's gradient, shape (windows,).
        work: work space, shape (4, minutes).
        gradient: receives the gradient, shape (2, windows, minutes).
        costs: receives J of each window in machine-minutes, shape (windows,).
    """
    minutes = wanted.shape[1]
    machines, slope, low, high = work[0], work[1], work[2], work[3]
    for window in range(len(wanted)):
        total = 0.0
        for minute in range(minutes):
            low[minute] = max(np.exp(wanted[window, minute]) - 1.0, 0.0)
            high[minute] = max(
                np.exp(wanted[window, minute] + spread[window, minute]) - 1.0, low[minute]
            )
            before = machines[minute - 1] if minute > 0 else low[0]
            machines[minute] = min(max(before, low[minute]), high[minute])
            slope[minute] = 1.0
            total += machines[minute]
        for minute in range(1, minutes):
            change = machines[minute] - machines[minute - 1]
            if change != 0.0:
                sign = change_prices[window] * (1.0 if change > 0 else -1.0)
                slope[minute] += sign
                slope[minute - 1] -= sign
                total += change_prices[window] * abs(change)
        share = prices[window] / warmups.shape[1]
        for place in range(warmups.shape[1]):
            warmup = warmups[window, place]
            for minute in range(minutes):
                least = minute
                for earlier in range(max(0, minute - warmup), minute):
                    if machines[earlier] < machines[least]:
                        least = earlier
                if load[window, minute] > machines[least]:
                    slope[least] -= share
                    total += share * (load[window, minute] - machines[least])
        costs[window] = total
        carried = 0.0
        for minute in range(minutes - 1, -1, -1):
            carried += slope[minute]
            gradient[0, window, minute] = 0.0
            gradient[1, window, minute] = 0.0
            before = machines[minute - 1] if minute > 0 else low[0] - 1.0
            if before < low[minute] or minute == 0:
                gradient[0, window, minute] = carried * (low[minute] + 1.0) * weights[window]
                carried = 0.0
            elif before > high[minute]:
                slanted = carried * (high[minute] + 1.0) * weights[window]
                gradient[0, window, minute] = slanted
                gradient[1, window, minute] = slanted
                carried = 0.0
