"""The controller: from states (or observations) to decisions, with the artifact's own policy."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import observation as obs
from .guard import limit
from .memory import known_load, remember
from .policy import Policy
from .state import InvalidRequest, State, numbers_alone, parse_state

LARGEST_BATCH = 10_000


@dataclass(frozen=True)
class Decision:
    """What a controller answers for one state.

    Attributes:
        action: machines to add (positive) or to remove.
        desired: machines wanted, in service and on their way.
        memory: text to send with the next state instead of the load before it.
    """

    action: int
    desired: int
    memory: str


class Controller:
    """Decides for a policy of AutoScaling-v0, profile `default`; keeps nothing between calls.

    Attributes:
        most_states: of a request. A decision takes milliseconds, an answer must take seconds.
    """

    most_states = 1000

    def __init__(self, policy: Policy) -> None:
        """Keep the policy, which must take observations of `observation.SIZE` numbers."""
        if policy.head == "continuous":
            raise ValueError("the policy's actions are not numbers of machines")
        if policy.inputs != obs.SIZE:
            raise ValueError(
                f"the policy takes {policy.inputs} numbers, this controller observes {obs.SIZE}"
            )
        self.policy = policy
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
        fleet = state.active + sum(state.pending)
        action = int(self.policy.act(self.observe(state, load)[None])[0])
        # With `actions="desired"` the environment's action is the number of machines itself.
        proposal = action if self.policy.head == "discrete" else fleet + action
        desired = limit(
            proposal,
            load=load,
            capacity=state.capacity,
            min_machines=state.min_machines,
            max_machines=state.max_machines,
        )
        return Decision(desired - fleet, desired, remember(state.minute, load))


class Decides(Protocol):
    """A controller: decides for states, and keeps nothing that a decision depends on."""

    most_states: int

    def decide(self, state: State, field: str) -> Decision:
        """Return the decision for `state`; `field` names it in errors."""


def answer_states(controller: Decides, states: object) -> dict[str, Any]:
    """Return the body of an answer to `{"states": states}`, without the model's version."""
    most = controller.most_states
    if not isinstance(states, list) or not 0 < len(states) <= most:
        raise InvalidRequest(f"must be a list of 1 to {most} states", "states")
    fields = [f"states[{index}]" for index in range(len(states))]
    parsed = [parse_state(raw, field) for raw, field in zip(states, fields, strict=True)]
    decided = [controller.decide(state, field) for state, field in zip(parsed, fields, strict=True)]
    return {
        "actions": [decision.action for decision in decided],
        "desired": [decision.desired for decision in decided],
        "memory": [decision.memory for decision in decided],
    }


def answer_observations(policy: Policy, observations: object) -> dict[str, Any]:
    """Return the body of an answer to `{"observations": observations}`, for any policy."""
    if not isinstance(observations, list) or not 0 < len(observations) <= LARGEST_BATCH:
        raise InvalidRequest(f"must be a list of 1 to {LARGEST_BATCH} rows", "observations")
    for index, row in enumerate(observations):
        if not isinstance(row, list) or len(row) != policy.inputs:
            raise InvalidRequest(
                f"must be a list of {policy.inputs} numbers", f"observations[{index}]"
            )
        if not numbers_alone(row):
            raise InvalidRequest("must hold numbers alone", f"observations[{index}]")
    try:
        rows = np.array(observations, np.float64)
    except OverflowError:
        raise InvalidRequest("must hold finite numbers", "observations") from None
    wrong = np.flatnonzero(~(np.abs(rows) <= np.finfo(np.float32).max).all(axis=1))
    if wrong.size:
        raise InvalidRequest("must hold finite numbers", f"observations[{wrong[0]}]")
    return {"actions": policy.act(rows.astype(np.float32)).tolist()}
