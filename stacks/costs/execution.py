"""What an execution of the workflow costs that trains, passes its gate and deploys everywhere."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from stacks.config import StageConfig
from stacks.costs.prices import HOURS, Prices, Row
from stacks.costs.templates import Templates, counted, definition, invoked_functions
from stacks.costs.volumes import Volumes


class Execution:
    """Rows for an execution."""

    def __init__(self, config: StageConfig, prices: Prices, volumes: Volumes) -> None:
        self._config, self._row, self._volumes = config, prices.row, volumes

    def rows(self, templates: Templates) -> list[Row]:
        """Return the rows, instances at their price on demand."""
        functions = invoked_functions(templates)
        return [
            *self._jobs(),
            *self._deployment(),
            *self._functions(functions),
            *self._transitions(templates, functions),
            *self._storage(),
            *self._observation(templates, functions),
        ]

    def _jobs(self) -> Iterator[Row]:
        training, volumes = self._config.training, self._volumes
        kind, count = training.instance_types[0], training.instance_count
        price = f"training {kind}"
        hours = count * volumes.training_minutes / 60
        yield self._row(price, f"training job, {count} x {kind}", hours, spot=True)
        evaluation = volumes.evaluation_minutes / 60
        yield self._row(price, f"evaluation job, 1 x {kind}", evaluation, spot=True)
        if training.warm_pool_seconds:
            warm = (count + 1) * training.warm_pool_seconds / 3600
            yield self._row(price, "instances kept warm", warm)
        stored = training.volume_gigabytes * (hours + evaluation) / HOURS
        yield self._row("instance-storage", "volumes of the jobs", stored)

    def _deployment(self) -> Iterator[Row]:
        # The old fleet and the new one stand side by side while alarms are watched.
        serving = self._config.serving
        if serving.serverless_memory_mb or serving.model_package:
            return
        kind, count = serving.instance_type, serving.instance_count
        hours = count * self._rollout_minutes / 60
        what = f"second fleet during a deployment, at most, {count} x {kind}"
        yield self._row(f"hosting {kind}", what, hours)

    @property
    def _rollout_minutes(self) -> float:
        serving = self._config.serving
        waits = 0 if serving.serverless_memory_mb else 2 if serving.instance_count > 1 else 1
        return self._volumes.start_minutes + waits * serving.bake_minutes

    def _functions(self, functions: list[Mapping[str, Any]]) -> Iterator[Row]:
        yield self._row("lambda-request", "calls of functions", len(functions))
        seconds: dict[str, float] = {}
        for function in functions:
            [architecture] = function.get("Architectures", ["x86_64"])
            used = function.get("MemorySize", 128) / 1024 * self._volumes.function_seconds
            seconds[architecture] = seconds.get(architecture, 0) + used
        for architecture, used in seconds.items():
            yield self._row(f"lambda-{architecture}", f"functions on {architecture}", used)

    def _transitions(
        self, templates: Templates, functions: list[Mapping[str, Any]]
    ) -> Iterator[Row]:
        machine = definition(templates)
        if machine is None:
            return
        polls = 1.0
        if not self._config.serving.model_package:
            polls = self._rollout_minutes * 60 / _poll_seconds(functions)
        count = transitions(machine, polls=max(1, round(polls)))
        yield self._row("state-transition", "states of the workflow", count)

    def _storage(self) -> Iterator[Row]:
        volumes = self._volumes
        yield self._row("s3-write", "writes to S3", volumes.object_writes)
        yield self._row("s3-read", "reads from S3", volumes.object_reads)
        yield self._row("kms-request", "use of the key", volumes.key_requests)
        if self._config.replica:
            copied = volumes.object_megabytes / 1000
            yield self._row("region-transfer", "copies to the replica bucket", copied)

    def _observation(
        self, templates: Templates, functions: list[Mapping[str, Any]]
    ) -> Iterator[Row]:
        volumes = self._volumes
        logged = (volumes.log_megabytes + volumes.job_log_megabytes) / 1000
        yield self._row("log-ingestion", "logs", logged)
        yield self._row("trace", "trace", 1)
        yield self._row("sns-publish", "messages to the topic", volumes.messages)
        if self._config.alarm_email:
            yield self._row("sns-email", "mails", volumes.messages)
        # An hour in which a metric gets a value counts whole; both jobs may touch two hours.
        filters = counted(templates, "Executions")
        hours = 2 * (2 * _job_metrics(functions) + filters) / HOURS
        yield self._row("custom-metric", "metrics of both jobs and of the outcome", hours)


def _poll_seconds(functions: list[Mapping[str, Any]]) -> float:
    return float(_variable(functions, "POLL_SECONDS", "30"))


def _job_metrics(functions: list[Mapping[str, Any]]) -> int:
    return len(json.loads(_variable(functions, "METRIC_DEFINITIONS", "[]")))


def _variable(functions: list[Mapping[str, Any]], name: str, default: str) -> str:
    for function in functions:
        found = function.get("Environment", {}).get("Variables", {}).get(name)
        if isinstance(found, str):
            return found
    return default


def transitions(machine: Mapping[str, Any], *, polls: int) -> int:
    """Return how many states the longest execution enters that fails nowhere.

    Args:
        machine: The definition.
        polls: How often a loop of states is gone through.
    """
    states = machine["States"]
    looped = [name for name in states if name in _reached(states, name)]
    return _longest(states, machine["StartAt"], frozenset()) + (polls - 1) * len(looped)


def _next(state: Mapping[str, Any]) -> list[str]:
    names = [state.get("Next"), state.get("Default")]
    names += [choice.get("Next") for choice in state.get("Choices", ())]
    return [name for name in names if name]


def _longest(states: Mapping[str, Any], name: str, seen: frozenset[str]) -> int:
    following = [it for it in _next(states[name]) if it not in seen]
    return 1 + max((_longest(states, it, seen | {name}) for it in following), default=0)


def _reached(states: Mapping[str, Any], name: str) -> set[str]:
    found: set[str] = set()
    open_ = _next(states[name])
    while open_:
        at = open_.pop()
        if at not in found:
            found.add(at)
            open_ += _next(states[at])
    return found
