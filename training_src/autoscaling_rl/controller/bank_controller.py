"""The controller of a policy in fixed point: a bank that follows the load of the last two weeks."""

import hashlib
import struct

import numpy as np
from numpy.typing import NDArray

from .bank import Bank
from .controller import Decision, situation
from .features import SIZE
from .fleet import Fleet, likely_waits
from .guard import DEFAULTS, GuardSettings, guard
from .members import ALONE, BankSettings
from .memory import Remembered, known_load, recall, remember
from .policy import Policy
from .series import LOOKBACK
from .state import State

FIRST_HEADROOM = 1.3  # over the highest load known, while less than an hour is


class BankController:
    """Decides for a policy of AutoScaling-v0; a decision hangs on the state alone.

    Attributes:
        most_states: of a request. Two weeks of load without memory take about a second.
        minute_seconds: that a minute takes, about, which the bank has to follow.
    """

    most_states = 50
    minute_seconds = 5e-5

    def __init__(
        self,
        policy: Policy,
        *,
        version: str = "",
        change_price: float = 0.0,
        minimum_billed_minutes: int = 0,
        guard_settings: GuardSettings = DEFAULTS,
    ) -> None:
        """Keep the policy, which must take `features.SIZE` numbers.

        Args:
            policy: in fixed point.
            version: of the code that decides; what another one remembers is not taken.
            change_price: machine-minutes that adding or removing a machine costs.
            minimum_billed_minutes: minutes that a machine is billed for at least.
            guard_settings: of the guard rails.
        """
        if policy.inputs != SIZE:
            raise ValueError(
                f"the policy takes {policy.inputs} numbers, this controller has {SIZE}"
            )
        self.policy, self.change_price = policy, change_price
        self.minimum_billed_minutes = minimum_billed_minutes
        self.guard_settings = guard_settings
        self.settings = BankSettings.of(policy.bank) if policy.bank is not None else ALONE
        digest = hashlib.sha256(f"{version} {policy.specification()!r}".encode())
        for name, values in sorted(policy.arrays().items()):
            digest.update(name.encode() + values.tobytes())
        self._digest = digest.digest()
        self._marked = b"", b""

    def decide(self, state: State, field: str = "states[0]") -> Decision:
        """Return the decision for `state`; `field` names it in errors."""
        memory = recall(state.memory, f"{field}.memory") if state.memory is not None else None
        load = known_load(state, field, memory)
        bank, followed = self._follow(state, load, memory)
        kept = remember(state.minute, load, self.mark(state) + bank.dump())
        return self.decided(state, load, bank, kept, followed)

    def decided(
        self, state: State, load: NDArray[np.float64], bank: Bank, memory: str, followed: int
    ) -> Decision:
        """Return the decision for `state` by a bank that has followed `load`.

        Args:
            state: the state.
            load: up to the minute before it.
            bank: has followed it.
            memory: that was made before.
            followed: minutes that the bank followed for this decision.
        """
        wanted, keep, outside, spread = bank.said.tolist()
        if wanted < 0:
            known = float(np.fmax.reduce(load))
            wanted = keep = float(np.ceil(FIRST_HEADROOM * known / state.capacity))
        fleet = state.active + sum(state.pending)
        guarded = guard(
            int(min(max(fleet, wanted), keep)),
            situation(state, load, max(outside, 0.0), max(spread, 0.0)),
            self.guard_settings,
        )
        return Decision(guarded, fleet, state.decided_minute, memory, bank.features, followed)

    def _follow(
        self, state: State, load: NDArray[np.float64], memory: Remembered | None
    ) -> tuple[Bank, int]:
        """Return the bank after `load`, and the minutes that it had to follow for that."""
        bank = self.restored(state, load, memory)
        if bank is None:
            return self.rebuild(state, load), len(load)
        new = load[len(load) - (state.minute - bank_minute(bank)) :] / state.capacity
        if new.size:  # else it is asked once more
            bank.advance(new, bank.scored_since(state.minute))
        return bank, len(new)

    def rebuild(self, state: State, load: NDArray[np.float64]) -> Bank:
        """Return a bank made from `load` alone."""
        bank = self._bank(state, state.minute - len(load))
        bank.advance(load / state.capacity, bank.scored_since(state.minute))
        return bank

    def _bank(self, state: State, minute: int) -> Bank:
        change_price, minimum = self._prices(state)
        boots = state.boot_minutes or (float(state.warmup_minutes),)
        fleet = Fleet(
            likely_waits(boots, state.launch_failure_rate),
            state.failure_price,
            change_price,
            state.min_machines,
            state.max_machines,
            minimum,
            state.metric_delay_minutes,
        )
        return Bank(self.policy, self.settings, fleet, minute, state.minute - minute)

    def _prices(self, state: State) -> tuple[float, int]:
        """Return the price of a change and the minimum billing time: the state's, or our own."""
        change, minimum = state.change_price, state.minimum_billed_minutes
        return (
            self.change_price if change is None else change,
            self.minimum_billed_minutes if minimum is None else minimum,
        )

    def restored(
        self, state: State, load: NDArray[np.float64], memory: Remembered | None
    ) -> Bank | None:
        """Return the bank that the memory holds, if it is one of this policy, fleet and load."""
        if memory is None or not 0 <= state.minute - memory.after < len(load):
            return None
        mark = self.mark(state)
        known = len(load) - (state.minute - memory.after)  # minutes of `load` before the memory
        # Minutes that are sent again may differ from those remembered: then the bank is made anew.
        if memory.extra[: len(mark)] != mark or not np.array_equal(
            load[:known], memory.load[-known:], equal_nan=True
        ):
            return None
        bank = self._bank(state, memory.after - len(memory.load))
        try:
            bank.restore(memory.extra[len(mark) :], memory.load / state.capacity)
        except ValueError:
            return None
        return bank

    def mark(self, state: State) -> bytes:
        """Return bytes that tell apart what a bank's state depends on beside the load."""
        numbers = (
            state.capacity,
            state.failure_price,
            state.warmup_minutes,
            state.min_machines,
            state.max_machines,
            state.launch_failure_rate,
            state.metric_delay_minutes,
            *self._prices(state),
            *state.boot_minutes,
        )
        packed = struct.pack(f"<{len(numbers)}d", *numbers)
        known, mark = self._marked
        if packed != known:
            mark = hashlib.sha256(self._digest + packed).digest()[:12]
            self._marked = packed, mark
        return mark


def bank_minute(bank: Bank) -> int:
    """Return the minute that the bank decides for."""
    return bank.series.origin + (bank.series.size or LOOKBACK)
