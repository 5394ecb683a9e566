"""Settings of FMU-v0: which variables of a simulator are actions, observations and reward."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autoscaling_rl.settings import setting, shorten, unknown

RESETS = ("reset", "instantiate")
MOST_CHOICES = 1000  # of a discrete action: a network has an output for each
Table = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class FmuSettings:
    """What a preset says of a simulator that was exported as FMU.

    Attributes:
        fmu: file of the FMU, relative to the bundle's root or to an input channel.
        sha256: the file's SHA-256; empty: not checked. Jobs fill it in, so that an evaluation runs
            the simulator of the training.
        inputs: by name, a range `{ low = 0, high = 1 }`, or for every input its choices
            `{ values = [0, 1] }`. All of them together are the action.
        outputs: by name, `{ low = 0, high = 1 }` or `{}`; these are the observation, in this order.
            Values beyond a bound are clipped to it.
        parameters: start values by name, or `{ low = 0, high = 1 }`: drawn anew for each episode.
        reward: by name of an output or input, a weight, or `{ weight = -1, target = 21, power = 2
            }`: weight times |value - target| to the power 1 or 2, at the end of each step.
        step_reward: added at every step.
        terminate: by name, `{ low = 0 }`, `{ high = 1 }` or both; outside of it the episode ends.
        terminal_reward: added at a step that ends the episode so.
        step_seconds: simulated time between two actions; 0: the FMU's default step size.
        episode_seconds: simulated time of an episode; 0: up to the FMU's default
            stop time.
        scale_actions: whether ranges of inputs are mapped to -1..1, which PPO needs to explore.
        reset: "reset" the simulator between episodes, or "instantiate" it anew, for simulators that
            keep something.
        logging: whether the simulator writes its log; what it wrote last is told where it fails.
    """

    fmu: str = ""
    sha256: str = ""
    inputs: Table = field(default_factory=dict)
    outputs: Table = field(default_factory=dict)
    parameters: Table = field(default_factory=dict)
    reward: Table = field(default_factory=dict)
    step_reward: float = 0.0
    terminate: Table = field(default_factory=dict)
    terminal_reward: float = 0.0
    step_seconds: float = setting(0.0, minimum=0.0)
    episode_seconds: float = setting(0.0, minimum=0.0)
    scale_actions: bool = True
    reset: str = setting("reset", choices=RESETS)
    logging: bool = False

    def __post_init__(self) -> None:
        """Refuse tables that cannot be meant, with what they must be."""
        for name in ("fmu", "inputs", "outputs"):
            if not getattr(self, name):
                raise ValueError(f"environment.{name} is missing: {_EXAMPLES[name]}")
        if not self.reward and not self.step_reward:
            raise ValueError(f"environment.reward is missing: {_EXAMPLES['reward']}")
        self.ranges()
        self.choices()
        self.terms()
        for name, value in self.outputs.items():
            _numbers(value, f"outputs.{name}", optional=("low", "high"))
        for name, value in self.parameters.items():
            _number_or_range(value, f"parameters.{name}")
        for name, value in self.terminate.items():
            if not _numbers(value, f"terminate.{name}", optional=("low", "high")):
                raise ValueError(f"environment.terminate.{name} needs low, high or both")

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return lowest and highest value of every input; empty if inputs have choices."""
        if self._discrete():
            return {}
        return {
            name: (bounds["low"], bounds["high"])
            for name, value in self.inputs.items()
            for bounds in [_numbers(value, f"inputs.{name}", required=("low", "high"))]
        }

    def choices(self) -> dict[str, tuple[float, ...]]:
        """Return the values of every input; empty if inputs have ranges."""
        if not self._discrete():
            return {}
        found = {name: _choices(value, f"inputs.{name}") for name, value in self.inputs.items()}
        if math.prod(map(len, found.values())) > MOST_CHOICES:
            raise ValueError(
                f"environment.inputs have more than {MOST_CHOICES} combinations of values: name"
                " fewer, or give every input low and high"
            )
        return found

    def terms(self) -> list[tuple[str, float, float | None, int]]:
        """Return the terms of the reward: name, weight, target or None for the value as it is."""
        found: list[tuple[str, float, float | None, int]] = []
        for name, value in self.reward.items():
            place = f"reward.{name}"
            if not isinstance(value, Mapping):
                found.append((name, _number(value, place), None, 1))
                continue
            term = _numbers(value, place, required=("weight",), optional=("target", "power"))
            if term.get("power", 1) not in (1, 2):
                raise ValueError(f"environment.{place}.power must be 1 or 2")
            found.append((name, term["weight"], term.get("target", 0.0), int(term.get("power", 1))))
        return found

    def _discrete(self) -> bool:
        kinds = {isinstance(each, Mapping) and "values" in each for each in self.inputs.values()}
        if len(kinds) > 1:
            raise ValueError(
                "environment.inputs mix values with ranges: an action has either, so give every"
                " input values, or every input low and high"
            )
        return True in kinds


_EXAMPLES = {
    "fmu": 'name the file, e.g. fmu = "room.fmu"',
    "inputs": "name what is controlled, e.g. inputs = { heating = { low = 0, high = 1 } }",
    "outputs": "name what is observed, e.g. outputs = { temperature = { low = -20, high = 60 } }",
    "reward": "name what is good, e.g. reward = { temperature = { weight = -1, target = 21 } }",
}


def _numbers(
    value: object, place: str, *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> dict[str, float]:
    """Return a table of numbers, or raise ValueError with what it must be."""
    if not isinstance(value, Mapping):
        words = ", ".join(f"{key} = NUMBER" for key in (*required, *optional))
        raise ValueError(f"environment.{place} must be a table {{ {words} }}, not {shorten(value)}")
    for key in value:
        if key not in (*required, *optional):
            raise ValueError(
                unknown(f"environment.{place} has no setting", str(key), (*required, *optional))
            )
    for key in required:
        if key not in value:
            raise ValueError(f"environment.{place}.{key} is missing")
    numbers = {key: _number(number, f"{place}.{key}") for key, number in value.items()}
    if numbers.get("low", -math.inf) >= numbers.get("high", math.inf):
        raise ValueError(f"environment.{place}.low must be less than its high")
    return numbers


def _number_or_range(value: object, place: str) -> None:
    if isinstance(value, Mapping):
        _numbers(value, place, required=("low", "high"))
    else:
        _number(value, place)


def _choices(value: Mapping[str, Any], place: str) -> tuple[float, ...]:
    if set(value) != {"values"} or not isinstance(value["values"], list | tuple):
        raise ValueError(f"environment.{place} must be a table {{ values = [NUMBER, ...] }}")
    numbers = tuple(_number(each, f"{place}.values") for each in value["values"])
    if len(numbers) < 2:
        raise ValueError(f"environment.{place}.values must name at least two values")
    return numbers


def _number(value: object, place: str) -> float:
    """Return `value` as a number; true and false are 1 and 0, for the FMU's Booleans."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"environment.{place} must be a finite number, not {shorten(value)}")
    return float(value)
