"""Inference requests answered by the artifact's own code: the same everywhere."""

import hashlib
import json
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from . import features, observation
from .bank_controller import BankController
from .controller import Controller, answer_observations, answer_states, read_observations
from .guard import DEFAULTS, GuardSettings
from .policy import Policy
from .state import InvalidRequest

FORMS = ("observations", "states")
LONGEST_FIELD = 200  # characters of a field that an error names

# Takes how a decision for a state came about, as JSON values: fleet, proposal, desired, fallback,
# doubts, guards and features.
Explain = Callable[[dict[str, Any]], None]


class Inference:
    """Answers to the bodies that the contract defines for POST /invocations; keeps nothing.

    Attributes:
        version: what decides, in 12 hexadecimal digits; see `model_version`.
        guard_settings: the artifact's, changed by those given.
        controller: decides for states; None if the model decides on observations alone.
    """

    def __init__(
        self,
        policy: Policy,
        manifest: Mapping[str, Any],
        guard: Mapping[str, Any] | None = None,
        explain: Explain | None = None,
    ) -> None:
        """Keep the policy and what the manifest says of its input.

        Args:
            policy: the policy.
            manifest: of the artifact.
            guard: settings of the guard rails in place of the artifact's, see `GuardSettings`.
            explain: called with each decision for a state.

        Raises:
            ValueError: the policy was made for observations that this code does not compute, or
                the guard's settings are wrong.
        """
        self.version = model_version(manifest)
        self.guard_settings = GuardSettings.of({**manifest.get("guard", {}), **(guard or {})})
        self._explain = explain
        self._policy = policy
        self.controller: Controller | BankController | None = None
        if manifest["input"] == "states":
            version = manifest["environment"].get("version")
            if version != f"observation {observation.VERSION}":
                raise ValueError(
                    f"the environment of the model has version {version!r}, its code computes"
                    f" observation {observation.VERSION}: train again"
                )
            observed = manifest["observation"].get("version", observation.VERSION)
            if observed != observed_version(policy):
                raise ValueError(
                    f"the model observes by version {observed!r}, its code by"
                    f" {observed_version(policy)}: train again"
                )
            settings = manifest["environment"].get("settings", {})
            self.controller = make_controller(
                policy,
                version=self.version,
                change_price=float(settings.get("change_price", 0.0)),
                minimum_billed_minutes=int(settings.get("minimum_billed_minutes", 0)),
                guard_settings=self.guard_settings,
            )

    @classmethod
    def load(
        cls,
        folder: Path,
        guard: Mapping[str, Any] | None = None,
        explain: Explain | None = None,
    ) -> "Inference":
        """Return the inference of the unpacked artifact in `folder`, which must be verified."""
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        policy = Policy.load(folder / "policy.npz", manifest["action"])
        return cls(policy, manifest, guard, explain)

    def respond(self, body: object) -> tuple[int, dict[str, Any]]:
        """Return HTTP status and answer to `body`, parsed JSON: 200, or 400 with the error."""
        try:
            return 200, self.answer(body)
        except InvalidRequest as error:
            return 400, error_body(error.code, error.message, error.field)

    def respond_all(self, bodies: list[object]) -> list[tuple[int, dict[str, Any]]]:
        """Return what `respond` does of each; one pass of the network acts on all observations."""
        rows = [_observations(body) for body in bodies]
        try:
            together = read_observations(self._policy.inputs, list(chain.from_iterable(rows)))
        except InvalidRequest:  # one of them is wrong, or all are too many: each on its own
            return [self.respond(body) for body in bodies]
        actions, begin, answers = self._policy.act(together).tolist(), 0, []
        for body, own in zip(bodies, rows, strict=True):
            end = begin + len(own)
            said = {"actions": actions[begin:end], "model_version": self.version}
            answers.append((200, said) if own else self.respond(body))
            begin = end
        return answers

    def answer(self, body: object) -> dict[str, Any]:
        """Return the answer to `body`, parsed JSON.

        Raises:
            InvalidRequest: with the field that is wrong and what is expected of it.
        """
        if not isinstance(body, dict):
            raise InvalidRequest('must be an object: {"observations": [...]}', "body")
        for key in body:
            if key not in FORMS:
                raise InvalidRequest(f"unknown key: known are {', '.join(FORMS)}", key)
        if len(body) != 1:
            raise InvalidRequest('give either "observations" or "states"', "body")
        if "observations" in body:
            answer = answer_observations(self._policy, body["observations"])
        elif self.controller is not None:
            answer = self._decide(self.controller, body["states"])
        else:
            raise InvalidRequest(
                'this model decides on observations alone: send {"observations": [...]} with rows'
                f" of {self._policy.inputs} numbers",
                "states",
            )
        return {**answer, "model_version": self.version}

    def _decide(self, controller: Controller | BankController, states: object) -> dict[str, Any]:
        explain = self._explain
        if explain is None:
            return answer_states(controller, states)
        named = {"model_version": self.version}
        return answer_states(controller, states, lambda line: explain({**named, **line}))


def _observations(body: object) -> list[Any]:
    """Return the rows of a body of observations; none of any other, or of a wrong one."""
    if isinstance(body, dict) and len(body) == 1:
        rows = body.get("observations")
        if isinstance(rows, list):
            return rows
    return []


def observed_names(policy: Policy) -> tuple[str, ...]:
    """Return the names of the numbers that a policy of AutoScaling-v0 takes."""
    return features.NAMES if policy.fixed_point else observation.NAMES


def observed_version(policy: Policy) -> int:
    """Return the version of the code that computes these numbers."""
    return features.VERSION if policy.fixed_point else observation.VERSION


def make_controller(
    policy: Policy,
    *,
    version: str = "",
    change_price: float = 0.0,
    minimum_billed_minutes: int = 0,
    guard_settings: GuardSettings = DEFAULTS,
) -> Controller | BankController:
    """Return the controller of a policy of AutoScaling-v0.

    Args:
        policy: one that takes the observation, or features (then it is in fixed point).
        version: of what decides, see `model_version`.
        change_price: machine-minutes that adding or removing a machine costs.
        minimum_billed_minutes: minutes that a machine is billed for at least.
        guard_settings: of the guard rails.
    """
    if policy.fixed_point:
        return BankController(
            policy,
            version=version,
            change_price=change_price,
            minimum_billed_minutes=minimum_billed_minutes,
            guard_settings=guard_settings,
        )
    return Controller(policy, guard_settings)


def model_version(manifest: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits that stand for all that decides: weights, action and code.

    Figures that an evaluation adds to the artifact do not change it.
    """
    files = {
        name: digest
        for name, digest in manifest["files"].items()
        if name == "policy.npz" or name.startswith("code/")
    }
    text = json.dumps({"action": manifest["action"], "files": files}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def error_body(code: str, message: str, field: str | None) -> dict[str, Any]:
    """Return the body of an answer that reports an error; `field` is what is wrong, if anything."""
    # A client's own unknown key may be of any length.
    return {"error": {"code": code, "message": message, "field": field and field[:LONGEST_FIELD]}}
