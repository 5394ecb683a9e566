"""The controller: from states (or observations) to decisions, with the artifact's own policy."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import observation as obs
from .guard import DEFAULTS, Guarded, GuardSettings, Situation, guard
from .memory import filled, known_load, remember
from .policy import Policy
from .state import LONGEST_LOAD, InvalidRequest, State, numbers_alone, parse_state

LARGEST_BATCH = 10_000
MOST_FOLLOWED = 5 * LONGEST_LOAD  # minutes that no memory holds, of a request: some seconds
LARGEST_NUMBER = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Decision:
    """What a controller answers for one state.

    Attributes:
        guarded: machines wanted, in service and on their way, and how they came about.
        fleet: machines in service and on their way now.
        minute: that was decided for, in minutes since 1970-01-01 UTC.
        memory: text to send with the next state instead of the load before it.
        features: returns what the policy read, by name; holds what it reads that from.
        followed: minutes of load that were worked through for the decision.
    """

    guarded: Guarded
    fleet: int
    minute: int
    memory: str
    features: Callable[[], dict[str, float]] = field(compare=False)
    followed: int = field(default=0, compare=False)

    @property
    def desired(self) -> int:
        """Machines wanted, in service and on their way."""
        return self.guarded.desired

    @property
    def action(self) -> int:
        """Machines to add (positive) or to remove."""
        return self.guarded.desired - self.fleet

    def explanation(self) -> dict[str, Any]:
        """Return JSON values that say how the decision came about."""
        guarded = self.guarded
        moment = datetime.fromtimestamp(60 * self.minute, UTC)
        return {
            "timestamp": moment.isoformat(timespec="minutes").replace("+00:00", "Z"),
            "fleet": self.fleet,
            "proposal": guarded.proposal,
            "desired": guarded.desired,
            "fallback": guarded.fallback,
            "doubts": list(guarded.doubts),
            "guards": [
                {"guard": name, "before": before, "after": after}
                for name, before, after in guarded.changes
            ],
            "features": {name: round(value, 4) for name, value in self.features().items()},
        }


def situation(
    state: State, load: NDArray[np.float64], outside: float, spread: float = 0.0
) -> Situation:
    """Return what the guard knows of a state, after `load` with its missing minutes."""
    return Situation(
        fleet=state.active + sum(state.pending),
        load=load,
        capacity=state.capacity,
        min_machines=state.min_machines,
        max_machines=state.max_machines,
        since_added=state.since_added,
        since_removed=state.since_removed,
        outside=outside,
        spread=spread,
    )


class Controller:
    """Decides for a policy of AutoScaling-v0, profile `default`; keeps nothing between calls.

    Attributes:
        most_states: of a request. A decision takes milliseconds, an answer must take seconds.
    """

    most_states = 1000

    def __init__(self, policy: Policy, guard_settings: GuardSettings = DEFAULTS) -> None:
        """Keep the policy, which must take observations of `observation.SIZE` numbers."""
        if policy.head == "continuous":
            raise ValueError("the policy's actions are not numbers of machines")
        if policy.inputs != obs.SIZE:
            raise ValueError(
                f"the policy takes {policy.inputs} numbers, this controller observes {obs.SIZE}"
            )
        self.policy, self.guard_settings = policy, guard_settings
        self._calendar = obs.calendar()

    def observe(self, state: State, load: NDArray[np.float64]) -> obs.FloatArray:
        """Return the observation, shape (SIZE,), of `state` after `load` (at least one minute)."""
        warmup = state.warmup_minutes
        demand = obs.demand(load[-obs.HISTORY :], state.capacity)
        missing = obs.HISTORY - len(demand)
        values = np.concatenate((np.full(missing, demand[0], np.float32), demand))[:, None]
        # Forecasts read no later minute than `now`, but those of a season ago need the rows.
        now, known = obs.HISTORY, len(demand)
        out = np.zeros((obs.SIZE, 1), np.float32)
        obs.write_observations(
            out,
            values,
            now + obs.observation_offsets(warmup),
            np.array([state.minute_of_week]),
            np.zeros((4, 1), np.float32),
            obs.window_statistics(values, now, missing, warmup),
            float(known >= obs.DAY + obs.RECENT),
            float(known >= obs.WEEK + obs.RECENT),
            float(np.log(state.failure_price / 20.0)),
            warmup,
            self._calendar,
        )
        row = out[:, 0]
        share = min(state.failed, load[-1]) / load[-1] if load[-1] > 0 else 0.0
        soon = sum(state.pending[: warmup // 2])
        obs.set_fleet(row, state.active, sum(state.pending), soon, share)
        return row

    def decide(self, state: State, field: str = "states[0]") -> Decision:
        """Return the decision for `state`; `field` names it in errors."""
        load = known_load(state, field)
        return self.decided(state, load, remember(state.minute, load))

    def decided(self, state: State, load: NDArray[np.float64], memory: str) -> Decision:
        """Return the decision for `state` after `load`, with a memory that was made before."""
        fleet = state.active + sum(state.pending)
        row = self.observe(state, filled(load))
        action = int(self.policy.act(row[None])[0])
        # With `actions="desired"` the environment's action is the number of machines itself.
        proposal = action if self.policy.head == "discrete" else fleet + action
        outside = float(self.policy.distance(row[None])[0])
        guarded = guard(proposal, situation(state, load, outside), self.guard_settings)

        def features() -> dict[str, float]:
            return dict(zip(obs.NAMES, row.tolist(), strict=True))

        return Decision(guarded, fleet, state.decided_minute, memory, features)


class Decides(Protocol):
    """A controller: decides for states, and keeps nothing that a decision depends on."""

    most_states: int

    def decide(self, state: State, field: str) -> Decision:
        """Return the decision for `state`; `field` names it in errors."""


def answer_states(
    controller: Decides, states: object, explain: Callable[[dict[str, Any]], None] | None = None
) -> dict[str, Any]:
    """Return the body of an answer to `{"states": states}`, without the model's version.

    Args:
        controller: decides.
        states: parsed JSON.
        explain: is called with how each decision came about, once all are made.
    """
    most = controller.most_states
    if not isinstance(states, list) or not 0 < len(states) <= most:
        raise InvalidRequest(f"must be a list of 1 to {most} states", "states")
    names = [f"states[{index}]" for index in range(len(states))]
    parsed = [parse_state(raw, name) for raw, name in zip(states, names, strict=True)]
    answer: dict[str, Any] = {"actions": [], "desired": [], "memory": []}
    lines, followed = [], 0
    for state, name in zip(parsed, names, strict=True):
        decision = controller.decide(state, name)
        followed += decision.followed
        if followed > MOST_FOLLOWED:
            raise InvalidRequest(
                f"hold over {MOST_FOLLOWED} minutes of load that no memory holds: send fewer at a"
                " time, or the memory of the last answers",
                "states",
            )
        answer["actions"].append(decision.action)
        answer["desired"].append(decision.desired)
        answer["memory"].append(decision.memory)
        if explain is not None:  # now: a decision holds its bank, which is large
            lines.append(decision.explanation())
    if explain is not None:
        for line in lines:
            explain(line)
    return answer


def answer_observations(policy: Policy, observations: object) -> dict[str, Any]:
    """Return the body of an answer to `{"observations": observations}`, for any policy."""
    return {"actions": policy.act(read_observations(policy.inputs, observations)).tolist()}


def read_observations(inputs: int, observations: object) -> NDArray[np.float32]:
    """Return the observations of a request, shape (n, inputs).

    Args:
        inputs: numbers that each must have.
        observations: parsed JSON.

    Raises:
        InvalidRequest: they are not lists of so many finite numbers.
    """
    if not isinstance(observations, list) or not 0 < len(observations) <= LARGEST_BATCH:
        raise InvalidRequest(f"must be a list of 1 to {LARGEST_BATCH} rows", "observations")
    # All rows at once: looking at one after the other takes as long as the network does.
    shaped = set(map(type, observations)) == {list} and set(map(len, observations)) == {inputs}
    numbers = list(chain.from_iterable(observations)) if shaped else []
    if not shaped or not numbers_alone(numbers):
        raise _wrong_row(inputs, observations)
    try:
        # Python's own way from its numbers to doubles, which takes a quarter of NumPy's time.
        packed = struct.pack(f"{len(numbers)}d", *numbers)
    except (OverflowError, struct.error):
        raise InvalidRequest("must hold finite numbers", "observations") from None
    rows = np.frombuffer(packed).reshape(-1, inputs)
    possible = np.abs(rows) <= LARGEST_NUMBER  # also refuses NaN
    if not possible.all():
        wrong = np.flatnonzero(~possible.all(axis=1))[0]
        raise InvalidRequest("must hold finite numbers", f"observations[{wrong}]")
    return rows.astype(np.float32)


def _wrong_row(inputs: int, observations: list[Any]) -> InvalidRequest:
    """Return what is wrong with the first row that is not of so many numbers."""
    for index, row in enumerate(observations):
        if not isinstance(row, list) or len(row) != inputs:
            return InvalidRequest(f"must be a list of {inputs} numbers", f"observations[{index}]")
        if not numbers_alone(row):
            break
    return InvalidRequest("must hold numbers alone", f"observations[{index}]")
