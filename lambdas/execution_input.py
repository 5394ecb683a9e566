"""The execution input: every key with its default, its range and what it may be combined with.

This is the one place where the input of the state machine is written down.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from lambdas.errors import InvalidInput
from lambdas.names import THING_GROUP
from lambdas.s3 import archive_address, table_address
from lambdas.validation import (
    boolean,
    checked,
    integer,
    mapping,
    nearest,
    number,
    one_of,
    read,
    scalar_text,
    shown,
    text,
)

BASELINES = (
    "static_best",
    "step_scaling",
    "target_tracking_60",
    "target_tracking_tuned",
    "hpa_tuned",
    "predictive_tuned",
    "seasonal_tuned",
    "peak_hold_tuned",
    "best_tuned",
    "random",
)
"""What the gate can compare with; `best_tuned` is the best of those whose knobs were tuned."""

MAX_RUN_SECONDS = 432_000
"""The longest job that an account may run unless its quota was raised (5 days)."""

INSTANCE_TYPE = "ml.c7i.2xlarge"
"""What jobs run on by default, where the stage offers it."""

_OWN_HYPERPARAMETERS = {"preset": "preset", "episodes": "evaluation.episodes"}


def _hyperparameter_name(value: object) -> object:
    text(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,255}", "a name of letters, digits, '_', '.' and '-'")(value)
    if str(value).startswith("sagemaker_"):
        raise ValueError("names that begin with sagemaker_ are reserved; choose another name")
    if value in _OWN_HYPERPARAMETERS:
        raise ValueError(f"give it as {_OWN_HYPERPARAMETERS[str(value)]} of the input instead")
    return value


def _hyperparameter_value(value: object) -> str:
    result = scalar_text(value)
    if len(result) > 2500:
        raise ValueError("must be at most 2500 characters long")
    return result


def _mode(value: object) -> object:
    if value == "shadow":
        raise ValueError("'shadow' is not available yet; use 'blue_green'")
    return one_of("blue_green", "shadow")(value)


@dataclass(frozen=True, kw_only=True)
class Load:
    """Where the load comes from: a file (contracts, section 2), or else the preset's generator."""

    s3_uri: str | None = checked(table_address, None)
    profile: str | None = checked(one_of("default"), None)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The scaling problem; None leaves a key to the preset (contracts, sections 3 and 8)."""

    mean_machines: float | None = checked(number(1, 100_000), None)
    warmup_minutes: int | None = checked(integer(0, 60), None)
    failure_price: float | None = checked(number(0.1, 10_000), None)
    change_price: float | None = checked(number(0, 10_000), None)
    min_machines: int | None = checked(integer(0, 1_000_000), None)
    max_machines: int | None = checked(integer(0, 1_000_000), None)

    def given(self) -> dict[str, float]:
        """List the keys that the user gave."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Training:
    """The training job."""

    run: bool = checked(boolean, True)
    instance_type: str = checked(
        text(r"ml\.[a-z0-9-]+\.[a-z0-9-]+", "an instance type such as ml.c7i.2xlarge"),
        INSTANCE_TYPE,
    )
    instance_count: int = checked(integer(1, 100), 1)
    use_spot: bool = checked(boolean, True)
    max_run_seconds: int = checked(integer(1, MAX_RUN_SECONDS), 3600)
    hyperparameters: Mapping[str, str] = mapping(
        names=_hyperparameter_name, values=_hyperparameter_value
    )


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The evaluation job; a confidence bound needs two load windows at least.

    None leaves the number of episodes to the preset, whose default is the contract's 16.
    """

    run: bool = checked(boolean, True)
    checkpoint_s3_uri: str | None = checked(archive_address, None)
    episodes: int | None = checked(integer(2, 10_000), None)


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What the policy must beat; None: the best tuned baseline, or random where there is none."""

    baseline: str | None = checked(one_of(*BASELINES), None)
    confidence: float = checked(number(0.5, 0.999), 0.95)


@dataclass(frozen=True, kw_only=True)
class Registry:
    """Whether the model package is approved at once or waits for a person."""

    approval: str = checked(one_of("automatic", "manual"), "automatic")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The endpoint that answers with the new policy."""

    run: bool = checked(boolean, True)
    mode: str = checked(_mode, "blue_green")


@dataclass(frozen=True, kw_only=True)
class Edge:
    """The devices that decide by themselves; None: those of the stage's own thing group."""

    run: bool = checked(boolean, False)
    thing_group: str | None = checked(THING_GROUP, None)


