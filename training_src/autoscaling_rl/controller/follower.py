"""Decisions for one fleet, minute after minute, with what is derived from its load kept in memory.

A controller keeps nothing: with every request it takes its bank out of a text and puts it back,
which costs more than the decision. A process that decides for one fleet can keep the bank. What it
decides is, bit for bit, what the controller decides from the same load (`BankController.decide`).
"""

import numpy as np
from numpy.typing import NDArray

from .bank import Bank
from .bank_controller import BankController
from .controller import Controller, Decision
from .guard import GuardSettings
from .inference import Inference
from .memory import begun_load, recall, remember
from .series import DAY
from .state import LONGEST_LOAD, InvalidRequest, State, parse_state

INTERFACE = 2  # of what the edge component calls here: another is another number


def follow(inference: Inference) -> "Follower":
    """Return a follower that decides as `inference` does.

    Raises:
        ValueError: the model decides on observations alone.
    """
    if inference.controller is None:
        raise ValueError("the model decides on observations alone: nothing is to be followed")
    return Follower(inference.controller)


def parse(raw: object, field: str = "state") -> State:
    """Return the state of a request whose load is known elsewhere: it may have none, or nulls.

    Raises:
        InvalidRequest: as `parse_state` does; a memory is not looked at.
    """
    return parse_state({**raw, "memory": ""} if isinstance(raw, dict) else raw, field)


class _Known:
    """The load that was decided from, whole: a copy, of the minutes before `minute`."""

    def __init__(self, minute: int, load: NDArray[np.float64]) -> None:
        self.minute, self._size, self._end = minute, len(load), len(load)
        self._values = _with_room(load)

    @property
    def load(self) -> NDArray[np.float64]:
        """The load; a view that the next `extend` may change."""
        return self._values[self._end - self._size : self._end]

    def extend(self, minute: int, load: NDArray[np.float64]) -> None:
        """Take over a load that goes on where this one ends; see `goes_on`."""
        begin, end = self._end, self._end + minute - self.minute
        if end > len(self._values):
            self._values, begin, end = _with_room(load), len(load), len(load)
        self._values[begin:end] = load[len(load) - (end - begin) :]
        self.minute, self._size, self._end = minute, len(load), end

    def goes_on(self, minute: int, load: NDArray[np.float64], *, vouched: bool) -> bool:
        """Return whether `load` up to `minute` is this one, and maybe some minutes more."""
        begins, began = minute - len(load), self.minute - self._size
        # Two weeks are as good as all that was known before; less is another history.
        if begins < began or (begins > began and len(load) < LONGEST_LOAD):
            return False
        if vouched:
            return True
        common = self.minute - begins
        # Bit for bit, which is faster where minutes are missing (NaN).
        then, now = self.load[self._size - common :], load[:common]
        return bool((now.view(np.int64) == then.view(np.int64)).all())


def _with_room(load: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate((load, np.empty(DAY)))


class Follower:
    """Decides for one fleet; every decision hangs on the state alone, only its speed on the last.

    Attributes:
        rebuilt: times that the bank was made anew from the load, which takes tenths of a second.
    """

    def __init__(self, controller: Controller | BankController) -> None:
        self._controller = controller
        self._bank: Bank | None = None
        self._mark = b""
        self._known: _Known | None = None  # what the bank has followed
        self.rebuilt = 0

    def use_guard(self, settings: GuardSettings) -> None:
        """Have the guard rails use other settings from the next decision on."""
        self._controller.guard_settings = settings

    def decide(
        self,
        state: State,
        load: NDArray[np.float64] | None = None,
        field: str = "state",
        *,
        vouched: bool = False,
    ) -> Decision:
        """Return the decision for a state.

        The decision's `memory` is empty: see `memory`.

        Args:
            state: its memory is not looked at.
            load: all that is known of the minutes before the state's, in place of what it tells of
                them; up to 14 days count.
            field: names the state in errors.
            vouched: whether the caller knows that no minute before the last decision's is told
                otherwise than then: two weeks of minutes need not be compared. If that is wrong,
                the decision is made from what was told then.

        Raises:
            InvalidRequest: no minute of load is known.
        """
        whole = (state.load if load is None else load)[-LONGEST_LOAD:]
        begun = begun_load(whole, field)
        controller = self._controller
        if isinstance(controller, Controller):
            self._known = _Known(state.minute, whole)
            return controller.decided(state, begun, "")
        before = self.rebuilt
        bank = self._followed(controller, state, whole, len(begun), vouched)
        return controller.decided(state, begun, bank, "", len(begun) * (self.rebuilt - before))

    def memory(self) -> str | None:
        """Return the text that the controller would answer with now; None before any decision."""
        if self._known is None:
            return None
        load, extra = begun_load(self._known.load, "state"), b""
        if self._bank is not None:
            bank, self._bank = self._bank, None  # half a bank is none
            extra = self._mark + bank.dump()
            self._bank = bank
        return remember(self._known.minute, load, extra)

    def restore(self, memory: str, state: State) -> bool:
        """Take over the bank that a text holds, if it is one of this policy, fleet and load.

        Args:
            memory: what `memory` returned, maybe in another process.
            state: of now or later, its load all that is known.
        """
        controller = self._controller
        if not isinstance(controller, BankController):
            return False
        try:
            remembered = recall(memory, "memory")
            load = begun_load(state.load, "state")
        except InvalidRequest:
            return False
        bank = controller.restored(state, load, remembered)
        if bank is None:
            return False
        self._bank, self._mark = bank, controller.mark(state)
        self._known = _Known(remembered.after, np.ascontiguousarray(remembered.load))
        return True

    def prepare(self) -> None:
        """Do what can be done before the next minute's load is there, in otherwise idle time."""
        bank, self._bank = self._bank, None  # whatever happens below, half a bank is none
        if bank is not None:
            bank.prepare()
        self._bank = bank

    def _followed(
        self,
        controller: BankController,
        state: State,
        load: NDArray[np.float64],
        known_minutes: int,
        vouched: bool,
    ) -> Bank:
        """Return the bank after `load`: the one that is there, if it has followed the same.

        Of its minutes the last `known_minutes` begin with one that is not missing.
        """
        mark, bank, before = controller.mark(state), self._bank, self._known
        new = state.minute - before.minute if before is not None else -1
        if (
            bank is None
            or before is None
            or mark != self._mark
            or not 0 <= new < known_minutes
            or not before.goes_on(state.minute, load, vouched=vouched)
        ):
            self._bank = None  # whatever happens below, half a bank is none
            bank = controller.rebuild(state, load[len(load) - known_minutes :])
            self.rebuilt += 1
            self._known = _Known(state.minute, load)
        elif new:
            self._bank = None
            since = bank.scored_since(state.minute)  # after a pause of days less has to be scored
            bank.advance(load[len(load) - new :] / state.capacity, since)
            before.extend(state.minute, load)
        self._bank, self._mark = bank, mark
        return bank
