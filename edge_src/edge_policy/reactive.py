"""The reactive rule: what decides where no model does.

The formula of the guard in the artifact's code (`guard.reactive`), which needs no artifact: the
highest load of the last minutes at 60 % of the machines' capacity. A missing minute has the load
before it; while the newest ones are missing, no machine is removed.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .timeline import Load

TARGET, MINUTES, STALE_MINUTES = 0.6, 15, 3
MOST = 1_000_000  # machines, as the guard has it


def decide(
    load: Load,
    fleet: int,
    capacity: float,
    *,
    least: int = 1,
    most: int = 0,
    guard: Mapping[str, Any] | None = None,
) -> tuple[int, bool]:
    """Return the machines wanted, and whether the newest load is missing.

    Args:
        load: requests per minute, oldest first; NaN where a minute is missing.
        fleet: machines in service and on their way.
        capacity: requests that a machine serves in a minute.
        least: least number of machines.
        most: largest number of machines; 0 means no limit.
        guard: settings in place of the constants above, by the guard's names for them.
    """
    given = guard or {}
    known = np.flatnonzero(~np.isnan(load))
    if not known.size:  # nothing to decide from
        return _limited(fleet, least, most), True
    recent = load[-int(given.get("reactive_minutes", MINUTES)) :]
    if np.isnan(recent[0]):  # the load before it stands in, if there is any
        recent = np.append(recent, load[known[known < len(load) - len(recent)][-1:]])
    peak = np.nanmax(recent)
    target = float(given.get("reactive_target", TARGET))
    desired = math.ceil(min(float(peak) / (target * capacity), MOST) - 1e-9)
    stale = len(load) - 1 - int(known[-1]) >= int(given.get("stale_minutes", STALE_MINUTES))
    if stale:
        desired = max(desired, fleet)
    return _limited(desired, least, most), stale


def _limited(desired: int, least: int, most: int) -> int:
    return max(min(desired, most) if most > 0 else desired, least)
