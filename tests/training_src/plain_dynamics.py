"""The dynamics of a fleet machine by machine: slow, readable, a check of the compiled one."""

from dataclasses import dataclass, field

from autoscaling_rl.environments.dynamics import Rules, mix


@dataclass(eq=False)
class Machine:
    """One machine; those of the start were launched long ago."""

    launched: int = -(10**9)
    due: int = -(10**9)
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
