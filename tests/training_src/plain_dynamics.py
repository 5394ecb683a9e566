"""The dynamics of a fleet machine by machine: slow, readable, a check of the compiled one."""

import math
from dataclasses import dataclass, field

import numpy as np

from autoscaling_rl.environments.dynamics import Rules, mix

LONG_AGO = 10**9  # minutes


@dataclass(eq=False)
class Machine:
    """One machine; those of the start were launched long ago."""

    launched: int = -LONG_AGO
    due: int = -LONG_AGO
    fails: bool = False
    in_service: bool = True


@dataclass
class Minute:
    """What happened in a minute."""

    active: int
    pending: int
    failed: float
    owed: int
    changed: int


@dataclass
class PlainFleet:
    """Machines in the order of their launch."""

    rules: Rules
    machines: list[Machine] = field(default_factory=list)

    @classmethod
    def of(cls, machines: int, rules: Rules) -> "PlainFleet":
        return cls(rules, [Machine() for _ in range(machines)])

    def step(self, minute: int, desired: int, load: float) -> Minute:
        self._join(minute)
        rules = self.rules
        desired = max(desired, rules.min_machines)
        if rules.max_machines:
            desired = min(desired, rules.max_machines)
        difference = desired - len(self.machines)
        owed = 0
        for ordinal in range(difference):
            self._launch(minute, ordinal)
        for _ in range(-difference):
            owed += self._remove(minute)
        self._join(minute)
        active = sum(machine.in_service for machine in self.machines)
        failed = max(0.0, load - active * rules.capacity)
        return Minute(active, len(self.machines) - active, failed, owed, abs(difference))

    def _join(self, minute: int) -> None:
        for machine in [each for each in self.machines if not each.in_service]:
            if machine.due > minute:
                continue
            if machine.fails:
                self.machines.remove(machine)
            machine.in_service = True

    def _launch(self, minute: int, ordinal: int) -> None:
        warmup, fails = draw(self.rules, minute, ordinal)
        self.machines.append(Machine(minute, minute + warmup, fails, False))

    def _remove(self, minute: int) -> int:
        pending = [each for each in self.machines if not each.in_service]
        machine = (pending or self.machines)[-1]
        self.machines.remove(machine)
        return max(0, self.rules.minimum_billed_minutes - (minute - machine.launched))


def draw(rules: Rules, minute: int, ordinal: int) -> tuple[int, bool]:
    """Return boot time and failure of a launch."""
    bits = mix(mix(rules.seed & 0xFFFFFFFF, minute), ordinal)
    warmup = int(rules.warmups[((bits & 0xFFFF) * len(rules.warmups)) >> 16])
    return warmup, (bits >> 16) < int(rules.launch_failure_rate * 65536)


def paid(counts, failed, *, price=20.0, change_price=0.0, minimum_billed_minutes=0):
    """Return what a fleet costs minute by minute, machine by machine.

    A machine is billed for the minimum at least, also after it is gone; the price of a change is
    paid by one machine-minute a minute.

    Args:
        counts: machines in each minute; those of the first have been there long enough.
        failed: load that failed, in machines.
        price: of a failed machine-minute.
        change_price: of adding or removing a machine.
        minimum_billed_minutes: of a machine.

    Returns:
        Costs of these minutes, and of those after them what is owed for machines that are gone and
        for changes.
    """
    minimum, span = minimum_billed_minutes, max(1, math.ceil(change_price))
    costs = np.zeros(len(counts) + max(minimum, span))
    costs[: len(counts)] = price * np.array(failed, float) + counts
    launched = [-LONG_AGO] * int(counts[0])
    for minute, count in enumerate(map(int, counts)):
        for since in launched[count:]:
            costs[minute : max(minute, since + minimum)] += 1
        costs[minute : minute + span] += change_price / span * abs(count - len(launched))
        del launched[count:]
        launched += [minute] * (count - len(launched))
    return costs
