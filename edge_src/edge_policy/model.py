"""A model that passed the start gate, and decides with the artifact's own code."""

import contextlib
import importlib
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import artifact, runtimes
from .artifact import BadModel
from .messages import Message, Refused
from .outcome import LONGEST_TEXT, ModelFailed, Outcome, OwnCode
from .timeline import NEVER, Timeline

FOLLOWER_INTERFACE = 2


class Model:
    """A model in memory.

    Attributes:
        id: of its artifact.
        version: what the artifact's code calls it: stands for weights and code.
        manifest: of the artifact.
        runtime: what computes its network.
        reason: why that is not what was asked for; empty if it is.
        decides_states: whether it takes states; else observations alone.
    """

    def __init__(self, folder: Path, *, guard: Mapping[str, Any], runtime: str) -> None:
        """Pass the start gate: files as listed, golden actions reproduced; then load.

        Args:
            folder: of the unpacked artifact; its name is its id.
            guard: settings of the guard rails in place of the artifact's; what its code does not
                take is left out.
            runtime: asked for, one of `runtimes.RUNTIMES`.

        Raises:
            BadModel: it did not pass.
        """
        self.id, self.manifest = folder.name, artifact.check(folder)
        self._folder = folder
        self._explained: dict[str, Any] = {}
        self._memory: tuple[str, int, int] | None = None
        self._seen: tuple[Timeline, int] | None = None  # what the follower last decided from
        self.decides_states = self.manifest["input"] == "states"
        code = artifact.load_code(folder).__name__
        try:
            with OwnCode():
                self._load(code, runtime)
                self._inference = self._make(guard)
                self.version = str(self._inference.version)[:LONGEST_TEXT]
                self._follower: Any = self._follow() if self.decides_states else None
        except ModelFailed as error:
            raise BadModel(f"the model cannot be loaded: {error}"[:300]) from error

    def _load(self, code: str, runtime: str) -> None:
        """Load the parts of the artifact's code and the policy, which must act as it did."""
        self._inference_code = importlib.import_module(f"{code}.inference")
        self._guard_code = importlib.import_module(f"{code}.guard")
        self._state_code = importlib.import_module(f"{code}.state")
        self._follower_code = _optional(f"{code}.follower")
        policy_code = importlib.import_module(f"{code}.policy")
        policy = policy_code.Policy.load(self._folder / "policy.npz", self.manifest["action"])
        observations, actions = artifact.golden(self._folder)
        if not artifact.reproduces(policy, observations, actions):
            raise BadModel("the model does not reproduce its golden actions")
        self.runtime, self.reason = runtimes.NUMPY, ""
        if runtime == runtimes.ONNX:
            policy, self.reason = runtimes.with_onnx(policy, self._folder, observations)
            self.runtime = runtimes.NUMPY if self.reason else runtimes.ONNX
        self._policy = policy

    def check_guard(self, name: str, value: object) -> None:
        """Check a setting of the guard rails by the artifact's own code.

        Raises:
            ValueError: with what is wrong.
        """
        try:
            with OwnCode():
                self._guard_code.GuardSettings.of({name: value})
        except ModelFailed as error:
            reason = error.__cause__
            raise ValueError(str(reason if isinstance(reason, ValueError) else error)) from None

    def use_guard(self, guard: Mapping[str, Any]) -> None:
        """Have the guard rails use other settings in place of the artifact's from now on.

        Raises:
            ModelFailed: the artifact's code did; the settings are those of before.
        """
        with OwnCode():
            given = {**self.manifest.get("guard", {}), **self._known(guard)}
            if self._follower is not None:
                self._follower.use_guard(self._guard_code.GuardSettings.of(given))
            else:
                self._inference = self._make(guard)

    def decide(self, message: Message, timeline: Timeline, *, aside: bool = False) -> Outcome:
        """Return the decision for a state, from all the load that is known before it.

        Args:
            message: with the state.
            timeline: ends at the message's minute.
            aside: whether the next state will not follow on this one.

        Raises:
            Refused: the artifact's code refuses the state.
            ModelFailed: it failed.
        """
        with OwnCode():
            return self._decided(message, timeline, aside)

    def _decided(self, message: Message, timeline: Timeline, aside: bool) -> Outcome:
        state = dict(message.state)
        for key, changed in (("added", timeline.added), ("removed", timeline.removed)):
            since = timeline.since(changed, message.decided)
            if since < NEVER:
                state.setdefault(f"minutes_since_{key}", since)
        if self._follower is None:
            return self._respond(state, timeline, aside)
        if "failed" not in state:  # which must hold the same minutes
            state.pop("load", None)  # was read already
        try:
            parsed = self._follower_code.parse(state)
            decision = self._followed(parsed, timeline, aside)
        except self._state_code.InvalidRequest as error:
            raise _refused(error.message, error.field, error.code) from None
        guarded = decision.guarded
        return Outcome(
            decision.action, guarded.desired, guarded.fallback, guarded.doubts, decision.features
        )

    def _followed(self, state: Any, timeline: Timeline, aside: bool) -> Any:  # noqa: ANN401 (its own)
        """Return the follower's decision, which is told whether old minutes are as they were."""
        if aside:
            return self._follow().decide(state, timeline.load)
        now = timeline, timeline.revision
        decision = self._follower.decide(state, timeline.load, vouched=self._seen == now)
        self._seen = now
        return decision

    def act(self, observations: object) -> list[Any]:
        """Return the actions for observations.

        Raises:
            Refused: the artifact's code refuses them.
            ModelFailed: it failed.
        """
        with OwnCode():
            actions: list[Any] = self._answer({"observations": observations})["actions"]
            return actions

    def prepare(self) -> None:
        """Do what can be done before the next minute.

        Raises:
            ModelFailed: the artifact's code did.
        """
        if self._follower is not None:
            with OwnCode():
                self._follower.prepare()

    def memory(self) -> str | None:
        """Return a text that `restore` takes; None before any decision, and without a follower.

        Raises:
            ModelFailed: the artifact's code did.
        """
        if self._follower is None:
            return None
        with OwnCode():
            text: str | None = self._follower.memory()
            return text

    def restore(self, memory: str, message: Message, timeline: Timeline) -> bool:
        """Take over a text of `memory`, before the first decision; return whether it was of use.

        Raises:
            ModelFailed: the artifact's code did.
        """
        if self._follower is None:
            return False
        self._seen = None
        with OwnCode():
            try:
                parsed = replace(self._follower_code.parse(message.state), load=timeline.load)
            except self._state_code.InvalidRequest:
                return False
            return bool(self._follower.restore(memory, parsed))

    def _make(self, guard: Mapping[str, Any]) -> Any:  # noqa: ANN401 (of the artifact's own class)
        explained = self._explained
        return self._inference_code.Inference(
            self._policy, self.manifest, guard=self._known(guard), explain=explained.update
        )

    def _known(self, guard: Mapping[str, Any]) -> dict[str, Any]:
        """Return those settings that this model's code takes: a setting must not stop a model."""
        known = {}
        for name, value in guard.items():
            with contextlib.suppress(ValueError):
                self.check_guard(name, value)
                known[name] = value
        return known

    def _follow(self) -> Any:  # noqa: ANN401 (of the artifact's own class)
        """Return a follower, if the artifact's code has one that this code can use."""
        code = self._follower_code
        if code is None or getattr(code, "INTERFACE", None) != FOLLOWER_INTERFACE:
            return None
        return code.follow(self._inference)

    def _respond(self, state: dict[str, Any], timeline: Timeline, aside: bool) -> Outcome:
        """Decide as the endpoint does, with the memory of the last answer if nothing changed."""
        new, load = len(timeline.load), timeline.load
        if self._memory and not aside:
            text, revision, minute = self._memory
            if revision == timeline.revision and 0 <= timeline.minute - minute < len(load):
                new, state = timeline.minute - minute, {**state, "memory": text}
        told = load[len(load) - new :].tolist()
        state["load"] = [None if value != value else value for value in told]
        if len(state.get("failed", [])) not in (0, new):
            state["failed"] = ([0.0] * new + state["failed"])[-new:] if new else []
        answer = self._answer({"states": [state]})
        if not aside:
            self._memory = answer["memory"][0], timeline.revision, timeline.minute
        said = self._explained
        return Outcome(
            answer["actions"][0],
            answer["desired"][0],
            bool(said.get("fallback")),
            tuple(said.get("doubts", ())),
            lambda: dict(said.get("features", {})),
        )

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        status, answer = self._inference.respond(body)
        if status != 200:
            error = answer["error"]
            raise _refused(error["message"], error["field"], error["code"])
        return dict(answer)


def _refused(message: str, field: str | None, code: str) -> Refused:
    """Return what the model's code refuses, its field named as the component's own messages do."""
    where = re.sub(r"^states?(\[0\])?\.", "", field) if field else None
    return Refused(message, where, code)


def _optional(name: str) -> Any:  # noqa: ANN401
    """Return a module of the model's code, or None: older models do not have it."""
    return sys.modules.get(name)