@dataclass(frozen=True, kw_only=True)
class ExecutionInput:
    """All that an execution can be told; every section and key may be left out."""

    preset: str | None = checked(text(r"[^\x00-\x1f]{1,256}", "the name of a preset"), None)
    load: Load = field(default_factory=Load)
    environment: Environment = field(default_factory=Environment)
    training: Training = field(default_factory=Training)
    evaluation: Evaluation = field(default_factory=Evaluation)
    gate: Gate = field(default_factory=Gate)
    registry: Registry = field(default_factory=Registry)
    endpoint: Endpoint = field(default_factory=Endpoint)
    edge: Edge = field(default_factory=Edge)


def parse(
    document: object,
    *,
    presets: Sequence[str],
    pinned: str = "",
    instance_types: Sequence[str] = (),
) -> ExecutionInput:
    """Read an execution input.

    Args:
        document: The state machine's input.
        presets: The names that the training bundle knows.
        pinned: The model package that the stage's endpoint serves, which no execution replaces;
            empty: the endpoint is the workflow's.
        instance_types: What the stage offers; none: any. Without `INSTANCE_TYPE` among them the
            first is the default.

    Returns:
        The input with its defaults.

    Raises:
        InvalidInput: One line for every mistake.
    """
    if pinned:
        document = _with_default(document, "endpoint", run=False)
    if instance_types and INSTANCE_TYPE not in instance_types:
        document = _with_default(document, "training", instance_type=instance_types[0])
    result, problems = read(ExecutionInput, document)
    if result is None:
        raise InvalidInput(problems)
    if pinned and result.endpoint.run:
        problems.append(
            f"endpoint.run: must be false, since this stage serves {pinned}; to serve the new "
            "version pin it as serving.model_package in stacks/config.py"
        )
    if result.preset is not None and result.preset not in presets:
        problems.append(
            f"preset: {shown(result.preset)} is not known; did you mean "
            f"{nearest(result.preset, presets)}? Known: {', '.join(presets)}"
        )
    problems += [*_wrong_parts(result), *_wrong_environment(result)]
    if problems:
        raise InvalidInput(problems)
    return result


def _with_default(document: object, section: str, **default: object) -> object:
    """Give a key of a section another default; what is no section is refused later."""
    given = document.get(section, {}) if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(given, dict):
        return document
    return {**document, section: {**default, **given}}


def _wrong_parts(document: ExecutionInput) -> list[str]:
    problems = []
    if document.load.s3_uri and document.load.profile:
        problems.append("load: give either s3_uri or profile, not both")
    checkpoint = document.evaluation.checkpoint_s3_uri
    if not document.training.run and not checkpoint:
        problems.append(
            "training.run: false needs evaluation.checkpoint_s3_uri, the model.tar.gz to go on with"
        )
    if document.training.run and checkpoint:
        problems.append(
            "evaluation.checkpoint_s3_uri: is only read with training.run false; leave one out"
        )
    if not document.evaluation.run and document.registry.approval != "manual":
        problems.append(
            'evaluation.run: false needs registry.approval "manual": '
            "what was not judged is not approved automatically"
        )
    if not document.evaluation.run and document.endpoint.run:
        problems.append(
            "evaluation.run: false needs endpoint.run false: what was not judged is not deployed"
        )
    problems += _wrong_edge(document)
    return problems


def _wrong_edge(document: ExecutionInput) -> list[str]:
    if not document.edge.run:
        return []
    if not document.evaluation.run:
        return ["edge.run: true needs evaluation.run: what was not judged reaches no device"]
    if document.registry.approval != "automatic":
        return [
            'edge.run: true needs registry.approval "automatic": '
            "what waits for a person's approval reaches no device"
        ]
    return []


def _wrong_environment(document: ExecutionInput) -> list[str]:
    problems = []
    given = document.environment.given()
    least, most = given.get("min_machines", 1), given.get("max_machines", 0)
    if 0 < most < least:
        problems.append(
            f"environment.max_machines: {most} is below min_machines ({least}); "
            "raise it, or use 0 for no limit"
        )
    for name in document.training.hyperparameters:
        key = name.removeprefix("environment.")
        if key in given:
            problems.append(
                f"training.hyperparameters.{name}: environment.{key} is given too; leave one out"
            )
    return problems
