"""The Kubernetes horizontal pod autoscaler, decided once a minute.

After "Horizontal Pod Autoscaling" in the Kubernetes documentation (autoscaling/v2): machines x
utilisation / target, rounded up, where machines on their way count with a utilisation of zero;
nothing is done within a tolerance of 10 %. Up at once, at most by 100 % or four machines, whichever
is more, every 15 seconds; down to the highest recommendation of the last five minutes.
"""

from collections.abc import Callable

import numpy as np

from autoscaling_rl.baselines.replay import advance, replay, whole
from autoscaling_rl.baselines.window import FloatArray, Trajectory, Window
from autoscaling_rl.environments.dynamics import IN_SERVICE, ON_THEIR_WAY, Fleet, Rules, join
from autoscaling_rl.kernel import jit_fast as jit

TOLERANCE = 0.1
STABILISATION = 5  # minutes
PERIODS = 4  # of 15 seconds in a minute
LEAST_STEP = 4  # machines that may be added in a period however small the fleet


@jit
def recommend(load: float, machines: int, target: float, capacity: float) -> int:
    """Return the machines recommended for a load in requests per minute."""
    ratio = load / (capacity * target * max(machines, 1))
    if abs(ratio - 1.0) <= TOLERANCE:
        return machines
    limit = machines
    for _ in range(PERIODS):
        limit = max(2 * limit, limit + LEAST_STEP)
    return min(whole(machines * ratio), limit)


@jit
def autoscale(
    target: float,
    recommended: FloatArray,
    delay: int,
    loads: FloatArray,
    clock: int,
    fleet: Fleet,
    rules: Rules,
    record: FloatArray,
) -> None:
    """Keep the utilisation at `target`; `recommended` is work space of shape (minutes,)."""
    for place in range(len(loads)):
        join(fleet, clock + place, rules)
        machines = fleet[IN_SERVICE] + fleet[ON_THEIR_WAY]
        seen = place - 1 - delay
        wanted = machines
        if seen >= 0:
            wanted = recommend(loads[seen], machines, target, rules.capacity)
        recommended[place] = wanted
        if wanted < machines:
            for back in range(1, min(STABILISATION, place + 1)):
                wanted = max(wanted, int(recommended[place - back]))
            wanted = min(wanted, machines)
        advance(fleet, clock + place, place, wanted, loads[place], rules, record)


def hpa(window: Window) -> Callable[[float], Trajectory]:
    """Return a function of the target utilisation (0.6 is 60 %)."""
    recommended = np.empty(window.minutes)
    return lambda target: replay(window, autoscale, float(target), recommended, window.metric_delay)
