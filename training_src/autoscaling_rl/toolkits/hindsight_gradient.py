"""The exact gradient of J through the dynamics, for a policy that is a band of machines.

The load is exogenous: it does not depend on actions, so J of a whole window is a known function of
the machines wanted, U, and worth keeping, D (hindsight learning; Sinclair et al., Hindsight
Learning for MDPs with Exogenous Inputs, ICML 2023). Machines billed are T(t) = clip(T(t-1), U(t),
D(t)); as removal takes the newest first, those in service are the least of T(t-w) ... T(t), w being
the warm-up. J = sum of T + price x failed load + change price x |change of T| is convex in T and is
differentiated backwards through the recursion (analytic policy gradient).

Warm-ups that scatter enter as equally likely ones, and launches that fail as warm-ups of twice the
length: an approximation to train on. Evaluation uses the dynamics machine by machine.
"""

import numpy as np
from numpy.typing import NDArray

from autoscaling_rl.kernel import jit_fast as jit

FloatArray = NDArray[np.float32]
Work = NDArray[np.float64]


MACHINES, SLOPE, LOW, HIGH = range(4)  # rows of the work space


@jit
def _bill(wanted: FloatArray, spread: FloatArray, change_price: float, work: Work) -> float:
    """Step the fleet; return what machines and changes cost, and begin the slope of J by T."""
    machines, slope, low, high = work[MACHINES], work[SLOPE], work[LOW], work[HIGH]
    total = 0.0
    for minute in range(len(wanted)):
        low[minute] = max(np.exp(wanted[minute]) - 1.0, 0.0)
        high[minute] = max(np.exp(wanted[minute] + spread[minute]) - 1.0, low[minute])
        before = machines[minute - 1] if minute > 0 else low[0]
        machines[minute] = min(max(before, low[minute]), high[minute])
        slope[minute] = 1.0
        total += machines[minute]
        change = machines[minute] - before
        if change != 0.0:
            sign = change_price if change > 0 else -change_price
            slope[minute] += sign
            slope[minute - 1] -= sign
            total += sign * change
    return total


@jit
def _bill_longer(machines: Work, slope: Work, minimum: int) -> float:
    """Bill machines for at least `minimum` minutes; return what is paid beyond their presence.

    The k-th machine is there in intervals, and one of length n costs max(n, minimum). A stretch in
    which T is level, raised a little, lengthens the interval before it, or the one after it, joins
    both, or is one of its own: the slope of J is the difference of their costs, written to its
    first minute (the others follow it).
    """
    owed, begin, minutes = 0.0, 0, len(machines)
    while begin < minutes:
        end, level = begin + 1, machines[begin]
        while end < minutes and machines[end] == level:
            end += 1
        before = after = 0
        while begin - before > 0 and before < minimum and machines[begin - before - 1] > level:
            before += 1
        while end + after < minutes and after < minimum and machines[end + after] > level:
            after += 1
        # At the ends of the window machines are taken to be there long enough already.
        before = minimum if begin - before == 0 else before
        after = minimum if end + after == minutes else after
        length = before + (end - begin) + after
        cost = max(length, minimum) - (max(before, minimum) if before else 0)
        slope[begin] += cost - (max(after, minimum) if after else 0) - (end - begin)
        owed += _owed(machines, begin, end, minimum)
        begin = end
    return owed


@jit
def _owed(machines: Work, begin: int, end: int, minimum: int) -> float:
    """Return what is owed for the machines that are launched at `begin` and leave too early."""
    before = machines[begin - 1] if begin > 0 else machines[0]
    owed, least = 0.0, machines[begin]
    for minute in range(end, min(len(machines), begin + minimum)):
        if machines[minute] < least:
            gone = least - max(machines[minute], before)
            owed += max(gone, 0.0) * (minimum - (minute - begin))
            least = machines[minute]
    return owed


@jit
def _serve(load: FloatArray, warmups: NDArray[np.int64], price: float, work: Work) -> float:
    """Return what failed load costs; the machine that is missing least lowers the slope."""
    machines, slope = work[MACHINES], work[SLOPE]
    share, total = price / len(warmups), 0.0
    for warmup in warmups:
        for minute in range(len(load)):
            least = minute
            for earlier in range(max(0, minute - warmup), minute):
                if machines[earlier] < machines[least]:
                    least = earlier
            if load[minute] > machines[least]:
                slope[least] -= share
                total += share * (load[minute] - machines[least])
    return total


@jit
def _differentiate(work: Work, weight: float, wanted: FloatArray, spread: FloatArray) -> None:
    """Carry the slope back through T(t) = clip(T(t-1), U(t), D(t))."""
    machines, slope, low, high = work[MACHINES], work[SLOPE], work[LOW], work[HIGH]
    carried = 0.0
    for minute in range(len(wanted) - 1, -1, -1):
        carried += slope[minute]
        wanted[minute] = spread[minute] = 0.0
        if minute == 0 or machines[minute - 1] < low[minute]:
            wanted[minute] = carried * (low[minute] + 1.0) * weight
            carried = 0.0
        elif machines[minute - 1] > high[minute]:
            wanted[minute] = spread[minute] = carried * (high[minute] + 1.0) * weight
            carried = 0.0


@jit
def hindsight_gradient(
    wanted: FloatArray,
    spread: FloatArray,
    load: FloatArray,
    warmups: NDArray[np.int64],
    prices: FloatArray,
    change_prices: FloatArray,
    minimum: int,
    weights: FloatArray,
    work: Work,
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
        minimum: minutes that a machine is billed for at least.
        weights: factor of each window's gradient, shape (windows,).
        work: work space, shape (4, minutes).
        gradient: receives the gradient, shape (2, windows, minutes).
        costs: receives J of each window in machine-minutes, shape (windows,).
    """
    for window in range(len(wanted)):
        price, change_price = prices[window], change_prices[window]
        total = _bill(wanted[window], spread[window], change_price, work)
        if minimum > 1:
            total += _bill_longer(work[MACHINES], work[SLOPE], minimum)
        total += _serve(load[window], warmups[window], price, work)
        _differentiate(work, weights[window], gradient[0, window], gradient[1, window])
        costs[window] = total
